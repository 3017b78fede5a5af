//go:build tools

// Package tools keeps helm-unittest in go.mod; nothing here is compiled.
package tools

import _ "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"
