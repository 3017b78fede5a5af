package google

import (
	"fmt"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"
)

var storage = []kind{
	{
		name: "google_storage_bucket", id: "{name}", scope: project,
		defaults: standin.Values{"force_destroy": false, "storage_class": "STANDARD"},
		replace:  []string{"location", "name", "project"},
		made: func(_ contents, values standin.Values) (standin.Values, error) {
			return standin.Values{"url": fmt.Sprintf("gs://%v", values["name"])}, nil
		},
	},
	{
		name: "google_storage_bucket_iam_member", id: "b/{bucket}/{role}/{member}", additive: true, imports: spaced,
		needs:   map[string]string{"google_storage_bucket": "{bucket}"},
		replace: []string{"bucket", "member", "role"},
	},
	{
		name: "google_storage_managed_folder", id: "{bucket}/{name}",
		needs:    map[string]string{"google_storage_bucket": "{bucket}"},
		defaults: standin.Values{"force_destroy": false},
		replace:  []string{"bucket", "name"},
		validate: func(config standin.Values) error {
			if name := standin.Get[string](config, "name"); name != "" && !strings.HasSuffix(name, "/") {
				return fmt.Errorf("\"name\" (%q) must end with a slash", name)
			}
			return nil
		},
	},
	{
		name: "google_storage_managed_folder_iam_member", id: "b/{bucket}/managedFolders/{managed_folder}/{role}/{member}",
		additive: true, imports: spaced,
		needs:   map[string]string{"google_storage_managed_folder": "{managed_folder}"},
		replace: []string{"bucket", "managed_folder", "member", "role"},
	},
	{
		name: "google_secret_manager_secret", id: "projects/{project}/secrets/{secret_id}", scope: project,
		replace: []string{"project", "secret_id"},
		made: func(_ contents, values standin.Values) (standin.Values, error) {
			return standin.Values{"name": values["id"]}, nil
		},
	},
	{
		name: "google_secret_manager_secret_version", id: "{secret}/versions/{secret_data_wo_version}",
		needs:    map[string]string{"google_secret_manager_secret": "{secret}"},
		defaults: standin.Values{"enabled": true},
		replace:  []string{"secret", "secret_data", "secret_data_wo_version"},
		made: func(_ contents, values standin.Values) (standin.Values, error) {
			return standin.Values{"name": values["id"]}, nil
		},
	},
}

// spaced takes an IAM import's id, whose parts blanks separate.
func spaced(id string) string { return strings.ReplaceAll(id, " ", "/") }
