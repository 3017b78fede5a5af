package google

import (
	"errors"
	"fmt"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"
)

var databases = []kind{
	{
		name: "google_sql_database_instance", id: "projects/{project}/instances/{name}", scope: []string{"project", "region"},
		imports:  instancePath,
		defaults: instanceDefaults,
		replace:  []string{"name", "project", "region", "encryption_key_name"},
		made:     instanceMade,
		guard:    protected("instance"),
	},
	{
		name: "google_sql_user", id: "{name}//{instance}", scope: project, imports: userPath,
		needs:   map[string]string{"google_sql_database_instance": "{instance}"},
		replace: []string{"host", "instance", "name", "project", "type"},
	},
}

var instanceDefaults = standin.Values{
	"deletion_protection":                                                     true,
	"settings.activation_policy":                                              "ALWAYS",
	"settings.availability_type":                                              "ZONAL",
	"settings.deletion_protection_enabled":                                    false,
	"settings.disk_autoresize":                                                true,
	"settings.disk_autoresize_limit":                                          int64(0),
	"settings.pricing_plan":                                                   "PER_USE",
	"settings.ip_configuration.ipv4_enabled":                                  true,
	"settings.backup_configuration.binary_log_enabled":                        false,
	"settings.insights_config.query_insights_enabled":                         false,
	"settings.insights_config.record_application_tags":                        false,
	"settings.insights_config.record_client_address":                          false,
	"settings.ip_configuration.enable_private_path_for_google_cloud_services": false,
}

// instanceMade gives the instance its addresses; a private one needs the network's private service connection.
func instanceMade(held contents, values standin.Values) (standin.Values, error) {
	link := fmt.Sprintf("%v:%v:%v", values["project"], values["region"], values["name"])
	answer := standin.Values{
		"connection_name": link, "instance_type": "CLOUD_SQL_INSTANCE",
		"service_account_email_address": fmt.Sprintf("p-%v@gcp-sa-cloud-sql.iam.gserviceaccount.com", values["name"]),
	}
	wanted := privateNetwork(values)
	if wanted == "" {
		return answer, nil
	}
	for _, connection := range held["google_service_networking_connection"] {
		if short(standin.Get[string](connection, "network")) == short(wanted) {
			answer["private_ip_address"] = within(held, connection)
			answer["first_ip_address"] = answer["private_ip_address"]
			answer["ip_address"] = []any{standin.Values{"ip_address": answer["private_ip_address"], "time_to_retire": "", "type": "PRIVATE"}}
			return answer, nil
		}
	}
	return nil, errors.New("failed to create instance because the network doesn't have at least 1 private services connection")
}

func privateNetwork(values standin.Values) string {
	settings := first(values, "settings")
	return standin.Get[string](first(settings, "ip_configuration"), "private_network")
}

func first(values standin.Values, block string) standin.Values {
	if list := standin.Get[[]any](values, block); len(list) > 0 {
		inner, _ := list[0].(standin.Values)
		return inner
	}
	return nil
}

// within is the third address of the connection's reserved range.
func within(held contents, connection standin.Values) string {
	for _, name := range standin.Strings(connection, "reserved_peering_ranges") {
		for _, address := range held["google_compute_global_address"] {
			if address["name"] == short(name) {
				base := standin.Get[string](address, "address")
				return base[:strings.LastIndex(base, ".")] + ".3"
			}
		}
	}
	return ""
}

// instancePath takes projects/p/instances/n, p/n.
func instancePath(id string) string {
	parts := strings.Split(id, "/")
	if len(parts) == 2 {
		return "projects/" + parts[0] + "/instances/" + parts[1]
	}
	return id
}

// userPath takes project/instance/name, as PostgreSQL's users are imported.
func userPath(id string) string {
	parts := strings.SplitN(id, "/", 3)
	if len(parts) == 3 {
		return parts[2] + "//" + parts[1]
	}
	return id
}
