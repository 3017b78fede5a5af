package standin

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

// Main is a stand-in's whole main function: it serves Terraform, or with --version says what it stands in for.
func Main[C any](provider Provider[C]) {
	var label schemaSet
	err := json.Unmarshal(provider.Schema, &label)
	if err == nil && len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Printf("stand-in for %s %s\n", label.Source, label.Version)
		return
	}
	if err == nil {
		err = serve(provider, "registry.terraform.io/"+label.Source)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve[C any](provider Provider[C], address string) error {
	s, err := newServer(provider)
	if err != nil {
		return err
	}
	return tf5server.Serve(address, func() tfprotov5.ProviderServer { return s })
}
