package google

import (
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"

	"fleet.local/sandbox/providers/internal/standin"
)

// https://cloud.google.com/iam/docs/service-accounts-create: 6 to 30 characters
var accountID = regexp.MustCompile(`^[a-z]([-a-z0-9]{4,28}[a-z0-9])$`)

var identity = []kind{
	{
		name: "google_service_account", id: "projects/{project}/serviceAccounts/{account_id}@{project}.iam.gserviceaccount.com",
		scope:    project,
		defaults: standin.Values{"disabled": false},
		replace:  []string{"account_id", "project"},
		made:     accountMade,
		validate: func(config standin.Values) error {
			if id := standin.Get[string](config, "account_id"); id != "" && !accountID.MatchString(id) {
				return errors.New("\"account_id\" doesn't match regexp \"^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$\"")
			}
			return nil
		},
	},
	{
		name: "google_service_account_iam_member", id: "{service_account_id}/{role}/{member}", additive: true, imports: spaced,
		needs:   map[string]string{"google_service_account": "{service_account_id}"},
		replace: []string{"member", "role", "service_account_id", "condition"},
	},
	{
		name: "google_project_iam_member", id: "{project}/{role}/{member}", scope: project, additive: true, imports: spaced,
		replace: []string{"member", "project", "role", "condition"},
	},
}

func accountMade(_ contents, values standin.Values) (standin.Values, error) {
	email := fmt.Sprintf("%v@%v.iam.gserviceaccount.com", values["account_id"], values["project"])
	number := fnv.New64a()
	number.Write([]byte(email))
	return standin.Values{
		"email": email, "member": "serviceAccount:" + email, "name": values["id"], "unique_id": fmt.Sprint(number.Sum64()),
	}, nil
}
