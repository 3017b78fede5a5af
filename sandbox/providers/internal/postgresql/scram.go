package postgresql

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// scramIterations is PostgreSQL's own default: https://www.postgresql.org/docs/current/runtime-config-connection.html
const scramIterations = 4096

// verifier gives what CREATE ROLE … PASSWORD takes instead of the password itself, so that no log of the server can
// hold the password (RFC 5802; PostgreSQL's "Password Authentication"). A password that is already one of the server's
// hashes, or that SASLprep would have to normalise first, goes as it is.
func verifier(password string) (string, error) {
	hashed := strings.HasPrefix(password, "SCRAM-SHA-256$") || strings.HasPrefix(password, "md5") && len(password) == 35
	if hashed || strings.ContainsFunc(password, func(r rune) bool { return r < ' ' || r > '~' }) {
		return password, nil
	}
	salt := make([]byte, 16)
	rand.Read(salt) //nolint:errcheck // documented never to fail
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", err
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, text(salt), text(stored[:]), text(mac(salted, "Server Key"))), nil
}

func mac(key []byte, message string) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(message))
	return sum.Sum(nil)
}
