package keycloak

import (
	"context"
	"errors"
	"fmt"

	"fleet.local/sandbox/providers/internal/standin"
)

var client = standin.Resource[*api]{
	Defaults: standin.Values{
		"enabled": true, "client_authenticator_type": "client-secret", "full_scope_allowed": true, "use_refresh_tokens": true,
		"use_refresh_tokens_client_credentials": false, "standard_token_exchange_enabled": false,
		"backchannel_logout_session_required": true, "oauth2_device_authorization_grant_enabled": false,
		"oauth2_jwt_authorization_grant_enabled": false, "always_display_in_console": false, "import": false,
		"authorization.decision_strategy": "UNANIMOUS", "authorization.allow_remote_resource_management": false,
		"authorization.keep_defaults": false,
	},
	Replace: []string{"realm_id", "import"},
	Keep: []string{
		"name", "root_url", "admin_url", "base_url", "consent_screen_text", "login_theme", "frontchannel_logout_url",
		"backchannel_logout_url",
	},
	Refuse:   []string{"extra_config", "client_secret_regenerate_when_changed", "import"},
	Validate: validateClient,
	Create:   createClient,
	Read:     readClient,
	Update:   updateClient,
	Delete:   deleteClient,
	Import:   standin.ImportByPath("realm_id", "id"),
}

var clientFields = []field{
	{"client_id", "clientId", text},
	{"name", "name", text},
	{"enabled", "enabled", flag},
	{"client_authenticator_type", "clientAuthenticatorType", text},
	{"standard_flow_enabled", "standardFlowEnabled", flag},
	{"implicit_flow_enabled", "implicitFlowEnabled", flag},
	{"direct_access_grants_enabled", "directAccessGrantsEnabled", flag},
	{"service_accounts_enabled", "serviceAccountsEnabled", flag},
	{"frontchannel_logout_enabled", "frontchannelLogout", flag},
	{"full_scope_allowed", "fullScopeAllowed", flag},
	{"consent_required", "consentRequired", flag},
	{"always_display_in_console", "alwaysDisplayInConsole", flag},
	{"valid_redirect_uris", "redirectUris", set},
	{"web_origins", "webOrigins", set},
	{"root_url", "rootUrl", text},
	{"admin_url", "adminUrl", text},
	{"base_url", "baseUrl", text},
	{"valid_post_logout_redirect_uris", "attributes/post.logout.redirect.uris", joined},
	{"pkce_code_challenge_method", "attributes/pkce.code.challenge.method", text},
	{"require_dpop_bound_tokens", "attributes/dpop.bound.access.tokens", flagText},
	{"exclude_session_state_from_auth_response", "attributes/exclude.session.state.from.auth.response", blind},
	{"exclude_issuer_from_auth_response", "attributes/exclude.issuer.from.auth.response", blind},
	{"access_token_lifespan", "attributes/access.token.lifespan", text},
	{"login_theme", "attributes/login_theme", text},
	{"use_refresh_tokens", "attributes/use.refresh.tokens", flagText},
	{"use_refresh_tokens_client_credentials", "attributes/client_credentials.use_refresh_token", flagText},
	{"standard_token_exchange_enabled", "attributes/standard.token.exchange.enabled", flagText},
	{"allow_refresh_token_in_standard_token_exchange", "attributes/standard.token.exchange.enableRefreshRequestedTokenType", text},
	{"oauth2_device_authorization_grant_enabled", "attributes/oauth2.device.authorization.grant.enabled", flagText},
	{"oauth2_device_code_lifespan", "attributes/oauth2.device.code.lifespan", text},
	{"oauth2_device_polling_interval", "attributes/oauth2.device.polling.interval", text},
	{"oauth2_jwt_authorization_grant_enabled", "attributes/oauth2.jwt.authorization.grant.enabled", flagText},
	{"oauth2_jwt_authorization_grant_idp", "attributes/oauth2.jwt.authorization.grant.idp", text},
	{"client_offline_session_idle_timeout", "attributes/client.offline.session.idle.timeout", text},
	{"client_offline_session_max_lifespan", "attributes/client.offline.session.max.lifespan", text},
	{"client_session_idle_timeout", "attributes/client.session.idle.timeout", text},
	{"client_session_max_lifespan", "attributes/client.session.max.lifespan", text},
	{"display_on_consent_screen", "attributes/display.on.consent.screen", flagText},
	{"consent_screen_text", "attributes/consent.screen.text", text},
	{"frontchannel_logout_url", "attributes/frontchannel.logout.url", text},
	{"backchannel_logout_url", "attributes/backchannel.logout.url", text},
	{"backchannel_logout_revoke_offline_sessions", "attributes/backchannel.logout.revoke.offline.tokens", flagText},
	{"backchannel_logout_session_required", "attributes/backchannel.logout.session.required", flagText},
}

