package standin

import (
	"context"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Terraform holds an answer to stricter rules unless the provider says, as the official ones do, that its planned and
// new states may hold defaults which the configuration does not mention.
const legacyTypeSystem = true

func (s *server[C]) PlanResourceChange(_ context.Context, in *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	out := &tfprotov5.PlanResourceChangeResponse{PlannedPrivate: in.PriorPrivate, UnsafeToUseLegacyTypeSystem: legacyTypeSystem}
	out.Diagnostics = report(s.planInto(out, in))
	return out, nil
}

func (s *server[C]) planInto(out *tfprotov5.PlanResourceChangeResponse, in *tfprotov5.PlanResourceChangeRequest) error {
	k, err := s.kind(in.TypeName)
	if err != nil {
		return err
	}
	state, err := k.decoded(in.PriorState, in.ProposedNewState, in.Config)
	if err != nil {
		return err
	}
	prior, proposed, config := state[0], state[1], state[2]
	if proposed == nil { // a removal
		out.PlannedState = in.ProposedNewState
		return nil
	}
	planned := k.plan(k.block, "", config, prior)
	if prior != nil {
		for _, name := range replaced(k.Replace, prior, planned) {
			out.RequiresReplace = append(out.RequiresReplace, tftypes.NewAttributePath().WithAttributeName(name))
		}
	}
	out.PlannedState, err = encode(planned, k.typ)
	return err
}

func (s *server[C]) ApplyResourceChange(ctx context.Context, in *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	out := &tfprotov5.ApplyResourceChangeResponse{NewState: in.PriorState, Private: in.PlannedPrivate, UnsafeToUseLegacyTypeSystem: legacyTypeSystem}
	out.Diagnostics = report(s.applyInto(ctx, out, in))
	return out, nil
}

// applyInto leaves the prior state in out where the change failed, and a state without the server's own values where
// only the reading afterwards failed: Terraform then knows of the object, and reads it again the next time.
func (s *server[C]) applyInto(ctx context.Context, out *tfprotov5.ApplyResourceChangeResponse, in *tfprotov5.ApplyResourceChangeRequest) error {
	k, err := s.kind(in.TypeName)
	if err != nil {
		return err
	}
	states, err := k.decoded(in.PriorState, in.PlannedState, in.Config)
	if err != nil {
		return err
	}
	change := Change{Prior: states[0], Planned: states[1], Config: states[2]}
	if change.Planned == nil {
		return s.remove(ctx, k, change.Prior, out, in)
	}
	made, err := k.change(ctx, s.client, change)
	if err != nil {
		return err
	}
	state := k.complete(k.block, change.Planned, made)
	if out.NewState, err = encode(state, k.typ); err != nil {
		return err
	}
	fresh, err := s.refresh(ctx, k, state)
	if err != nil {
		return err
	}
	out.NewState, err = encode(fresh, k.typ)
	return err
}

func (r Resource[C]) change(ctx context.Context, client C, change Change) (Values, error) {
	if change.Prior == nil {
		return r.Create(ctx, client, change)
	}
	return r.Update(ctx, client, change)
}

func (s *server[C]) remove(ctx context.Context, k kind[C], prior Values, out *tfprotov5.ApplyResourceChangeResponse, in *tfprotov5.ApplyResourceChangeRequest) error {
	if err := k.Delete(ctx, s.client, prior); err != nil {
		return err
	}
	out.NewState = in.PlannedState
	return nil
}
