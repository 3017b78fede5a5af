package google

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"fleet.local/sandbox/providers/internal/standin"
)

func kindOf(t *testing.T, name string) standin.Resource[*record] {
	t.Helper()
	found, exists := Provider.Resources[name]
	if !exists {
		t.Fatalf("no %s", name)
	}
	return found
}

func fresh(t *testing.T) *record {
	return &record{path: filepath.Join(t.TempDir(), "deep", "record.json"), project: "p", region: "r"}
}

func ensure(t *testing.T, r *record, name string, planned standin.Values) standin.Values {
	t.Helper()
	made, err := kindOf(t, name).Create(context.Background(), r, standin.Change{Planned: planned})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestWhatIsMadeIsReadUntilItIsDeleted(t *testing.T) {
	r, account := fresh(t), kindOf(t, "google_service_account")
	made := ensure(t, r, "google_service_account", standin.Values{"account_id": "marketing", "project": standin.Unknown})
	if made["email"] != "marketing@p.iam.gserviceaccount.com" {
		t.Errorf("email %v", made["email"])
	}
	found, err := account.Read(context.Background(), r, standin.Values{"id": made["id"]})
	if err != nil || found["member"] != "serviceAccount:marketing@p.iam.gserviceaccount.com" {
		t.Errorf("got %v, %v", found, err)
	}
	if err := account.Delete(context.Background(), r, made); err != nil {
		t.Fatal(err)
	}
	if found, err := account.Read(context.Background(), r, made); found != nil || err != nil {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestWhatIsThereIsNotMadeTwice(t *testing.T) {
	r := fresh(t)
	bucket := standin.Values{"name": "logs", "location": "EU"}
	ensure(t, r, "google_storage_bucket", bucket)
	_, err := kindOf(t, "google_storage_bucket").Create(context.Background(), r, standin.Change{Planned: bucket})
	if err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("got %v", err)
	}
}

func TestAPartNeedsItsWhole(t *testing.T) {
	user := standin.Values{"name": "x", "instance": "nowhere"}
	_, err := kindOf(t, "google_sql_user").Create(context.Background(), fresh(t), standin.Change{Planned: user})
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

func TestNumbersSurviveTheFile(t *testing.T) {
	held, err := parse([]byte(`{"k": {"i": {"whole": 100, "half": 0.5, "list": [{"n": 3}]}}}`))
	want := standin.Values{"whole": int64(100), "half": 0.5, "list": []any{standin.Values{"n": int64(3)}}}
	if err != nil || !standin.Equal(held["k"]["i"], want) {
		t.Errorf("got %v, %v", held, err)
	}
}

func TestEveryResourceHasItsSchema(t *testing.T) {
	for name := range Provider.Resources {
		if !strings.Contains(string(Provider.Schema), `"`+name+`"`) {
			t.Errorf("%s is in no schema", name)
		}
	}
}