func validateClient(config standin.Values) error {
	return errors.Join(
		standin.OneOf(config, "access_type", "CONFIDENTIAL", "PUBLIC", "BEARER-ONLY"),
		standin.OneOf(config, "pkce_code_challenge_method", "", "plain", "S256"),
		standin.Apart(config, "client_secret", "client_secret_wo"),
		standin.Together(config, "client_secret_wo", "client_secret_wo_version"),
	)
}

// validatePlanned checks what only the finished values tell.
func validatePlanned(planned standin.Values) error {
	enabled := func(name string) bool { return standin.Get[bool](planned, name) }
	interactive := enabled("standard_flow_enabled") || enabled("implicit_flow_enabled")
	redirects := len(standin.Strings(planned, "valid_redirect_uris"))
	switch accessType := standin.Get[string](planned, "access_type"); {
	case interactive && redirects == 0:
		return errors.New("validation error: standard (authorization code) and implicit flows require at least one valid redirect uri")
	case !interactive && redirects > 0:
		return errors.New("valid_redirect_uris cannot be set when standard or implicit flow is not enabled")
	case accessType == "PUBLIC" && enabled("service_accounts_enabled"):
		return errors.New("validation error: service accounts (client credentials flow) cannot be enabled on public clients")
	case accessType == "BEARER-ONLY" && (interactive || enabled("direct_access_grants_enabled") || enabled("service_accounts_enabled")):
		return errors.New("validation error: Keycloak cannot issue tokens for bearer-only clients; no oauth2 flows can be enabled for this client")
	}
	return nil
}

func writeClient(into representation, change standin.Change) {
	write(into, clientFields, change.Planned)
	accessType := standin.Get[string](change.Planned, "access_type")
	into["protocol"] = "openid-connect"
	into["publicClient"] = accessType == "PUBLIC"
	into["bearerOnly"] = accessType == "BEARER-ONLY"
	writeClientBlocks(into, change.Planned)
	switch {
	case change.Planned["client_secret_wo_version"] == nil:
		if secret := standin.Get[string](change.Planned, "client_secret"); secret != "" {
			into["secret"] = secret
		}
	case change.Changed("client_secret_wo_version"):
		into["secret"] = standin.Get[string](change.Config, "client_secret_wo")
	}
}

// writeClientBlocks sends a resource server's settings as the official provider does; Keycloak takes them with a new client
// only, and at a later change leaves them as they are.
func writeClientBlocks(into representation, planned standin.Values) {
	authorization := block(planned, "authorization")
	into["authorizationServicesEnabled"] = authorization != nil
	if authorization != nil {
		into["authorizationSettings"] = representation{
			"policyEnforcementMode":         authorization["policy_enforcement_mode"],
			"decisionStrategy":              authorization["decision_strategy"],
			"allowRemoteResourceManagement": authorization["allow_remote_resource_management"],
		}
	}
	flows := block(planned, "authentication_flow_binding_overrides")
	into["authenticationFlowBindingOverrides"] = representation{
		"browser":      standin.Get[string](flows, "browser_id"), // an empty one takes the override away
		"direct_grant": standin.Get[string](flows, "direct_grant_id"),
	}
}

