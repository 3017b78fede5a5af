package keycloak

import (
	"testing"

	"fleet.local/sandbox/providers/internal/standin"
)

func TestFieldsThereAndBack(t *testing.T) {
	fields := []field{
		{"name", "name", text}, {"on", "on", flag}, {"word", "attributes/a.b", flagText}, {"count", "count", whole},
		{"span", "span", span}, {"tags", "tags", set}, {"urls", "attributes/urls", joined},
	}
	planned := standin.Values{
		"name": "n", "on": true, "word": true, "count": int64(3), "span": "1h30m", "tags": []any{"b", "a"}, "urls": []any{"https://a/ b", "https://c/"},
	}
	sent := representation{}
	write(sent, fields, planned)
	attributes := sent["attributes"].(representation)
	if attributes["a.b"] != "true" || attributes["urls"] != "https://a/ b##https://c/" || sent["span"] != int64(5400) {
		t.Errorf("sent %v", sent)
	}
	sent["count"], sent["span"] = 3.0, 5400.0 // as JSON has them
	got := read(sent, fields)
	want := standin.Values{
		"name": "n", "on": true, "word": true, "count": int64(3), "span": "1h30m0s", "tags": []any{"a", "b"}, "urls": []any{"https://a/ b", "https://c/"},
	}
	if !standin.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	fields := []field{{"name", "name", text}, {"title", "title", text}, {"on", "on", flag}, {"count", "count", whole}}
	sent := representation{"title": "old", "count": 5.0}
	write(sent, fields, standin.Values{"on": standin.Unknown})
	if !standin.Equal(sent, representation{"title": "", "on": false, "count": 5.0}) {
		t.Errorf("sent %v", sent)
	}
}

func TestAnErrorRepeatsNoRequest(t *testing.T) {
	if got := messageOf([]byte(`{"errorMessage": "Client a already exists", "secret": "s"}`)); got != "Client a already exists" {
		t.Errorf("got %q", got)
	}
	if got := messageOf([]byte("<html>secret</html>")); got != "" {
		t.Errorf("got %q", got)
	}
}
