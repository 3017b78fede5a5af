package google

import (
	"fmt"

	"fleet.local/sandbox/providers/internal/standin"
)

const compute = "https://www.googleapis.com/compute/v1/"

var project = []string{"project"}

var network = []kind{
	{
		name: "google_project_service", id: "{project}/{service}", scope: project, additive: true,
		replace: []string{"project", "service"},
	},
	{
		name: "google_compute_network", id: "projects/{project}/global/networks/{name}", scope: project,
		defaults: standin.Values{"auto_create_subnetworks": true, "delete_default_routes_on_create": false},
		replace:  []string{"auto_create_subnetworks", "name", "project"},
		made:     linked,
	},
	{
		name: "google_compute_subnetwork", id: "projects/{project}/regions/{region}/subnetworks/{name}",
		scope: []string{"project", "region"}, needs: map[string]string{"google_compute_network": "{network}"},
		replace: []string{"name", "network", "project", "region"},
		made:    linked,
	},
	{
		name: "google_compute_global_address", id: "projects/{project}/global/addresses/{name}", scope: project,
		needs:    map[string]string{"google_compute_network": "{network}"},
		defaults: standin.Values{"address_type": "EXTERNAL"},
		replace:  []string{"address", "address_type", "name", "network", "prefix_length", "project", "purpose"},
		made:     addressed,
	},
	{
		name: "google_service_networking_connection", id: "{network}:{service}", additive: true,
		needs:   map[string]string{"google_compute_network": "{network}"},
		replace: []string{"network", "service"},
		made: func(_ contents, _ standin.Values) (standin.Values, error) {
			return standin.Values{"peering": "servicenetworking-googleapis-com"}, nil
		},
	},
	{
		name: "google_dns_managed_zone", id: "projects/{project}/managedZones/{name}", scope: project,
		defaults: standin.Values{"force_destroy": false, "visibility": "public"},
		replace:  []string{"dns_name", "name", "project", "visibility"},
	},
	{
		name: "google_dns_record_set", id: "projects/{project}/managedZones/{managed_zone}/rrsets/{name}/{type}", scope: project,
		needs:   map[string]string{"google_dns_managed_zone": "{managed_zone}"},
		replace: []string{"managed_zone", "name", "project", "type"},
	},
	{
		name: "google_container_cluster", id: "projects/{project}/locations/{location}/clusters/{name}", scope: project,
		needs:    map[string]string{"google_compute_network": "{network}", "google_compute_subnetwork": "{subnetwork}"},
		defaults: standin.Values{"deletion_protection": true, "enable_shielded_nodes": true},
		replace:  []string{"enable_autopilot", "location", "name", "network", "project", "subnetwork"},
		guard:    protected("cluster"),
	},
}

func linked(_ contents, values standin.Values) (standin.Values, error) {
	return standin.Values{"self_link": compute + standin.Get[string](values, "id")}, nil
}

// addressed allocates a range as Google does where none is asked for.
func addressed(held contents, values standin.Values) (standin.Values, error) {
	answer, _ := linked(held, values)
	if standin.Get[string](values, "address") == "" {
		answer["address"] = fmt.Sprintf("10.%d.0.0", 100+len(held["google_compute_global_address"]))
	}
	return answer, nil
}

// protected refuses to delete what Terraform was told to protect.
func protected(what string) func(standin.Values) error {
	return func(state standin.Values) error {
		if standin.Get[bool](state, "deletion_protection") {
			return fmt.Errorf("cannot destroy %s %v without setting deletion_protection=false and running `terraform apply`",
				what, state["name"])
		}
		return nil
	}
}
