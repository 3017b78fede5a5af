package standin

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"sort"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Values holds one object's attributes and blocks by name: string, bool, int64, float64, []any (list, set), map[string]any
// (map, object), nil (null) or Unknown.
type Values = map[string]any

type unknown struct{}

// Unknown stands for a value that Terraform will know only after another resource is applied.
var Unknown any = unknown{}

func decode(in *tfprotov5.DynamicValue, typ tftypes.Type) (Values, error) {
	if in == nil {
		return nil, nil
	}
	value, err := in.Unmarshal(typ)
	if err != nil {
		return nil, err
	}
	native, err := fromTerraform(value)
	if err != nil || native == nil {
		return nil, err
	}
	values, isObject := native.(Values)
	if !isObject {
		return nil, fmt.Errorf("expected an object, got %T", native)
	}
	return values, nil
}

func encode(values Values, typ tftypes.Type) (*tfprotov5.DynamicValue, error) {
	var native any
	if values != nil {
		native = values
	}
	value, err := toTerraform(native, typ)
	if err != nil {
		return nil, err
	}
	out, err := tfprotov5.NewDynamicValue(typ, value)
	return &out, err
}

func fromTerraform(value tftypes.Value) (any, error) {
	if !value.IsKnown() {
		return Unknown, nil
	}
	if value.IsNull() {
		return nil, nil
	}
	switch typ := value.Type(); {
	case typ.Is(tftypes.String):
		return as[string](value)
	case typ.Is(tftypes.Bool):
		return as[bool](value)
	case typ.Is(tftypes.Number):
		return numberFromTerraform(value)
	case typ.Is(tftypes.List{}), typ.Is(tftypes.Set{}):
		return listFromTerraform(value, typ.Is(tftypes.Set{}))
	case typ.Is(tftypes.Map{}), typ.Is(tftypes.Object{}):
		return objectFromTerraform(value)
	default:
		return nil, fmt.Errorf("no native form for %s", typ)
	}
}

func as[T any](value tftypes.Value) (T, error) {
	var out T
	return out, value.As(&out)
}

func numberFromTerraform(value tftypes.Value) (any, error) {
	number, err := as[big.Float](value)
	if err != nil {
		return nil, err
	}
	if whole, accuracy := number.Int64(); accuracy == big.Exact {
		return whole, nil
	}
	real, _ := number.Float64()
	return real, nil
}

func listFromTerraform(value tftypes.Value, isSet bool) (any, error) {
	elements, err := as[[]tftypes.Value](value)
	if err != nil {
		return nil, err
	}
	list := make([]any, len(elements))
	for i, element := range elements {
		if list[i], err = fromTerraform(element); err != nil {
			return nil, err
		}
	}
	if isSet {
		sortSet(list)
	}
	return list, nil
}

func objectFromTerraform(value tftypes.Value) (any, error) {
	elements, err := as[map[string]tftypes.Value](value)
	if err != nil {
		return nil, err
	}
	object := make(Values, len(elements))
	for name, element := range elements {
		if object[name], err = fromTerraform(element); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return object, nil
}

func toTerraform(native any, typ tftypes.Type) (tftypes.Value, error) {
	if native == Unknown {
		return tftypes.NewValue(typ, tftypes.UnknownValue), nil
	}
	if native == nil {
		return tftypes.NewValue(typ, nil), nil
	}
	switch t := typ.(type) {
	case tftypes.List:
		return listToTerraform(native, typ, t.ElementType)
	case tftypes.Set:
		return listToTerraform(native, typ, t.ElementType)
	case tftypes.Map:
		return objectToTerraform(native, typ, func(string) tftypes.Type { return t.ElementType }, nil)
	case tftypes.Object:
		names := sortedKeys(t.AttributeTypes)
		return objectToTerraform(native, typ, func(name string) tftypes.Type { return t.AttributeTypes[name] }, names)
	}
	if err := tftypes.ValidateValue(typ, native); err != nil {
		return tftypes.Value{}, err
	}
	return tftypes.NewValue(typ, native), nil
}

func listToTerraform(native any, typ, element tftypes.Type) (tftypes.Value, error) {
	list, isList := native.([]any)
	if !isList {
		return tftypes.Value{}, fmt.Errorf("expected a list, got %T", native)
	}
	out := make([]tftypes.Value, len(list))
	for i := range list {
		var err error
		if out[i], err = toTerraform(list[i], element); err != nil {
			return tftypes.Value{}, err
		}
	}
	return tftypes.NewValue(typ, out), nil
}

// objectToTerraform converts the attributes called names (all of the object's own when nil); what is missing is null.
func objectToTerraform(native any, typ tftypes.Type, of func(string) tftypes.Type, names []string) (tftypes.Value, error) {
	object, isObject := native.(Values)
	if !isObject {
		return tftypes.Value{}, fmt.Errorf("expected an object, got %T", native)
	}
	if names == nil {
		names = sortedKeys(object)
	}
	out := make(map[string]tftypes.Value, len(names))
	for _, name := range names {
		var err error
		if out[name], err = toTerraform(object[name], of(name)); err != nil {
			return tftypes.Value{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return tftypes.NewValue(typ, out), nil
}

// Equal compares two native values; sets are kept sorted, so lists compare by place.
func Equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// Zero tells a value that says no more than a missing one: "", 0, false, an empty collection.
func Zero(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case Values:
		return len(v) == 0
	case unknown:
		return false
	}
	return reflect.ValueOf(value).IsZero()
}

// Get gives an attribute's value, or T's zero value where it is null or not yet known.
func Get[T any](values Values, name string) T {
	value, _ := values[name].(T)
	return value
}

// Strings gives a list's or set's strings, sorted or in order as the attribute has it.
func Strings(values Values, name string) []string {
	out := []string{}
	for _, element := range Get[[]any](values, name) {
		if text, isText := element.(string); isText {
			out = append(out, text)
		}
	}
	return out
}

// SetOf makes a set's value of strings.
func SetOf(texts []string) []any {
	set := make([]any, 0, len(texts))
	for _, text := range slices.Compact(slices.Sorted(slices.Values(texts))) {
		set = append(set, text)
	}
	return set
}

// ListOf makes a list's value of strings, or null for none.
func ListOf(texts []string) any {
	if len(texts) == 0 {
		return nil
	}
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// Sorted brings the elements of a set, of whatever kind, into the order in which sets are kept.
func Sorted(set []any) []any {
	sortSet(set)
	return set
}

func sortSet(set []any) {
	key := func(value any) string {
		text, _ := json.Marshal(value)
		return string(text)
	}
	sort.Slice(set, func(i, j int) bool { return key(set[i]) < key(set[j]) })
}
