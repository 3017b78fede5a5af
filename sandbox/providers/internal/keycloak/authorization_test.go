package keycloak

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"fleet.local/sandbox/providers/internal/standin"
)

func TestAPolicysRolesThereAndBack(t *testing.T) {
	roles := []any{standin.Values{"id": "b", "required": false}, standin.Values{"id": "a", "required": true}}
	sent := rolesOut(roles).([]any)
	if len(sent) != 2 || !standin.Equal(sent[0], representation{"id": "b", "required": false}) {
		t.Errorf("sent %v", sent)
	}
	want := []any{standin.Values{"id": "a", "required": true}, standin.Values{"id": "b", "required": false}}
	if got := rolesIn(sent); !standin.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAResourcesScopesAreNames(t *testing.T) {
	sent := names.send([]any{"LIST", "GET"})
	if got := names.receive(sent); !standin.Equal(got, []any{"GET", "LIST"}) {
		t.Errorf("got %v from %v", got, sent)
	}
}

func TestAClientsBlocks(t *testing.T) {
	sent := representation{}
	writeClientBlocks(sent, standin.Values{})
	if sent["authorizationServicesEnabled"] != false || sent["authorizationSettings"] != nil {
		t.Errorf("without blocks it sent %v", sent)
	}
	if flows := sent["authenticationFlowBindingOverrides"].(representation); flows["browser"] != "" {
		t.Errorf("an override would stay: %v", flows)
	}
	writeClientBlocks(sent, standin.Values{
		"authorization": []any{standin.Values{
			"policy_enforcement_mode": "ENFORCING", "decision_strategy": "UNANIMOUS", "allow_remote_resource_management": true,
		}},
		"authentication_flow_binding_overrides": []any{standin.Values{"browser_id": "flow"}},
	})
	settings := sent["authorizationSettings"].(representation)
	if sent["authorizationServicesEnabled"] != true || settings["policyEnforcementMode"] != "ENFORCING" {
		t.Errorf("sent %v", sent)
	}
	if flows := sent["authenticationFlowBindingOverrides"].(representation); flows["browser"] != "flow" {
		t.Errorf("sent %v", flows)
	}
}

// server answers each "METHOD path" with its JSON and keeps what was sent there.
func server(t *testing.T, answers map[string]string) (*api, map[string]string) {
	t.Helper()
	sent := map[string]string{}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent[r.Method+" "+r.URL.Path] = string(body)
		answer, known := answers[r.Method+" "+r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Location", "/made/new-id")
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(listening.Close)
	return &api{admin: listening.URL, http: listening.Client(), bearer: "b", expires: time.Now().Add(time.Hour)}, sent
}

func TestAStepIsMadeAndThenPlaced(t *testing.T) {
	executions := "/realms/r/authentication/flows/above/executions"
	a, sent := server(t, map[string]string{"POST " + executions + "/execution": "", "PUT " + executions: ""})
	made, err := execution.Create(context.Background(), a, standin.Change{Planned: standin.Values{
		"realm_id": "r", "parent_flow_alias": "above", "authenticator": "auth-cookie", "requirement": "ALTERNATIVE", "priority": int64(10),
	}})
	if err != nil || made["id"] != "new-id" {
		t.Fatalf("made %v, %v", made, err)
	}
	placed := representation{}
	if err := json.Unmarshal([]byte(sent["PUT "+executions]), &placed); err != nil {
		t.Fatal(err)
	}
	if !standin.Equal(placed, representation{"id": "new-id", "requirement": "ALTERNATIVE", "priority": 10.0}) {
		t.Errorf("placed %v", placed)
	}
}

func TestAPermissionBindsWhatOtherAddressesTell(t *testing.T) {
	base := "/realms/r/clients/c/authz/resource-server"
	a, _ := server(t, map[string]string{
		"GET " + base + "/permission/scope/p":          `{"id": "p", "name": "read", "type": "scope", "decisionStrategy": "UNANIMOUS"}`,
		"GET " + base + "/policy/p/associatedPolicies": `[{"id": "policy"}]`,
		"GET " + base + "/permission/p/resources":      `[{"_id": "two"}, {"_id": "one"}]`,
		"GET " + base + "/permission/p/scopes":         `[{"id": "scope"}]`,
	})
	got, err := permission.Read(context.Background(), a, standin.Values{
		"realm_id": "r", "resource_server_id": "c", "id": "p", "type": "scope",
	})
	want := standin.Values{
		"name": "read", "type": "scope", "decision_strategy": "UNANIMOUS", "resource_type": "",
		"policies": []any{"policy"}, "resources": []any{"one", "two"}, "scopes": []any{"scope"},
	}
	if err != nil || !standin.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if gone, err := permission.Read(context.Background(), a, standin.Values{"realm_id": "r", "id": "x", "type": "scope"}); gone != nil || err != nil {
		t.Errorf("what is gone reads as %v, %v", gone, err)
	}
}
