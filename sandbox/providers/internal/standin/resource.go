package standin

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Provider is one stand-in: the official schema, and what its resources do to a server reached through a client C.
type Provider[C any] struct {
	Schema      []byte
	Configure   func(context.Context, Values) (C, error)
	Resources   map[string]Resource[C]
	DataSources map[string]DataSource[C]
}

// DataSource looks something up; an attribute that it leaves out of its answer stays as configured.
type DataSource[C any] func(context.Context, C, Values) (Values, error)

// Resource is one resource type. Attributes of nested blocks are named by dotted paths ("block.attribute").
type Resource[C any] struct {
	// Defaults are the values of attributes that the configuration leaves out.
	Defaults Values
	// Replace names the attributes whose change makes a new object.
	Replace []string
	// Keep names the attributes that, left out of the configuration, stay as the server has them.
	Keep []string
	// Same says that two unlike values of an attribute mean the same.
	Same map[string]func(old, new any) bool
	// Refuse names what the official resource can do and the stand-in cannot, unless it is left at its default.
	Refuse []string
	// Validate checks a configuration in which values may still be unknown.
	Validate func(Values) error

	// Create and Update give what they alone know (the id above all); Read then completes it.
	Create func(context.Context, C, Change) (Values, error)
	Update func(context.Context, C, Change) (Values, error)
	// Read gives what the server has, or nil where the object is gone.
	Read   func(context.Context, C, Values) (Values, error)
	Delete func(context.Context, C, Values) error
	// Import turns an id into what Read needs; nil where the official resource cannot be imported.
	Import func(id string) (Values, error)
}

// Change is what Create and Update work from. Only Config holds the write-only arguments.
type Change struct{ Prior, Planned, Config Values }

// Changed tells whether any of the attributes differs between the prior and the planned state.
func (c Change) Changed(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return !Equal(c.Prior[name], c.Planned[name]) })
}

// ImportByID is the import of a resource that needs its id only.
func ImportByID(id string) (Values, error) { return Values{"id": id}, nil }

// ImportByPath splits an id at its slashes into the named attributes, of which the last is the id.
func ImportByPath(names ...string) func(string) (Values, error) {
	return func(id string) (Values, error) {
		parts := strings.Split(id, "/")
		if len(parts) != len(names) {
			return nil, fmt.Errorf("invalid import id %q: expected {{%s}}", id, strings.Join(names, "}}/{{"))
		}
		values := Values{}
		for i, name := range names {
			values[name] = parts[i]
		}
		return values, nil
	}
}

// Together refuses a configuration in which only some of the attributes are set.
func Together(config Values, names ...string) error {
	set := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return config[name] == nil })
	if len(set) != 0 && len(set) != len(names) {
		return fmt.Errorf("all of %s must be specified together", strings.Join(names, ", "))
	}
	return nil
}

// Apart refuses a configuration in which more than one of the attributes is set.
func Apart(config Values, names ...string) error {
	set := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return config[name] == nil })
	if len(set) > 1 {
		return fmt.Errorf("%s conflicts with %s", set[0], strings.Join(set[1:], ", "))
	}
	return nil
}

// OneOf refuses a known value that is none of the allowed ones.
func OneOf(config Values, name string, allowed ...string) error {
	value, known := config[name].(string)
	if known && !slices.Contains(allowed, value) {
		return fmt.Errorf("expected %s to be one of %q, got %s", name, allowed, value)
	}
	return nil
}
