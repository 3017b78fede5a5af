package keycloak

import (
	"context"

	"fleet.local/sandbox/providers/internal/standin"
)

var role = standin.Resource[*api]{
	Defaults: standin.Values{"import": false},
	Replace:  []string{"realm_id", "client_id", "import"},
	Refuse:   []string{"import", "composite_roles"},
	Create:   createRole,
	Read:     readRole,
	Update:   updateRole,
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		return ignoreGone(a.delete(ctx, rolePath(state), nil))
	},
	Import: standin.ImportByPath("realm_id", "id"),
}

func rolePath(values standin.Values) string {
	return at(standin.Get[string](values, "realm_id"), "roles-by-id", standin.Get[string](values, "id"))
}

func createRole(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	realm, name := standin.Get[string](change.Planned, "realm_id"), standin.Get[string](change.Planned, "name")
	parts := []string{"roles"}
	if owner := standin.Get[string](change.Planned, "client_id"); owner != "" {
		parts = []string{"clients", owner, "roles"}
	}
	body := representation{"name": name, "attributes": attributesOut(change.Planned)}
	if _, err := a.post(ctx, at(realm, parts...), body); err != nil {
		return nil, err
	}
	var made struct{ ID string } // the Location header ends in the role's name
	err := a.get(ctx, at(realm, append(parts, name)...), &made)
	return standin.Values{"id": made.ID}, err
}

func readRole(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, rolePath(state), &body); err != nil {
		return nil, ignoreGone(err)
	}
	values := standin.Values{"name": body["name"], "attributes": attributesIn(body), "client_id": ""}
	if body["clientRole"] == true {
		values["client_id"] = body["containerId"]
	}
	composites := []struct{ ID string }{}
	if body["composite"] == true {
		if err := a.get(ctx, rolePath(state)+"/composites", &composites); err != nil {
			return nil, err
		}
	}
	ids := []string{}
	for _, composite := range composites {
		ids = append(ids, composite.ID)
	}
	values["composite_roles"] = standin.SetOf(ids)
	return values, nil
}

func updateRole(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, rolePath(change.Planned), &body); err != nil {
		return nil, err
	}
	body["name"], body["attributes"] = change.Planned["name"], attributesOut(change.Planned)
	return standin.Values{}, a.put(ctx, rolePath(change.Planned), body)
}
