package google

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"fleet.local/sandbox/providers/internal/standin"
)

// kind is what the record needs to know of one resource type.
type kind struct {
	name string
	// id is made of the attributes in braces.
	id string
	// imports is the id that `terraform import` takes, where it is another one; its parts are those of id.
	imports func(string) string
	// scope names the attributes that fall back to the provider block's: project, region.
	scope []string
	// needs are the objects without which Google would refuse this one: resource type -> reference, made like id. References
	// are compared by their last part (`short`), as they may be ids, names or self links.
	needs map[string]string
	// additive is a right or a switch: making it again is no error.
	additive bool
	// made gives what Google would answer beyond what was asked.
	made func(contents, standin.Values) (standin.Values, error)
	// guard may refuse a deletion.
	guard    func(standin.Values) error
	defaults standin.Values
	replace  []string
	validate func(standin.Values) error
}

func (k kind) resource() standin.Resource[*record] {
	return standin.Resource[*record]{
		Defaults: k.defaults, Replace: k.replace, Validate: k.validate,
		Create: k.create, Read: k.read, Update: k.update, Delete: k.remove, Import: k.importID,
	}
}

func (k kind) create(_ context.Context, r *record, change standin.Change) (standin.Values, error) {
	values := known(change.Planned)
	r.place(values, k.scope)
	err := r.use(func(held contents) error {
		if err := k.parents(held, values); err != nil {
			return err
		}
		id := filled(k.id, values)
		if _, exists := held[k.name][id]; exists && !k.additive {
			return fmt.Errorf("error creating %s: googleapi: Error 409: %s already exists", k.name, id)
		}
		return k.store(held, id, values)
	})
	return values, err
}

func (k kind) store(held contents, id string, values standin.Values) error {
	values["id"] = id
	if k.made != nil {
		answer, err := k.made(held, values)
		if err != nil {
			return err
		}
		maps.Copy(values, answer)
	}
	if _, labelled := values["effective_labels"]; labelled {
		values["effective_labels"], values["terraform_labels"] = values["labels"], values["labels"]
	}
	held.put(k.name, id, values)
	return nil
}

func (k kind) parents(held contents, values standin.Values) error {
	for name, id := range k.needs {
		wanted := filled(id, values)
		found := wanted == ""
		for each := range held[name] {
			found = found || short(each) == short(wanted)
		}
		if !found {
			return fmt.Errorf("error creating %s: googleapi: Error 404: %s %q was not found", k.name, name, wanted)
		}
	}
	return nil
}

func (k kind) read(_ context.Context, r *record, state standin.Values) (standin.Values, error) {
	var found standin.Values
	err := r.use(func(held contents) error {
		found = held[k.name][standin.Get[string](state, "id")]
		return nil
	})
	return found, err
}

func (k kind) update(_ context.Context, r *record, change standin.Change) (standin.Values, error) {
	values := known(change.Planned)
	err := r.use(func(held contents) error {
		id := standin.Get[string](change.Prior, "id")
		if _, exists := held[k.name][id]; !exists {
			return fmt.Errorf("error updating %s: googleapi: Error 404: %s was not found", k.name, id)
		}
		return k.store(held, id, values)
	})
	return values, err
}

func (k kind) remove(_ context.Context, r *record, state standin.Values) error {
	if k.guard != nil {
		if err := k.guard(state); err != nil {
			return err
		}
	}
	return r.use(func(held contents) error {
		delete(held[k.name], standin.Get[string](state, "id"))
		return nil
	})
}

func (k kind) importID(id string) (standin.Values, error) {
	if k.imports != nil {
		id = k.imports(id)
	}
	return standin.Values{"id": id}, nil
}

// place fills in where the object goes, as the provider block says it.
func (r *record) place(values standin.Values, scope []string) {
	for _, name := range scope {
		if values[name] == nil {
			values[name] = map[string]any{"project": r.project, "region": r.region}[name]
		}
	}
}

// known drops, at every depth, what only the answer could have told.
func known(values standin.Values) standin.Values {
	return plain(values).(standin.Values)
}

func plain(value any) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case standin.Values:
		out := standin.Values{}
		for name := range v {
			out[name] = plain(v[name])
		}
		return out
	}
	if value == standin.Unknown {
		return nil
	}
	return value
}

// filled puts attributes into the braces of a pattern.
func filled(pattern string, values standin.Values) string {
	words := []string{}
	for name, value := range values {
		switch value.(type) {
		case nil:
			words = append(words, "{"+name+"}", "")
		case string, int64:
			words = append(words, "{"+name+"}", fmt.Sprint(value))
		}
	}
	return strings.NewReplacer(words...).Replace(pattern)
}

// short is the last part of a path, of an id or of a self link.
func short(reference string) string {
	trimmed := strings.TrimSuffix(reference, "/")
	return trimmed[strings.LastIndex(trimmed, "/")+1:]
}
