package google

import (
	"context"

	"fleet.local/sandbox/providers/internal/standin"
	"fleet.local/sandbox/providers/schemas"
)

// Provider stands in for hashicorp/google.
var Provider = standin.Provider[*record]{
	Schema:    schemas.Google,
	Configure: configure,
	Resources: resources(),
}

func configure(_ context.Context, config standin.Values) (*record, error) {
	path, err := recordPath()
	project, region := standin.Get[string](config, "project"), standin.Get[string](config, "region")
	return &record{path: path, project: project, region: region}, err
}

func resources() map[string]standin.Resource[*record] {
	out := map[string]standin.Resource[*record]{}
	for _, kinds := range [][]kind{network, databases, storage, identity} {
		for _, each := range kinds {
			out[each.name] = each.resource()
		}
	}
	return out
}
