package keycloak

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"
)

var mapper = standin.Resource[*api]{
	Defaults: standin.Values{
		"add_to_id_token": true, "add_to_access_token": true, "add_to_userinfo": true, "claim_value_type": "String", "multivalued": false,
	},
	Replace:  []string{"realm_id", "client_id", "client_scope_id"},
	Validate: validateMapper,
	Create:   createMapper,
	Read:     readMapper,
	Update:   updateMapper,
	Delete: func(ctx context.Context, a *api, state standin.Values) error {
		return ignoreGone(a.delete(ctx, mapperPath(state), nil))
	},
	Import: importMapper,
}

var mapperFields = []field{
	{"name", "name", text},
	{"add_to_id_token", "config/id.token.claim", flagText},
	{"add_to_access_token", "config/access.token.claim", flagText},
	{"add_to_userinfo", "config/userinfo.token.claim", flagText},
	{"claim_name", "config/claim.name", text},
	{"claim_value_type", "config/jsonType.label", text},
	{"multivalued", "config/multivalued", flagText},
	{"client_id_for_role_mappings", "config/usermodel.clientRoleMapping.clientId", text},
	{"client_role_prefix", "config/usermodel.clientRoleMapping.rolePrefix", text},
}

func validateMapper(config standin.Values) error {
	if (config["client_id"] == nil) == (config["client_scope_id"] == nil) {
		return errors.New("exactly one of client_id and client_scope_id must be specified")
	}
	return standin.OneOf(config, "claim_value_type", "JSON", "String", "long", "int", "boolean")
}

// mapperPath gives the mapper's own path, or that of all mappers where the id is not known yet.
func mapperPath(values standin.Values) string {
	parts := []string{"clients", standin.Get[string](values, "client_id")}
	if scope := standin.Get[string](values, "client_scope_id"); scope != "" {
		parts = []string{"client-scopes", scope}
	}
	parts = append(parts, "protocol-mappers", "models")
	if id := standin.Get[string](values, "id"); id != "" {
		parts = append(parts, id)
	}
	return at(standin.Get[string](values, "realm_id"), parts...)
}

func writeMapper(planned standin.Values) representation {
	body := representation{"protocol": "openid-connect", "protocolMapper": "oidc-usermodel-client-role-mapper"}
	write(body, mapperFields, planned)
	return body
}

func createMapper(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	id, err := a.post(ctx, mapperPath(change.Planned), writeMapper(change.Planned))
	return standin.Values{"id": id}, err
}

func readMapper(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, mapperPath(state), &body); err != nil {
		return nil, ignoreGone(err)
	}
	return read(body, mapperFields), nil
}

func updateMapper(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	body := writeMapper(change.Planned)
	body["id"] = change.Planned["id"]
	return standin.Values{}, a.put(ctx, mapperPath(change.Planned), body)
}

func importMapper(id string) (standin.Values, error) {
	owner := map[string]string{"client": "client_id", "client-scope": "client_scope_id"}
	parts := strings.Split(id, "/")
	if len(parts) != 4 || owner[parts[1]] == "" {
		return nil, fmt.Errorf("invalid import id %q: expected {{realmId}}/client/{{clientId}}/{{protocolMapperId}} or {{realmId}}/client-scope/{{clientScopeId}}/{{protocolMapperId}}", id)
	}
	return standin.Values{"realm_id": parts[0], owner[parts[1]]: parts[2], "id": parts[3]}, nil
}
