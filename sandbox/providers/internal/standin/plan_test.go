package standin

import (
	"encoding/json"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const thing = `{
  "attributes": {
    "id": {"type": "string", "optional": true, "computed": true},
    "name": {"type": "string", "required": true},
    "title": {"type": "string", "optional": true},
    "kept": {"type": "string", "optional": true},
    "limit": {"type": "number", "optional": true},
    "length": {"type": "string", "optional": true, "computed": true},
    "tags": {"type": ["set", "string"], "optional": true},
    "secret": {"type": "string", "optional": true, "write_only": true}
  },
  "block_types": {"inner": {"nesting_mode": "list", "block": {"attributes": {"depth": {"type": "number", "optional": true}}}},
    "member": {"nesting_mode": "set", "block": {"attributes": {
      "name": {"type": "string", "required": true}, "address": {"type": "string", "optional": true, "computed": true}
    }}}}
}`

var things = planner{
	defaults: Values{"limit": int64(-1), "inner.depth": int64(3)},
	keep:     []string{"kept"},
	same:     map[string]func(old, new any) bool{"length": func(old, new any) bool { return old == "1h" && new == "60m" }},
}

func block(t *testing.T) *tfprotov5.SchemaBlock {
	t.Helper()
	var written blockJSON
	if err := json.Unmarshal([]byte(thing), &written); err != nil {
		t.Fatal(err)
	}
	converted, err := written.protocol()
	if err != nil {
		t.Fatal(err)
	}
	return converted
}

func members(address any) []any { return []any{Values{"name": "m", "address": address}} }

func TestPlan(t *testing.T) {
	inner := []any{Values{"depth": nil}}
	cases := map[string]struct {
		config, prior Values
		attribute     string
		want          any
	}{
		"what is configured":               {Values{"name": "a"}, nil, "name", "a"},
		"a default":                        {Values{}, nil, "limit", int64(-1)},
		"computed, at first":               {Values{}, nil, "id", Unknown},
		"computed, later":                  {Values{}, Values{"id": "7"}, "id", "7"},
		"left out":                         {Values{}, Values{"title": "old"}, "title", nil},
		"left out, nothing said before":    {Values{}, Values{"title": ""}, "title", ""},
		"left out, kept":                   {Values{}, Values{"kept": "server's"}, "kept", "server's"},
		"another word for the same":        {Values{"length": "60m"}, Values{"length": "1h"}, "length", "1h"},
		"another value":                    {Values{"length": "2h"}, Values{"length": "1h"}, "length", "2h"},
		"an empty set where there is none": {Values{"tags": []any{}}, Values{"tags": nil}, "tags", nil},
		"an empty set where there is one":  {Values{"tags": []any{}}, Values{"tags": []any{"a"}}, "tags", []any{}},
		"write-only":                       {Values{"secret": "s"}, nil, "secret", nil},
		"a member of a set, at first":      {Values{"member": members(nil)}, nil, "member", members(Unknown)},
		"a member of a set, later":         {Values{"member": members(nil)}, Values{"member": members("here")}, "member", members("here")},
		"a default in a block":             {Values{"inner": inner}, nil, "inner", []any{Values{"depth": int64(3)}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := things.plan(block(t), "", c.config, c.prior)[c.attribute]; !Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.attribute, got, c.want)
			}
		})
	}
}

func TestCompleteKeepsNoSecretAndNothingUnknown(t *testing.T) {
	state := Values{"id": Unknown, "name": "a", "secret": "s", "kept": "flag"}
	got := things.complete(block(t), state, Values{"title": "server's", "secret": "s"})
	want := Values{"id": nil, "name": "a", "title": "server's", "kept": "flag", "limit": int64(-1), "length": nil, "tags": nil, "secret": nil, "inner": []any{}, "member": []any{}}
	if !Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReplaced(t *testing.T) {
	got := replaced([]string{"name", "title"}, Values{"name": "a", "title": "t"}, Values{"name": "b", "title": "t"})
	if len(got) != 1 || got[0] != "name" {
		t.Errorf("got %v", got)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		value   any
		refused bool
	}{
		"left out": {nil, false}, "default": {int64(-1), false}, "set": {int64(5), true}, "not yet known": {Unknown, false},
	} {
		if err := things.refused([]string{"limit"}, Values{"limit": c.value}); (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValuesSurviveTheWire(t *testing.T) {
	typ := (&tfprotov5.Schema{Block: block(t)}).ValueType()
	values := Values{
		"id": Unknown, "name": "a", "title": nil, "kept": "", "limit": int64(1 << 40), "length": "1h",
		"tags": []any{"a", "b"}, "secret": nil, "inner": []any{Values{"depth": 1.5}}, "member": members("here"),
	}
	wire, err := encode(values, typ)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode(wire, typ)
	if err != nil || !Equal(back, values) {
		t.Errorf("got %v, %v", back, err)
	}
}

func TestNullSurvivesTheWire(t *testing.T) {
	typ := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"a": tftypes.String}}
	wire, err := encode(nil, typ)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := decode(wire, typ); back != nil || err != nil {
		t.Errorf("got %v, %v", back, err)
	}
}

func TestImportByPath(t *testing.T) {
	split := ImportByPath("realm_id", "id")
	if got, err := split("fleet/7"); err != nil || !Equal(got, Values{"realm_id": "fleet", "id": "7"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := split("7"); err == nil {
		t.Error("an id with a part missing was taken")
	}
}
