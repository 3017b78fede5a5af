package keycloak

import (
	"context"
	"net/http"
	"slices"

	"fleet.local/sandbox/providers/internal/standin"
)

// roleMapping is the resource that gives roles to a member: a group or a user (the collection in the admin API, and the
// attribute that holds the member's id).
func roleMapping(collection, member string) standin.Resource[*api] {
	m := mapping{collection, member}
	return standin.Resource[*api]{
		Defaults: standin.Values{"exhaustive": true},
		Replace:  []string{"realm_id", member},
		Create:   m.reconcile,
		Read:     m.read,
		Update:   m.reconcile,
		Delete:   m.remove,
		Import: func(id string) (standin.Values, error) {
			values, err := standin.ImportByPath("realm_id", member)(id)
			if err == nil {
				values["id"], values["exhaustive"] = id, true
			}
			return values, err
		},
	}
}

type mapping struct{ collection, member string }

func (m mapping) path(values standin.Values, more ...string) string {
	parts := append([]string{m.collection, standin.Get[string](values, m.member), "role-mappings"}, more...)
	return at(standin.Get[string](values, "realm_id"), parts...)
}

// reconcile gives the member what is planned and takes what was planned before; when exhaustive, everything else too.
func (m mapping) reconcile(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	has, err := m.roles(ctx, a, change.Planned)
	if err != nil {
		return nil, err
	}
	wanted := standin.Strings(change.Planned, "role_ids")
	surplus := standin.Strings(change.Prior, "role_ids")
	if standin.Get[bool](change.Planned, "exhaustive") {
		surplus = has
	}
	if err := m.change(ctx, a, http.MethodDelete, change.Planned, without(intersection(surplus, has), wanted)); err != nil {
		return nil, err
	}
	id := standin.Get[string](change.Planned, "realm_id") + "/" + standin.Get[string](change.Planned, m.member)
	return standin.Values{"id": id}, m.change(ctx, a, http.MethodPost, change.Planned, without(wanted, has))
}

func (m mapping) read(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	has, err := m.roles(ctx, a, state)
	if err != nil {
		return nil, ignoreGone(err)
	}
	if !standin.Get[bool](state, "exhaustive") {
		has = intersection(has, standin.Strings(state, "role_ids"))
	}
	return standin.Values{"role_ids": standin.SetOf(has)}, nil
}

// remove takes away what this resource gave; a role that is gone has taken its mapping with it.
func (m mapping) remove(ctx context.Context, a *api, state standin.Values) error {
	has, err := m.roles(ctx, a, state)
	if err != nil {
		return ignoreGone(err)
	}
	return m.change(ctx, a, http.MethodDelete, state, intersection(standin.Strings(state, "role_ids"), has))
}

// roles gives the ids of all roles, of the realm and of clients, that the member has been given.
func (m mapping) roles(ctx context.Context, a *api, values standin.Values) ([]string, error) {
	type named struct{ ID string }
	var answer struct {
		RealmMappings  []named
		ClientMappings map[string]struct{ Mappings []named }
	}
	if err := a.get(ctx, m.path(values), &answer); err != nil {
		return nil, err
	}
	all := answer.RealmMappings
	for _, client := range answer.ClientMappings {
		all = append(all, client.Mappings...)
	}
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	return ids, nil
}

// change sends the roles to where mappings of their kind are changed: one request per client, and one for the realm.
func (m mapping) change(ctx context.Context, a *api, method string, values standin.Values, ids []string) error {
	byPath := map[string][]representation{}
	for _, id := range ids {
		body := representation{}
		if err := a.get(ctx, at(standin.Get[string](values, "realm_id"), "roles-by-id", id), &body); err != nil {
			return err
		}
		path := m.path(values, "realm")
		if body["clientRole"] == true {
			path = m.path(values, "clients", asText(body["containerId"]).(string))
		}
		byPath[path] = append(byPath[path], body)
	}
	for path, roles := range byPath {
		if _, err := a.call(ctx, method, path, roles, nil); err != nil {
			return err
		}
	}
	return nil
}

func intersection(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
