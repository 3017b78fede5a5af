// Package standin serves a Terraform provider from a table of resources and the official provider's schema. It knows
// Terraform's protocol and nothing of any server that a resource lives on.
package standin

import (
	"encoding/json"
	"fmt"
	"sort"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// schemaSet is what `terraform providers schema -json` says of one provider, and where it is published.
type schemaSet struct {
	Source      string                `json:"source"`
	Version     string                `json:"version"`
	Provider    schemaJSON            `json:"provider"`
	Resources   map[string]schemaJSON `json:"resource_schemas"`
	DataSources map[string]schemaJSON `json:"data_source_schemas"`
}

type schemaJSON struct {
	Version int64     `json:"version"`
	Block   blockJSON `json:"block"`
}

type blockJSON struct {
	Attributes map[string]attributeJSON `json:"attributes"`
	Blocks     map[string]nestedJSON    `json:"block_types"`
	Deprecated bool                     `json:"deprecated"`
}

type attributeJSON struct {
	Type       json.RawMessage `json:"type"`
	Required   bool            `json:"required"`
	Optional   bool            `json:"optional"`
	Computed   bool            `json:"computed"`
	Sensitive  bool            `json:"sensitive"`
	WriteOnly  bool            `json:"write_only"`
	Deprecated bool            `json:"deprecated"`
}

type nestedJSON struct {
	Nesting  string    `json:"nesting_mode"`
	MinItems int64     `json:"min_items"`
	MaxItems int64     `json:"max_items"`
	Block    blockJSON `json:"block"`
}

var nestings = map[string]tfprotov5.SchemaNestedBlockNestingMode{
	"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
	"list":   tfprotov5.SchemaNestedBlockNestingModeList,
	"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
	"map":    tfprotov5.SchemaNestedBlockNestingModeMap,
}

func (s schemaJSON) protocol() (*tfprotov5.Schema, error) {
	block, err := s.Block.protocol()
	return &tfprotov5.Schema{Version: s.Version, Block: block}, err
}

func (b blockJSON) protocol() (*tfprotov5.SchemaBlock, error) {
	block := &tfprotov5.SchemaBlock{Deprecated: b.Deprecated}
	for _, name := range sortedKeys(b.Attributes) {
		attribute, err := b.Attributes[name].protocol(name)
		if err != nil {
			return nil, err
		}
		block.Attributes = append(block.Attributes, attribute)
	}
	for _, name := range sortedKeys(b.Blocks) {
		nested, err := b.Blocks[name].protocol(name)
		if err != nil {
			return nil, err
		}
		block.BlockTypes = append(block.BlockTypes, nested)
	}
	return block, nil
}

func (a attributeJSON) protocol(name string) (*tfprotov5.SchemaAttribute, error) {
	typ, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // the one parser of the schema's own notation
	if err != nil {
		return nil, fmt.Errorf("type of attribute %s: %w", name, err)
	}
	return &tfprotov5.SchemaAttribute{
		Name: name, Type: typ, Required: a.Required, Optional: a.Optional, Computed: a.Computed,
		Sensitive: a.Sensitive, WriteOnly: a.WriteOnly, Deprecated: a.Deprecated,
	}, nil
}

func (n nestedJSON) protocol(name string) (*tfprotov5.SchemaNestedBlock, error) {
	nesting, known := nestings[n.Nesting]
	if !known {
		return nil, fmt.Errorf("block %s: unknown nesting mode %q", name, n.Nesting)
	}
	block, err := n.Block.protocol()
	return &tfprotov5.SchemaNestedBlock{
		TypeName: name, Block: block, Nesting: nesting, MinItems: n.MinItems, MaxItems: n.MaxItems,
	}, err
}

func protocolSchemas(in map[string]schemaJSON) (map[string]*tfprotov5.Schema, error) {
	out := make(map[string]*tfprotov5.Schema, len(in))
	for name, schema := range in {
		converted, err := schema.protocol()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = converted
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
