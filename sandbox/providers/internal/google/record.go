// Package google keeps the Google resources that Terraform makes in one local file, and asks nobody on the network. It
// shows that modules plan, apply, drift, import and destroy as they should; it cannot show that Google would agree.
package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"fleet.local/sandbox/providers/internal/standin"
)

// record is the file, and what the provider block says of where things go by default.
type record struct{ path, project, region string }

// contents: resource type -> id -> attributes, as Terraform names them.
type contents map[string]map[string]standin.Values

// recordPath is FLEET_GOOGLE_RECORD, or a file in fleet's state directory.
func recordPath() (string, error) {
	if path := os.Getenv("FLEET_GOOGLE_RECORD"); path != "" {
		return path, nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "fleet", "sandbox", "google.json"), nil
}

// use reads the record, lets work look at it and change it, and writes it where it did; other processes wait meanwhile.
func (r *record) use(work func(contents) error) error {
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(r.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // which gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	before, err := os.ReadFile(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	held, err := parse(before)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	if err := work(held); err != nil {
		return err
	}
	return r.write(before, held)
}

func parse(text []byte) (contents, error) {
	held := contents{}
	if len(text) == 0 {
		return held, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&held); err != nil {
		return nil, err
	}
	for _, objects := range held {
		for id, values := range objects {
			objects[id] = numbers(values).(standin.Values)
		}
	}
	return held, nil
}

// numbers turns JSON's numbers into the two kinds that stand-ins know.
func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		real, _ := v.Float64()
		return real
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case standin.Values:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return value
}

func (r *record) write(before []byte, held contents) error {
	after, err := json.MarshalIndent(held, "", " ")
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	if err := os.WriteFile(r.path+".new", after, 0o600); err != nil {
		return err
	}
	return os.Rename(r.path+".new", r.path)
}

func (c contents) put(kind, id string, values standin.Values) {
	if c[kind] == nil {
		c[kind] = map[string]standin.Values{}
	}
	c[kind][id] = values
}