// block is the one element of a nested block, nil where there is none.
func block(values standin.Values, name string) standin.Values {
	for _, each := range standin.Get[[]any](values, name) {
		inner, _ := each.(standin.Values)
		return inner
	}
	return nil
}

func createClient(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	if err := validatePlanned(change.Planned); err != nil {
		return nil, err
	}
	body := representation{}
	writeClient(body, change)
	id, err := a.post(ctx, at(standin.Get[string](change.Planned, "realm_id"), "clients"), body)
	return standin.Values{"id": id}, err
}

func clientPath(values standin.Values) string {
	return at(standin.Get[string](values, "realm_id"), "clients", standin.Get[string](values, "id"))
}

func updateClient(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	if err := validatePlanned(change.Planned); err != nil {
		return nil, err
	}
	body := representation{}
	if err := a.get(ctx, clientPath(change.Planned), &body); err != nil {
		return nil, err
	}
	writeClient(body, change)
	return standin.Values{}, a.put(ctx, clientPath(change.Planned), body)
}

func readClient(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	body := representation{}
	err := a.get(ctx, clientPath(state), &body)
	if err != nil {
		return nil, ignoreGone(err)
	}
	values := read(body, clientFields)
	values["access_type"] = "CONFIDENTIAL"
	switch {
	case body["publicClient"] == true:
		values["access_type"] = "PUBLIC"
	case body["bearerOnly"] == true:
		values["access_type"] = "BEARER-ONLY"
	}
	flows, _ := body["authenticationFlowBindingOverrides"].(representation)
	values["authentication_flow_binding_overrides"] = []any{}
	if len(flows) > 0 {
		values["authentication_flow_binding_overrides"] = []any{standin.Values{
			"browser_id": asText(flows["browser"]), "direct_grant_id": asText(flows["direct_grant"]),
		}}
	}
	if values["authorization"], err = a.readAuthorization(ctx, state, body); err != nil {
		return nil, err
	}
	if body["authorizationServicesEnabled"] == true {
		values["resource_server_id"] = body["id"]
	}
	return values, a.readClientDetails(ctx, state, values)
}

func (a *api) readAuthorization(ctx context.Context, state standin.Values, body representation) (any, error) {
	if body["authorizationServicesEnabled"] != true {
		return []any{}, nil
	}
	server := representation{}
	if err := a.get(ctx, clientPath(state)+"/authz/resource-server", &server); err != nil {
		return nil, err
	}
	return []any{standin.Values{
		"policy_enforcement_mode": server["policyEnforcementMode"], "decision_strategy": server["decisionStrategy"],
		"allow_remote_resource_management": asFlag(server["allowRemoteResourceManagement"]),
		"keep_defaults":                    standin.Get[bool](block(state, "authorization"), "keep_defaults"),
	}}, nil
}

// readClientDetails adds what is behind addresses of its own. A secret that came as a write-only argument is not even
// asked for.
func (a *api) readClientDetails(ctx context.Context, state, values standin.Values) error {
	values["service_account_user_id"] = ""
	if standin.Get[bool](values, "service_accounts_enabled") {
		var user struct{ ID string }
		if err := a.get(ctx, clientPath(state)+"/service-account-user", &user); err != nil {
			return err
		}
		values["service_account_user_id"] = user.ID
	}
	if state["client_secret_wo_version"] != nil || values["access_type"] != "CONFIDENTIAL" {
		return nil
	}
	var secret struct{ Value string }
	err := a.get(ctx, clientPath(state)+"/client-secret", &secret)
	values["client_secret"] = secret.Value
	return err
}

func deleteClient(ctx context.Context, a *api, state standin.Values) error {
	if err := a.delete(ctx, clientPath(state), nil); err != nil && !gone(err) {
		return fmt.Errorf("could not delete client %s: %w", standin.Get[string](state, "client_id"), err)
	}
	return nil
}
