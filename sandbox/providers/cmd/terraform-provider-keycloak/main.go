// Command terraform-provider-keycloak stands in for keycloak/keycloak where the official provider cannot be had.
package main

import (
	"fleet.local/sandbox/providers/internal/keycloak"
	"fleet.local/sandbox/providers/internal/standin"
)

func main() { standin.Main(keycloak.Provider) }
