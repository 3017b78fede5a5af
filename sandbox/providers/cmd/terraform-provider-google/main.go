// Command terraform-provider-google stands in for hashicorp/google where the official provider cannot be had.
package main

import (
	"fleet.local/sandbox/providers/internal/google"
	"fleet.local/sandbox/providers/internal/standin"
)

func main() { standin.Main(google.Provider) }
