package standin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
)

// The rules are those of the SDK that the official providers are built with: what is left out of the configuration
// becomes its default, or stays as it is where it is computed, or is null.

// planner makes a planned state of one resource type.
type planner struct {
	defaults Values
	keep     []string
	same     map[string]func(old, new any) bool
}

func plannerOf[C any](r Resource[C]) planner {
	return planner{defaults: r.Defaults, keep: r.Keep, same: r.Same}
}

// plan gives the planned values of one block: prior is nil for a new object.
func (p planner) plan(block *tfprotov5.SchemaBlock, path string, config, prior Values) Values {
	planned := Values{}
	for _, attribute := range block.Attributes {
		planned[attribute.Name] = p.attribute(attribute, path+attribute.Name, config, prior)
	}
	for _, nested := range block.BlockTypes {
		planned[nested.TypeName] = p.nested(nested, path+nested.TypeName+".", config, prior)
	}
	return planned
}

func (p planner) attribute(attribute *tfprotov5.SchemaAttribute, path string, config, prior Values) any {
	name := attribute.Name
	wanted, had := config[name], prior[name]
	fallback, hasDefault := p.defaults[path]
	switch {
	case attribute.WriteOnly:
		return nil
	case wanted != nil && prior != nil && p.means(path, had, wanted):
		return had
	case prior != nil && had == nil && emptyCollection(wanted): // the SDK stores an empty set as null
		return nil
	case wanted != nil:
		return wanted
	case hasDefault:
		return fallback
	case attribute.Computed && prior == nil:
		return Unknown
	case attribute.Computed, slices.Contains(p.keep, path), Zero(had):
		return had
	}
	return nil
}

func emptyCollection(value any) bool {
	list, isList := value.([]any)
	return isList && len(list) == 0
}

func (p planner) means(path string, old, new any) bool {
	same, special := p.same[path]
	return special && old != nil && new != Unknown && same(old, new)
}

func (p planner) nested(nested *tfprotov5.SchemaNestedBlock, path string, config, prior Values) any {
	wanted, isList := config[nested.TypeName].([]any)
	if !isList {
		return config[nested.TypeName]
	}
	had := Get[[]any](prior, nested.TypeName)
	planned := make([]any, len(wanted))
	for i := range wanted {
		inner, _ := wanted[i].(Values)
		if nested.Nesting == tfprotov5.SchemaNestedBlockNestingModeSet {
			planned[i] = p.member(nested.Block, path, inner, had)
			continue
		}
		var before Values
		if i < len(had) {
			before, _ = had[i].(Values)
		}
		planned[i] = p.plan(nested.Block, path, inner, before)
	}
	return planned
}

// member plans an element of a set: sets have no places, so it is the one that would stay as it is, or a new one.
func (p planner) member(block *tfprotov5.SchemaBlock, path string, config Values, had []any) Values {
	for _, each := range had {
		before, _ := each.(Values)
		if planned := p.plan(block, path, config, before); Equal(planned, before) {
			return planned
		}
	}
	return p.plan(block, path, config, nil)
}

// complete lays what the server said over what the state had. What the server does not know of (a flag for Terraform
// alone) stays, or is its default after an import.
func (p planner) complete(block *tfprotov5.SchemaBlock, state, read Values) Values {
	out := Values{}
	for _, attribute := range block.Attributes {
		name := attribute.Name
		value, reported := read[name]
		if !reported {
			value = known(state[name])
		}
		if fallback, hasDefault := p.defaults[name]; hasDefault && value == nil {
			value = fallback
		}
		if attribute.WriteOnly {
			value = nil
		}
		out[name] = value
	}
	for _, nested := range block.BlockTypes {
		value, reported := read[nested.TypeName]
		if !reported {
			value = state[nested.TypeName]
		}
		if value == nil && nested.Nesting != tfprotov5.SchemaNestedBlockNestingModeSingle { // Terraform knows no other null block
			value = []any{}
		}
		out[nested.TypeName] = value
	}
	return out
}

// known drops what is still unknown after an apply: the official SDK stores null there.
func known(value any) any {
	if value == Unknown {
		return nil
	}
	return value
}

// refused says which setting, if any, is beyond the stand-in.
func (p planner) refused(names []string, config Values) error {
	for _, name := range names {
		value := config[name]
		if Zero(value) || value == Unknown || Equal(value, p.defaults[name]) {
			continue
		}
		return fmt.Errorf("the stand-in does not do %q; the official provider does", strings.TrimSuffix(name, "."))
	}
	return nil
}

// replaced names the attributes of which a change makes a new object.
func replaced(names []string, prior, planned Values) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return Equal(prior[name], planned[name]) })
}
