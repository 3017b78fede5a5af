package postgresql

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

// A server checks a password by deriving both keys from it with the verifier's salt.
func TestVerifierIsThatOfThePassword(t *testing.T) {
	const password = "correct horse"
	made, err := verifier(password)
	if err != nil {
		t.Fatal(err)
	}
	head, keys, _ := strings.Cut(strings.TrimPrefix(made, "SCRAM-SHA-256$4096:"), "$")
	salt, err := base64.StdEncoding.DecodeString(head)
	if err != nil || len(salt) != 16 {
		t.Fatalf("salt of %q: %v", made, err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	client := sha256.Sum256(mac(salted, "Client Key"))
	want := base64.StdEncoding.EncodeToString(client[:]) + ":" + base64.StdEncoding.EncodeToString(mac(salted, "Server Key"))
	if !hmac.Equal([]byte(keys), []byte(want)) {
		t.Errorf("got %s, want %s", keys, want)
	}
	if strings.Contains(made, password) {
		t.Error("the verifier holds the password")
	}
}

func TestVerifierLeavesAHashAlone(t *testing.T) {
	for _, hash := range []string{"SCRAM-SHA-256$4096:x$y:z", "md5" + strings.Repeat("0", 32), "pässword"} {
		if got, err := verifier(hash); err != nil || got != hash {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestQuoting(t *testing.T) {
	for text, want := range map[string]string{"a": "'a'", "it's": "'it''s'", `a\'; DROP`: `E'a\\''; DROP'`} {
		if got := literal(text); got != want {
			t.Errorf("literal(%s) = %s, want %s", text, got, want)
		}
	}
	if got := quote(`a"b`); got != `"a""b"` {
		t.Errorf("quote = %s", got)
	}
}
