//go:build tools

// Package tools keeps Traefik in go.mod; nothing here is compiled.
package tools

import _ "github.com/traefik/traefik/v3/cmd/traefik"
