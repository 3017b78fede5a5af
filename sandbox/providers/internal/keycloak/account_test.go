package keycloak

import (
	"context"
	"testing"

	"fleet.local/sandbox/providers/internal/standin"
)

func TestAServiceAccountsRoleThereAndBack(t *testing.T) {
	mappings := "/realms/r/users/u/role-mappings/clients/c"
	a, sent := server(t, map[string]string{
		"GET /realms/r/clients/c/roles/view-users": `{"id": "7", "name": "view-users"}`,
		"POST " + mappings:                         "",
		"GET " + mappings:                          `[{"id": "6", "name": "view-realm"}, {"id": "7", "name": "view-users"}]`,
		"DELETE " + mappings:                       "",
	})
	planned := standin.Values{"realm_id": "r", "client_id": "c", "service_account_user_id": "u", "role": "view-users"}
	made, err := accountRole.Create(context.Background(), a, standin.Change{Planned: planned})
	if err != nil || made["id"] != "u/7" {
		t.Fatalf("made %v, %v", made, err)
	}
	if sent["POST "+mappings] != `[{"id":"7","name":"view-users"}]` {
		t.Errorf("sent %s", sent["POST "+mappings])
	}
	planned["id"] = "u/7"
	if state, err := accountRole.Read(context.Background(), a, planned); err != nil || state["role"] != "view-users" {
		t.Errorf("read %v, %v", state, err)
	}
	planned["id"] = "u/8"
	if state, err := accountRole.Read(context.Background(), a, planned); err != nil || state != nil {
		t.Errorf("a role that was taken away is still there: %v, %v", state, err)
	}
	if err := accountRole.Delete(context.Background(), a, planned); err != nil || sent["DELETE "+mappings] == "" {
		t.Errorf("sent %q, %v", sent["DELETE "+mappings], err)
	}
}

func TestAClientIsLookedUpByItsClientID(t *testing.T) {
	a, _ := server(t, map[string]string{"GET /realms/r/clients": `[{"id": "c", "clientId": "realm-management", "secret": "s"}]`})
	values, err := lookUpClient(context.Background(), a, standin.Values{"realm_id": "r", "client_id": "realm-management"})
	if err != nil || values["id"] != "c" || values["client_secret"] != nil {
		t.Errorf("got %v, %v", values, err)
	}
}
