//go:build tools

// Package tools keeps opentofu in go.mod; nothing here is compiled.
package tools

import _ "github.com/opentofu/opentofu/cmd/tofu"
