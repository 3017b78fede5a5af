package keycloak

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"fleet.local/sandbox/providers/internal/standin"
)

// accountRole is the resource that gives one role of a client to the service account of another.
var accountRole = standin.Resource[*api]{
	Replace: []string{"realm_id", "client_id", "service_account_user_id", "role"},
	Create: func(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
		given, err := a.roleOfClient(ctx, change.Planned)
		if err != nil {
			return nil, err
		}
		_, err = a.call(ctx, http.MethodPost, accountRolesPath(change.Planned), []representation{given}, nil)
		return standin.Values{"id": accountRoleID(change.Planned, given)}, err
	},
	Read: func(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
		has := []representation{}
		if err := a.get(ctx, accountRolesPath(state), &has); err != nil {
			return nil, ignoreGone(err)
		}
		found := slices.IndexFunc(has, func(role representation) bool { return accountRoleID(state, role) == state["id"] })
		if found < 0 {
			return nil, nil
		}
		return standin.Values{"role": has[found]["name"]}, nil
	},
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		given, err := a.roleOfClient(ctx, state)
		if err != nil {
			return ignoreGone(err)
		}
		return ignoreGone(a.delete(ctx, accountRolesPath(state), []representation{given}))
	},
	Import: func(id string) (standin.Values, error) {
		values, err := standin.ImportByPath("realm_id", "service_account_user_id", "client_id", "id")(id)
		if err == nil {
			values["id"] = standin.Get[string](values, "service_account_user_id") + "/" + standin.Get[string](values, "id")
		}
		return values, err
	},
}

func accountRolesPath(values standin.Values) string {
	user, owner := standin.Get[string](values, "service_account_user_id"), standin.Get[string](values, "client_id")
	return at(standin.Get[string](values, "realm_id"), "users", user, "role-mappings", "clients", owner)
}

func accountRoleID(values standin.Values, role representation) string {
	return standin.Get[string](values, "service_account_user_id") + "/" + asText(role["id"]).(string)
}

func (a *api) roleOfClient(ctx context.Context, values standin.Values) (representation, error) {
	body := representation{}
	owner, name := standin.Get[string](values, "client_id"), standin.Get[string](values, "role")
	return body, a.get(ctx, at(standin.Get[string](values, "realm_id"), "clients", owner, "roles", name), &body)
}

// lookUpClient gives of a client what needs no second request, and never its secret.
func lookUpClient(ctx context.Context, a *api, config standin.Values) (standin.Values, error) {
	realm, clientID := standin.Get[string](config, "realm_id"), standin.Get[string](config, "client_id")
	found := []representation{}
	if err := a.get(ctx, at(realm, "clients")+"?"+query("clientId", clientID), &found); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("openid client with name %s does not exist", clientID)
	}
	values := read(found[0], clientFields)
	values["id"] = found[0]["id"]
	return values, nil
}
