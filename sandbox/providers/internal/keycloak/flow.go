package keycloak

import (
	"context"
	"errors"
	"maps"

	"fleet.local/sandbox/providers/internal/standin"
)

// Authentication flows: a flow of the realm, flows inside it, the steps of each (executions) and their settings.

var requirements = []string{"REQUIRED", "ALTERNATIVE", "OPTIONAL", "CONDITIONAL", "DISABLED"}

var flow = standin.Resource[*api]{
	Defaults: standin.Values{"provider_id": "basic-flow"},
	Replace:  []string{"realm_id"},
	Validate: func(config standin.Values) error {
		return standin.OneOf(config, "provider_id", "basic-flow", "client-flow")
	},
	Create: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		id, err := a.post(ctx, flowsPath(change.Planned), flowBody(change.Planned, true))
		return standin.Values{"id": id}, err
	},
	Read: func(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
		return a.readFlow(ctx, state)
	},
	Update: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		return standin.Values{}, a.put(ctx, flowPath(change.Planned), flowBody(change.Planned, true))
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		return a.delete(ctx, flowPath(state), nil)
	},
	Import: standin.ImportByPath("realm_id", "id"),
}

func flowsPath(values standin.Values, parts ...string) string {
	return at(standin.Get[string](values, "realm_id"), append([]string{"authentication", "flows"}, parts...)...)
}

func flowPath(values standin.Values) string {
	return flowsPath(values, standin.Get[string](values, "id"))
}

// insidePath is where the steps of a flow are listed and changed; Keycloak knows the flow by its alias there.
func insidePath(values standin.Values, parts ...string) string {
	return flowsPath(values, append([]string{standin.Get[string](values, "parent_flow_alias"), "executions"}, parts...)...)
}

func flowBody(planned standin.Values, top bool) representation {
	return representation{
		"alias": planned["alias"], "providerId": planned["provider_id"], "topLevel": top, "builtIn": false,
	}
}

func (a *api) readFlow(ctx context.Context, state standin.Values) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, flowPath(state), &body); err != nil {
		return nil, ignoreGone(err)
	}
	return standin.Values{"alias": body["alias"], "provider_id": body["providerId"]}, nil
}

// subflow is a flow and, in the flow around it, the step that runs it.
var subflow = standin.Resource[*api]{
	Defaults: standin.Values{"provider_id": "basic-flow", "requirement": "DISABLED"},
	Replace:  []string{"realm_id", "parent_flow_alias", "authenticator"},
	Refuse:   []string{"authenticator"},
	Validate: func(config standin.Values) error {
		return errors.Join(
			standin.OneOf(config, "provider_id", "basic-flow", "form-flow", "client-flow"),
			standin.OneOf(config, "requirement", requirements...),
		)
	},
	Create: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		body := representation{"alias": change.Planned["alias"], "type": change.Planned["provider_id"], "provider": ""}
		id, err := a.post(ctx, insidePath(change.Planned, "flow"), body)
		if err != nil {
			return nil, err
		}
		planned := maps.Clone(change.Planned)
		planned["id"] = id
		return standin.Values{"id": id}, a.placeSubflow(ctx, planned)
	},
	Read: func(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
		values, err := a.readFlow(ctx, state)
		if values == nil || err != nil {
			return values, err
		}
		step, err := a.stepOf(ctx, state)
		if err != nil {
			return nil, ignoreGone(err)
		}
		values["authenticator"] = ""
		values["requirement"], values["priority"] = step["requirement"], asWhole(step["priority"])
		return values, nil
	},
	Update: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		if err := a.put(ctx, flowPath(change.Planned), flowBody(change.Planned, false)); err != nil {
			return nil, err
		}
		return standin.Values{}, a.placeSubflow(ctx, change.Planned)
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		step, err := a.stepOf(ctx, state)
		if err != nil {
			return err
		}
		return a.delete(ctx, stepPath(state, asText(step["id"]).(string)), nil)
	},
	Import: standin.ImportByPath("realm_id", "parent_flow_alias", "id"),
}

// stepOf finds the step that runs a subflow.
func (a *api) stepOf(ctx context.Context, values standin.Values) (representation, error) {
	steps := []representation{}
	if err := a.get(ctx, insidePath(values), &steps); err != nil {
		return nil, err
	}
	for _, step := range steps {
		if step["flowId"] == values["id"] {
			return step, nil
		}
	}
	return nil, errors.New("no execution id found for subflow")
}

func (a *api) placeSubflow(ctx context.Context, planned standin.Values) error {
	step, err := a.stepOf(ctx, planned)
	if err != nil {
		return err
	}
	return a.placeStep(ctx, planned, asText(step["id"]).(string))
}

// placeStep says how needed a step is, and when its turn comes.
func (a *api) placeStep(ctx context.Context, planned standin.Values, id string) error {
	body := representation{"id": id, "requirement": planned["requirement"]}
	if priority := standin.Get[int64](planned, "priority"); priority != 0 {
		body["priority"] = priority
	}
	return a.put(ctx, insidePath(planned), body)
}

func stepPath(values standin.Values, parts ...string) string {
	return at(standin.Get[string](values, "realm_id"), append([]string{"authentication", "executions"}, parts...)...)
}

var execution = standin.Resource[*api]{
	Defaults: standin.Values{"requirement": "DISABLED"},
	Replace:  []string{"realm_id", "parent_flow_alias", "authenticator"},
	Validate: func(config standin.Values) error { return standin.OneOf(config, "requirement", requirements...) },
	Create: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		body := representation{"provider": change.Planned["authenticator"]}
		id, err := a.post(ctx, insidePath(change.Planned, "execution"), body)
		if err != nil {
			return nil, err
		}
		return standin.Values{"id": id}, a.placeStep(ctx, change.Planned, id)
	},
	Read: func(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
		body := representation{}
		if err := a.get(ctx, stepPath(state, standin.Get[string](state, "id")), &body); err != nil {
			return nil, ignoreGone(err)
		}
		return standin.Values{
			"authenticator": body["authenticator"], "requirement": body["requirement"], "priority": asWhole(body["priority"]),
		}, nil
	},
	Update: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		return standin.Values{}, a.placeStep(ctx, change.Planned, standin.Get[string](change.Planned, "id"))
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		return a.delete(ctx, stepPath(state, standin.Get[string](state, "id")), nil)
	},
	Import: standin.ImportByPath("realm_id", "parent_flow_alias", "id"),
}

var executionConfig = standin.Resource[*api]{
	Replace: []string{"realm_id", "execution_id", "alias"},
	Create: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		path := stepPath(change.Planned, standin.Get[string](change.Planned, "execution_id"), "config")
		id, err := a.post(ctx, path, settings(change.Planned))
		return standin.Values{"id": id}, err
	},
	Read: func(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
		body := representation{}
		if err := a.get(ctx, settingsPath(state), &body); err != nil {
			return nil, ignoreGone(err)
		}
		return standin.Values{"alias": body["alias"], "config": body["config"]}, nil
	},
	Update: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		body := settings(change.Planned)
		body["id"] = change.Planned["id"]
		return standin.Values{}, a.put(ctx, settingsPath(change.Planned), body)
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		return a.delete(ctx, settingsPath(state), nil)
	},
	Import: standin.ImportByPath("realm_id", "execution_id", "id"),
}

func settings(planned standin.Values) representation {
	return representation{"alias": planned["alias"], "config": planned["config"]}
}

func settingsPath(values standin.Values) string {
	return at(standin.Get[string](values, "realm_id"), "authentication", "config", standin.Get[string](values, "id"))
}
