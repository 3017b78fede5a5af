package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"fleet.local/sandbox/providers/internal/standin"
)

var clientScope = standin.Resource[*api]{
	Defaults: standin.Values{"include_in_token_scope": true, "include_in_openid_provider_metadata": true},
	Replace:  []string{"realm_id"},
	Refuse:   []string{"extra_config", "gui_order"},
	Create: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		id, err := a.post(ctx, at(standin.Get[string](change.Planned, "realm_id"), "client-scopes"), writeScope(change.Planned))
		return standin.Values{"id": id}, err
	},
	Read: readScope,
	Update: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		return standin.Values{}, a.put(ctx, scopePath(change.Planned), writeScope(change.Planned))
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		return ignoreGone(a.delete(ctx, scopePath(state), nil))
	},
	Import: standin.ImportByPath("realm_id", "id"),
}

var scopeFields = []field{
	{"name", "name", text},
	{"consent_screen_text", "attributes/consent.screen.text", text},
	{"include_in_token_scope", "attributes/include.in.token.scope", flagText},
	{"include_in_openid_provider_metadata", "attributes/include.in.openid.provider.metadata", blind},
}

func scopePath(values standin.Values) string {
	return at(standin.Get[string](values, "realm_id"), "client-scopes", standin.Get[string](values, "id"))
}

func writeScope(planned standin.Values) representation {
	body := representation{"protocol": "openid-connect"}
	write(body, scopeFields, planned)
	if id := standin.Get[string](planned, "id"); id != "" {
		body["id"] = id
	}
	return body
}

func readScope(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, scopePath(state), &body); err != nil {
		return nil, ignoreGone(err)
	}
	return read(body, scopeFields), nil
}

type namedScope struct{ ID, Name string }

func lookUpScope(ctx context.Context, a *api, config standin.Values) (standin.Values, error) {
	realm, name := standin.Get[string](config, "realm_id"), standin.Get[string](config, "name")
	scopes := []representation{}
	if err := a.get(ctx, at(realm, "client-scopes"), &scopes); err != nil {
		return nil, err
	}
	for _, body := range scopes {
		if body["name"] == name {
			values := read(body, scopeFields)
			values["id"], values["gui_order"], values["extra_config"] = body["id"], int64(0), standin.Values{}
			values["include_in_openid_provider_metadata"] = true
			return values, nil
		}
	}
	return nil, fmt.Errorf("no client scope with name %s found", name)
}

// defaultScopes is the resource that says which scopes a client always has: these and no others.
var defaultScopes = standin.Resource[*api]{
	Replace: []string{"realm_id", "client_id"},
	Create:  reconcileScopes,
	Update:  reconcileScopes,
	Read: func(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
		has, err := a.scopesOf(ctx, state)
		if err != nil {
			return nil, ignoreGone(err)
		}
		return standin.Values{"default_scopes": standin.SetOf(namesOf(has))}, nil
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		has, err := a.scopesOf(ctx, state)
		if err != nil {
			return ignoreGone(err)
		}
		return a.changeScopes(ctx, http.MethodDelete, state, intersection(namesOf(has), standin.Strings(state, "default_scopes")))
	},
}

func reconcileScopes(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	has, err := a.scopesOf(ctx, change.Planned)
	if err != nil {
		return nil, err
	}
	wanted := standin.Strings(change.Planned, "default_scopes")
	err = errors.Join(
		a.changeScopes(ctx, http.MethodDelete, change.Planned, without(namesOf(has), wanted)),
		a.changeScopes(ctx, http.MethodPut, change.Planned, without(wanted, namesOf(has))),
	)
	id := standin.Get[string](change.Planned, "realm_id") + "/" + standin.Get[string](change.Planned, "client_id")
	return standin.Values{"id": id}, err
}

func (a *api) scopesOf(ctx context.Context, values standin.Values) ([]namedScope, error) {
	has := []namedScope{}
	return has, a.get(ctx, scopesPath(values), &has)
}

func scopesPath(values standin.Values, more ...string) string {
	parts := append([]string{"clients", standin.Get[string](values, "client_id"), "default-client-scopes"}, more...)
	return at(standin.Get[string](values, "realm_id"), parts...)
}

func namesOf(scopes []namedScope) []string {
	names := make([]string, len(scopes))
	for i := range scopes {
		names[i] = scopes[i].Name
	}
	return names
}

// changeScopes attaches or detaches scopes by name, one request each.
func (a *api) changeScopes(ctx context.Context, method string, values standin.Values, names []string) error {
	all := []namedScope{}
	if err := a.get(ctx, at(standin.Get[string](values, "realm_id"), "client-scopes"), &all); err != nil {
		return err
	}
	ids := map[string]string{}
	for _, scope := range all {
		ids[scope.Name] = scope.ID
	}
	for _, name := range names {
		if ids[name] == "" {
			return fmt.Errorf("no client scope with name %s found", name)
		}
		if _, err := a.call(ctx, method, scopesPath(values, ids[name]), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// roleInScope is the resource that lets a role into the tokens of a client, or of all clients with a client scope.
var roleInScope = standin.Resource[*api]{
	Replace: []string{"realm_id", "client_id", "client_scope_id", "role_id"},
	Validate: func(config standin.Values) error {
		if (config["client_id"] == nil) == (config["client_scope_id"] == nil) {
			return errors.New("exactly one of client_id and client_scope_id must be specified")
		}
		return nil
	},
	Create: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		role, path, err := a.scopeMapping(ctx, change.Planned)
		if err != nil {
			return nil, err
		}
		_, err = a.call(ctx, http.MethodPost, path, []representation{role}, nil)
		owner, kind := standin.Get[string](change.Planned, "client_id"), "client"
		if owner == "" {
			owner, kind = standin.Get[string](change.Planned, "client_scope_id"), "client-scope"
		}
		id := fmt.Sprintf("%s/%s/%s/scope-mappings/%v/%v", standin.Get[string](change.Planned, "realm_id"), kind, owner,
			role["containerId"], role["id"])
		return standin.Values{"id": id}, err
	},
	Read: func(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
		_, path, err := a.scopeMapping(ctx, state)
		if err != nil {
			return nil, ignoreGone(err)
		}
		mapped := []struct{ ID string }{}
		if err := a.get(ctx, path, &mapped); err != nil {
			return nil, ignoreGone(err)
		}
		for _, role := range mapped {
			if role.ID == standin.Get[string](state, "role_id") {
				return standin.Values{}, nil
			}
		}
		return nil, nil
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		role, path, err := a.scopeMapping(ctx, state)
		if err != nil {
			return ignoreGone(err)
		}
		return ignoreGone(a.delete(ctx, path, []representation{role}))
	},
}

// scopeMapping gives a role and where its mapping into the scope lies.
func (a *api) scopeMapping(ctx context.Context, values standin.Values) (representation, string, error) {
	realm, role := standin.Get[string](values, "realm_id"), representation{}
	if err := a.get(ctx, at(realm, "roles-by-id", standin.Get[string](values, "role_id")), &role); err != nil {
		return nil, "", err
	}
	parts := []string{"clients", standin.Get[string](values, "client_id")}
	if scope := standin.Get[string](values, "client_scope_id"); scope != "" {
		parts = []string{"client-scopes", scope}
	}
	parts = append(parts, "scope-mappings")
	if role["clientRole"] == true {
		return role, at(realm, append(parts, "clients", asText(role["containerId"]).(string))...), nil
	}
	return role, at(realm, append(parts, "realm")...), nil
}
