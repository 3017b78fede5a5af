// Package schemas holds the official providers' schemas, as `terraform providers schema -json` prints them, for the
// resources that fleet's modules use. Data only: no descriptions, no code of the providers.
package schemas

import _ "embed"

// PostgreSQL is the schema of cyrilgdn/postgresql.
//
//go:embed postgresql.json
var PostgreSQL []byte

// Keycloak is the schema of keycloak/keycloak.
//
//go:embed keycloak.json
var Keycloak []byte

// Google is the schema of hashicorp/google.
//
//go:embed google.json
var Google []byte
