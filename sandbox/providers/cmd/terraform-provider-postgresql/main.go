// Command terraform-provider-postgresql stands in for cyrilgdn/postgresql where the official provider cannot be had.
package main

import (
	"fleet.local/sandbox/providers/internal/postgresql"
	"fleet.local/sandbox/providers/internal/standin"
)

func main() { standin.Main(postgresql.Provider) }
