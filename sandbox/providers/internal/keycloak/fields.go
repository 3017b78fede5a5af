package keycloak

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fleet.local/sandbox/providers/internal/standin"
)

// field says where in a representation an attribute lies ("/" steps into an object) and in which form.
type field struct {
	attribute, path string
	form            form
}

// form is how the admin API writes a value, and what is sent for one that the configuration leaves out.
type form struct {
	send    func(any) any
	receive func(any) any
	missing missing
}

type missing int

const (
	leave missing = iota // nothing: the server chooses, or keeps what it has
	clear                // the zero value, where the server has another
	zero                 // the zero value, as the official provider does it for flags and sets
)

var (
	text     = form{asText, asText, clear}
	flag     = form{asFlag, asFlag, zero}
	flagText = form{flagWord, func(value any) any { return value == "true" }, zero}
	blind    = form{flagWord, nil, zero} // the official provider sends it and never reads it
	whole    = form{func(value any) any { return value }, asWhole, leave}
	span     = form{secondsOf, spanOf, leave}
	set      = form{asSet, asSet, zero}
	joined   = form{joinSet, splitSet, zero}
)

func asText(value any) any {
	written, _ := value.(string)
	return written
}

func asFlag(value any) any { return value == true }

func asWhole(value any) any {
	number, _ := value.(float64)
	return int64(number)
}

func flagWord(value any) any { return strconv.FormatBool(value == true) }

func texts(value any) []string {
	list, _ := value.([]any)
	out := make([]string, len(list))
	for i := range list {
		out[i] = fmt.Sprint(list[i])
	}
	return out
}

func asSet(value any) any { return standin.SetOf(texts(value)) }

// joinSet is Keycloak's own way to write a list into one attribute of a client.
func joinSet(value any) any { return strings.Join(texts(asSet(value)), separator) }

func splitSet(value any) any {
	written, _ := value.(string)
	if written == "" {
		return []any{}
	}
	return standin.SetOf(strings.Split(written, separator))
}

// secondsOf reads a span as Go writes it ("1h30m0s"); what cannot be read is 0, and validated before.
func secondsOf(value any) any {
	length, _ := time.ParseDuration(fmt.Sprint(value))
	return int64(length.Seconds())
}

func spanOf(value any) any {
	seconds, _ := value.(float64)
	return (time.Duration(seconds) * time.Second).String()
}

// sameSpan: "1h" and "60m" are no difference.
func sameSpan(old, new any) bool { return secondsOf(old) == secondsOf(new) }

// write lays the planned values over a representation.
func write(into representation, fields []field, planned standin.Values) {
	for _, f := range fields {
		value := planned[f.attribute]
		object, key := step(into, f.path)
		if value == standin.Unknown {
			value = nil
		}
		if value == nil && (f.form.missing == leave || f.form.missing == clear && standin.Zero(object[key])) {
			continue
		}
		object[key] = f.form.send(value)
	}
}

// read takes the fields' values out of a representation.
func read(from representation, fields []field) standin.Values {
	values := standin.Values{}
	for _, f := range fields {
		if f.form.receive == nil {
			continue
		}
		object, key := step(from, f.path)
		values[f.attribute] = f.form.receive(object[key])
	}
	return values
}

// step walks to the object that holds the path's last key; objects on the way are made.
func step(object representation, path string) (representation, string) {
	for {
		key, rest, more := strings.Cut(path, "/")
		if !more {
			return object, path
		}
		inner, isObject := object[key].(representation)
		if !isObject {
			inner = representation{}
			object[key] = inner
		}
		object, path = inner, rest
	}
}

// separator joins several values into one: Keycloak in a client's attributes, the official provider in a role's or group's.
const separator = "##"

func attributesOut(values standin.Values) representation {
	out := representation{}
	for name, value := range standin.Get[standin.Values](values, "attributes") {
		out[name] = strings.Split(fmt.Sprint(value), separator)
	}
	return out
}

func attributesIn(from representation) standin.Values {
	out := standin.Values{}
	attributes, _ := from["attributes"].(representation)
	for name, value := range attributes {
		out[name] = strings.Join(texts(value), separator)
	}
	return out
}
