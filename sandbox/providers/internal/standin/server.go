package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// server answers Terraform for a Provider.
type server[C any] struct {
	unused
	provider  Provider[C]
	config    *tfprotov5.Schema
	resources map[string]*tfprotov5.Schema
	data      map[string]*tfprotov5.Schema
	client    C
}

func newServer[C any](provider Provider[C]) (*server[C], error) {
	var set schemaSet
	if err := json.Unmarshal(provider.Schema, &set); err != nil {
		return nil, err
	}
	s := &server[C]{provider: provider}
	var failed [3]error
	s.config, failed[0] = set.Provider.protocol()
	s.resources, failed[1] = protocolSchemas(set.Resources)
	s.data, failed[2] = protocolSchemas(set.DataSources)
	return s, errors.Join(failed[0], failed[1], failed[2])
}

func (s *server[C]) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &tfprotov5.GetProviderSchemaResponse{
		Provider: s.config, ResourceSchemas: s.resources, DataSourceSchemas: s.data,
		Functions: map[string]*tfprotov5.Function{}, ServerCapabilities: &tfprotov5.ServerCapabilities{},
	}, nil
}

func (s *server[C]) PrepareProviderConfig(_ context.Context, in *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: in.Config}, nil
}

func (s *server[C]) ConfigureProvider(ctx context.Context, in *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	config, err := decode(in.Config, s.config.ValueType())
	if err == nil {
		s.client, err = s.provider.Configure(ctx, config)
	}
	return &tfprotov5.ConfigureProviderResponse{Diagnostics: report(err)}, nil
}

// kind is everything that is known of one resource type.
type kind[C any] struct {
	Resource[C]
	planner
	block *tfprotov5.SchemaBlock
	typ   tftypes.Type
}

func (s *server[C]) kind(name string) (kind[C], error) {
	schema, inSchema := s.resources[name]
	resource, built := s.provider.Resources[name]
	if !inSchema || !built {
		return kind[C]{}, fmt.Errorf("the stand-in has no resource %s", name)
	}
	return kind[C]{resource, plannerOf(resource), schema.Block, schema.ValueType()}, nil
}

// decoded gives the objects in their native form, in order.
func (k kind[C]) decoded(in ...*tfprotov5.DynamicValue) ([]Values, error) {
	out := make([]Values, len(in))
	for i := range in {
		var err error
		if out[i], err = decode(in[i], k.typ); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *server[C]) ValidateResourceTypeConfig(_ context.Context, in *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{Diagnostics: report(s.validate(in.TypeName, in.Config))}, nil
}

func (s *server[C]) validate(name string, in *tfprotov5.DynamicValue) error {
	k, err := s.kind(name)
	if err != nil {
		return err
	}
	config, err := k.decoded(in)
	if err != nil {
		return err
	}
	if err := k.refused(k.Refuse, config[0]); err != nil {
		return err
	}
	if k.Validate == nil {
		return nil
	}
	return k.Validate(config[0])
}

// UpgradeResourceState takes a state of the official provider too: what this schema does not know is dropped.
func (s *server[C]) UpgradeResourceState(_ context.Context, in *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	out := &tfprotov5.UpgradeResourceStateResponse{}
	k, err := s.kind(in.TypeName)
	if err == nil {
		out.UpgradedState, err = upgrade(in.RawState, k.typ)
	}
	out.Diagnostics = report(err)
	return out, nil
}

func upgrade(raw *tfprotov5.RawState, typ tftypes.Type) (*tfprotov5.DynamicValue, error) {
	lenient := tfprotov5.UnmarshalOpts{ValueFromJSONOpts: tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true}}
	value, err := raw.UnmarshalWithOpts(typ, lenient)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(typ, value)
	return &state, err
}

func (s *server[C]) ReadResource(ctx context.Context, in *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	out := &tfprotov5.ReadResourceResponse{NewState: in.CurrentState, Private: in.Private}
	state, err := s.read(ctx, in)
	if err == nil {
		out.NewState = state
	}
	out.Diagnostics = report(err)
	return out, nil
}

func (s *server[C]) read(ctx context.Context, in *tfprotov5.ReadResourceRequest) (*tfprotov5.DynamicValue, error) {
	k, err := s.kind(in.TypeName)
	if err != nil {
		return nil, err
	}
	state, err := k.decoded(in.CurrentState)
	if err != nil {
		return nil, err
	}
	fresh, err := s.refresh(ctx, k, state[0])
	if err != nil {
		return nil, err
	}
	return encode(fresh, k.typ)
}

// refresh gives the object as the server has it, or nil where it is gone.
func (s *server[C]) refresh(ctx context.Context, k kind[C], state Values) (Values, error) {
	read, err := k.Read(ctx, s.client, state)
	if err != nil || read == nil {
		return nil, err
	}
	return k.complete(k.block, state, read), nil
}

func (s *server[C]) ImportResourceState(_ context.Context, in *tfprotov5.ImportResourceStateRequest) (*tfprotov5.ImportResourceStateResponse, error) {
	out := &tfprotov5.ImportResourceStateResponse{}
	k, err := s.kind(in.TypeName)
	if err == nil && k.Import == nil {
		err = fmt.Errorf("resource %s doesn't support import", in.TypeName)
	}
	if err == nil {
		out.ImportedResources, err = imported(k, in)
	}
	out.Diagnostics = report(err)
	return out, nil
}

func imported[C any](k kind[C], in *tfprotov5.ImportResourceStateRequest) ([]*tfprotov5.ImportedResource, error) {
	values, err := k.Import(in.ID)
	if err != nil {
		return nil, err
	}
	state, err := encode(k.complete(k.block, values, nil), k.typ)
	return []*tfprotov5.ImportedResource{{TypeName: in.TypeName, State: state}}, err
}

func (s *server[C]) ReadDataSource(ctx context.Context, in *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	state, err := s.look(ctx, in)
	return &tfprotov5.ReadDataSourceResponse{State: state, Diagnostics: report(err)}, nil
}

func (s *server[C]) look(ctx context.Context, in *tfprotov5.ReadDataSourceRequest) (*tfprotov5.DynamicValue, error) {
	source, built := s.provider.DataSources[in.TypeName]
	if !built {
		return nil, fmt.Errorf("the stand-in has no data source %s", in.TypeName)
	}
	typ := s.data[in.TypeName].ValueType()
	config, err := decode(in.Config, typ)
	if err != nil {
		return nil, err
	}
	found, err := source(ctx, s.client, config)
	if err != nil {
		return nil, err
	}
	return encode(planner{}.complete(s.data[in.TypeName].Block, config, found), typ)
}

// report makes a diagnostic of an error; what a client's error says is all that the user sees of it.
func report(err error) []*tfprotov5.Diagnostic {
	if err == nil {
		return nil
	}
	return []*tfprotov5.Diagnostic{{Severity: tfprotov5.DiagnosticSeverityError, Summary: err.Error()}}
}
