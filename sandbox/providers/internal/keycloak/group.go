package keycloak

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"
)

var group = standin.Resource[*api]{
	Replace: []string{"realm_id", "organization_id", "parent_id"},
	Refuse:  []string{"organization_id"},
	Create:  createGroup,
	Read:    readGroup,
	Update:  updateGroup,
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		return ignoreGone(a.delete(ctx, groupPath(state), nil))
	},
	Import: standin.ImportByPath("realm_id", "id"),
}

func groupPath(values standin.Values) string {
	return at(standin.Get[string](values, "realm_id"), "groups", standin.Get[string](values, "id"))
}

func createGroup(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	parts := []string{"groups"}
	if parent := standin.Get[string](change.Planned, "parent_id"); parent != "" {
		parts = []string{"groups", parent, "children"}
	}
	body := representation{"name": change.Planned["name"], "attributes": attributesOut(change.Planned)}
	id, err := a.post(ctx, at(standin.Get[string](change.Planned, "realm_id"), parts...), body)
	return standin.Values{"id": id}, err
}

func readGroup(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, groupPath(state), &body); err != nil {
		return nil, ignoreGone(err)
	}
	return groupValues(body), nil
}

func groupValues(body representation) standin.Values {
	return standin.Values{
		"id": body["id"], "name": body["name"], "path": body["path"], "attributes": attributesIn(body),
		"parent_id": body["parentId"], "organization_id": "",
	}
}

func updateGroup(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, groupPath(change.Planned), &body); err != nil {
		return nil, err
	}
	body["name"], body["attributes"] = change.Planned["name"], attributesOut(change.Planned)
	return standin.Values{}, a.put(ctx, groupPath(change.Planned), body)
}

func lookUpGroup(ctx context.Context, a *api, config standin.Values) (standin.Values, error) {
	path, name := standin.Get[string](config, "group_path"), standin.Get[string](config, "name")
	if (path == "") == (name == "") {
		return nil, errors.New("exactly one of `name` or `group_path` must be specified")
	}
	if standin.Get[string](config, "organization_id") != "" {
		return nil, errors.New("the stand-in does not do \"organization_id\"; the official provider does")
	}
	if path == "" {
		return a.groupByName(ctx, standin.Get[string](config, "realm_id"), name)
	}
	parts := append([]string{"group-by-path"}, strings.Split(strings.TrimPrefix(path, "/"), "/")...)
	body := representation{}
	err := a.get(ctx, at(standin.Get[string](config, "realm_id"), parts...), &body)
	if gone(err) {
		return nil, fmt.Errorf("group not found at path: %s", path)
	}
	return groupValues(body), err
}

func (a *api) groupByName(ctx context.Context, realm, name string) (standin.Values, error) {
	found := []representation{}
	if err := a.get(ctx, at(realm, "groups")+"?"+query("search", name, "exact", "true"), &found); err != nil {
		return nil, err
	}
	for len(found) > 0 {
		first := found[0]
		if first["name"] == name {
			return groupValues(first), nil
		}
		children, _ := first["subGroups"].([]any)
		found = found[1:]
		for _, child := range children {
			found = append(found, child.(representation))
		}
	}
	return nil, fmt.Errorf("no group with name %s found", name)
}

func lookUpUser(ctx context.Context, a *api, config standin.Values) (standin.Values, error) {
	username := standin.Get[string](config, "username")
	found := []representation{}
	path := at(standin.Get[string](config, "realm_id"), "users") + "?" + query("username", username, "exact", "true")
	if err := a.get(ctx, path, &found); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("user with username %s not found", username)
	}
	user := found[0]
	return standin.Values{
		"id": user["id"], "email": asText(user["email"]), "email_verified": asFlag(user["emailVerified"]),
		"enabled": asFlag(user["enabled"]), "first_name": asText(user["firstName"]), "last_name": asText(user["lastName"]),
		"attributes": attributesIn(user), "required_actions": asSet(user["requiredActions"]), "federated_identity": []any{},
	}, nil
}
