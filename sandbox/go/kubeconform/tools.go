//go:build tools

// Package tools keeps kubeconform in go.mod; nothing here is compiled.
package tools

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
