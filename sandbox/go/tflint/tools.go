//go:build tools

// Package tools keeps tflint in go.mod; nothing here is compiled.
package tools

import _ "github.com/terraform-linters/tflint"
