package keycloak

import (
	"context"
	"net/http"

	"fleet.local/sandbox/providers/internal/standin"
)

// The authorization services of a client (its "resource server"): scopes, resources, policies, permissions.

var (
	authorizationScope = partOfServer{
		id:     "id",
		fields: []field{{"name", "name", text}, {"display_name", "displayName", text}, {"icon_uri", "iconUri", text}},
		kind:   func(standin.Values) []string { return []string{"scope"} },
	}.resource(standin.Resource[*api]{})

	authorizationResource = partOfServer{
		id: "_id",
		fields: []field{
			{"name", "name", text}, {"display_name", "displayName", text}, {"icon_uri", "icon_uri", text}, {"type", "type", text},
			{"uris", "uris", set}, {"owner_managed_access", "ownerManagedAccess", flag}, {"scopes", "scopes", names},
		},
		kind: func(standin.Values) []string { return []string{"resource"} },
	}.resource(standin.Resource[*api]{
		Defaults: standin.Values{"owner_managed_access": false}, Refuse: []string{"attributes"},
	})

	rolePolicy = partOfServer{
		id: "id",
		fields: []field{
			{"name", "name", text}, {"type", "type", text}, {"decision_strategy", "decisionStrategy", text}, {"logic", "logic", text},
			{"fetch_roles", "fetchRoles", flag}, {"role", "roles", form{rolesOut, rolesIn, zero}},
		},
		kind: func(standin.Values) []string { return []string{"policy", "role"} },
	}.resource(standin.Resource[*api]{
		Validate: func(config standin.Values) error { return standin.OneOf(config, "logic", "POSITIVE", "NEGATIVE") },
	})

	permission = partOfServer{
		id: "id",
		fields: []field{
			{"name", "name", text}, {"type", "type", text}, {"decision_strategy", "decisionStrategy", text},
			{"resource_type", "resourceType", text}, {"policies", "policies", set}, {"resources", "resources", set}, {"scopes", "scopes", set},
		},
		kind: func(values standin.Values) []string {
			return []string{"permission", standin.Get[string](values, "type")}
		},
		detail: readPermission,
	}.resource(standin.Resource[*api]{
		Defaults: standin.Values{"type": "resource", "decision_strategy": "UNANIMOUS"},
		Validate: func(config standin.Values) error { return standin.OneOf(config, "type", "resource", "scope") },
	})
)

// partOfServer is something that a client's resource server has: its id's name in a representation, its fields, where its kind
// lies, and what only other addresses tell.
type partOfServer struct {
	id     string
	fields []field
	kind   func(standin.Values) []string
	detail func(ctx context.Context, a *api, state, values standin.Values) error
}

func (p partOfServer) resource(r standin.Resource[*api]) standin.Resource[*api] {
	r.Replace = []string{"realm_id", "resource_server_id"}
	r.Create, r.Read, r.Update, r.Delete = p.create, p.read, p.update, p.remove
	r.Import = standin.ImportByPath("realm_id", "resource_server_id", "id")
	return r
}

func serverPath(values standin.Values, parts ...string) string {
	all := append([]string{"clients", standin.Get[string](values, "resource_server_id"), "authz", "resource-server"}, parts...)
	return at(standin.Get[string](values, "realm_id"), all...)
}

func (p partOfServer) path(values standin.Values) string {
	return serverPath(values, append(p.kind(values), standin.Get[string](values, "id"))...)
}

func (p partOfServer) create(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	body, made := representation{}, representation{}
	write(body, p.fields, change.Planned)
	_, err := a.call(ctx, http.MethodPost, serverPath(change.Planned, p.kind(change.Planned)...), body, &made)
	return standin.Values{"id": made[p.id]}, err
}

func (p partOfServer) read(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, p.path(state), &body); err != nil {
		return nil, ignoreGone(err)
	}
	values := read(body, p.fields)
	if p.detail == nil {
		return values, nil
	}
	return values, p.detail(ctx, a, state, values)
}

func (p partOfServer) update(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	body := representation{p.id: change.Planned["id"]}
	write(body, p.fields, change.Planned)
	return standin.Values{}, a.put(ctx, p.path(change.Planned), body)
}

// remove fails where the object is gone already, as the official provider does.
func (p partOfServer) remove(ctx context.Context, a *api, state standin.Values) error {
	return a.delete(ctx, p.path(state), nil)
}

// readPermission adds what a permission binds: ids, each behind an address of its own.
func readPermission(ctx context.Context, a *api, state, values standin.Values) error {
	id := standin.Get[string](state, "id")
	for attribute, path := range map[string]string{
		"policies":  serverPath(state, "policy", id, "associatedPolicies"),
		"resources": serverPath(state, "permission", id, "resources"),
		"scopes":    serverPath(state, "permission", id, "scopes"),
	} {
		bound := []representation{}
		if err := a.get(ctx, path, &bound); err != nil {
			return err
		}
		ids := []string{}
		for _, each := range bound {
			id := each["id"]
			if id == nil {
				id = each["_id"]
			}
			ids = append(ids, asText(id).(string))
		}
		values[attribute] = standin.SetOf(ids)
	}
	return nil
}

// names is a set of names that the API writes as objects.
var names = form{
	func(value any) any {
		out := []any{}
		for _, name := range texts(value) {
			out = append(out, representation{"name": name})
		}
		return out
	},
	func(value any) any {
		list, _ := value.([]any)
		out := []string{}
		for _, each := range list {
			out = append(out, asText(each.(representation)["name"]).(string))
		}
		return standin.SetOf(out)
	},
	zero,
}

func rolesOut(value any) any {
	list, _ := value.([]any)
	out := make([]any, len(list))
	for i := range list {
		role := list[i].(standin.Values)
		out[i] = representation{"id": role["id"], "required": role["required"]}
	}
	return out
}

func rolesIn(value any) any {
	list, _ := value.([]any)
	out := make([]any, len(list))
	for i := range list {
		role := list[i].(representation)
		out[i] = standin.Values{"id": role["id"], "required": asFlag(role["required"])}
	}
	return standin.Sorted(out)
}
