package keycloak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fleet.local/sandbox/providers/internal/standin"
)

var realm = standin.Resource[*api]{
	Defaults: realmDefaults,
	Replace:  []string{"realm", "internal_id"},
	Keep:     []string{"display_name", "display_name_html"},
	Same:     sameSpans(),
	Refuse: []string{
		"smtp_server", "otp_policy", "web_authn_policy", "web_authn_passwordless_policy", "default_default_client_scopes",
		"default_optional_client_scopes", "admin_permissions_enabled", "attributes",
	},
	Validate: validateRealm,
	Create:   createRealm,
	Read:     readRealm,
	Update:   updateRealm,
	Delete:   deleteRealm,
	Import:   standin.ImportByID,
}

var realmDefaults = standin.Values{
	"enabled": true, "user_managed_access": false, "organizations_enabled": false, "terraform_deletion_protection": false,
	"ssl_required": "external", "revoke_refresh_token": false, "refresh_token_max_reuse": int64(0),
	"offline_session_max_lifespan_enabled": false,

	"security_defenses.headers.x_frame_options":                     "SAMEORIGIN",
	"security_defenses.headers.content_security_policy":             "frame-src 'self'; frame-ancestors 'self'; object-src 'none';",
	"security_defenses.headers.content_security_policy_report_only": "",
	"security_defenses.headers.x_content_type_options":              "nosniff",
	"security_defenses.headers.x_robots_tag":                        "none",
	"security_defenses.headers.x_xss_protection":                    "1; mode=block",
	"security_defenses.headers.strict_transport_security":           "max-age=31536000; includeSubDomains",
	"security_defenses.headers.referrer_policy":                     "no-referrer",

	"security_defenses.brute_force_detection.permanent_lockout":                false,
	"security_defenses.brute_force_detection.brute_force_strategy":             "MULTIPLE",
	"security_defenses.brute_force_detection.max_temporary_lockouts":           int64(0),
	"security_defenses.brute_force_detection.max_login_failures":               int64(30),
	"security_defenses.brute_force_detection.wait_increment_seconds":           int64(60),
	"security_defenses.brute_force_detection.quick_login_check_milli_seconds":  int64(1000),
	"security_defenses.brute_force_detection.minimum_quick_login_wait_seconds": int64(60),
	"security_defenses.brute_force_detection.max_failure_wait_seconds":         int64(900),
	"security_defenses.brute_force_detection.failure_reset_time_seconds":       int64(43200),
}

var realmFields = []field{
	{"realm", "realm", text},
	{"enabled", "enabled", flag},
	{"display_name", "displayName", text},
	{"display_name_html", "displayNameHtml", text},
	{"user_managed_access", "userManagedAccessAllowed", flag},
	{"organizations_enabled", "organizationsEnabled", flag},
	{"registration_allowed", "registrationAllowed", flag},
	{"registration_email_as_username", "registrationEmailAsUsername", flag},
	{"edit_username_allowed", "editUsernameAllowed", flag},
	{"reset_password_allowed", "resetPasswordAllowed", flag},
	{"remember_me", "rememberMe", flag},
	{"verify_email", "verifyEmail", flag},
	{"login_with_email_allowed", "loginWithEmailAllowed", flag},
	{"duplicate_emails_allowed", "duplicateEmailsAllowed", flag},
	{"ssl_required", "sslRequired", text},
	{"login_theme", "loginTheme", text},
	{"account_theme", "accountTheme", text},
	{"admin_theme", "adminTheme", text},
	{"email_theme", "emailTheme", text},
	{"password_policy", "passwordPolicy", text},
	{"default_signature_algorithm", "defaultSignatureAlgorithm", text},
	{"revoke_refresh_token", "revokeRefreshToken", flag},
	{"refresh_token_max_reuse", "refreshTokenMaxReuse", whole},
	{"offline_session_max_lifespan_enabled", "offlineSessionMaxLifespanEnabled", flag},
	{"oauth2_device_polling_interval", "oauth2DevicePollingInterval", whole},
	{"browser_flow", "browserFlow", text},
	{"registration_flow", "registrationFlow", text},
	{"direct_grant_flow", "directGrantFlow", text},
	{"reset_credentials_flow", "resetCredentialsFlow", text},
	{"client_authentication_flow", "clientAuthenticationFlow", text},
	{"docker_authentication_flow", "dockerAuthenticationFlow", text},
	{"first_broker_login_flow", "firstBrokerLoginFlow", text},
}

// realmSpans are the fields that hold a length of time.
var realmSpans = []field{
	{"sso_session_idle_timeout", "ssoSessionIdleTimeout", span},
	{"sso_session_max_lifespan", "ssoSessionMaxLifespan", span},
	{"sso_session_idle_timeout_remember_me", "ssoSessionIdleTimeoutRememberMe", span},
	{"sso_session_max_lifespan_remember_me", "ssoSessionMaxLifespanRememberMe", span},
	{"offline_session_idle_timeout", "offlineSessionIdleTimeout", span},
	{"offline_session_max_lifespan", "offlineSessionMaxLifespan", span},
	{"client_session_idle_timeout", "clientSessionIdleTimeout", span},
	{"client_session_max_lifespan", "clientSessionMaxLifespan", span},
	{"access_token_lifespan", "accessTokenLifespan", span},
	{"access_token_lifespan_for_implicit_flow", "accessTokenLifespanForImplicitFlow", span},
	{"access_code_lifespan", "accessCodeLifespan", span},
	{"access_code_lifespan_login", "accessCodeLifespanLogin", span},
	{"access_code_lifespan_user_action", "accessCodeLifespanUserAction", span},
	{"action_token_generated_by_user_lifespan", "actionTokenGeneratedByUserLifespan", span},
	{"action_token_generated_by_admin_lifespan", "actionTokenGeneratedByAdminLifespan", span},
	{"oauth2_device_code_lifespan", "oauth2DeviceCodeLifespan", span},
}

func sameSpans() map[string]func(old, new any) bool {
	same := map[string]func(old, new any) bool{}
	for _, f := range realmSpans {
		same[f.attribute] = sameSpan
	}
	return same
}

func validateRealm(config standin.Values) error {
	for _, f := range realmSpans {
		written, known := config[f.attribute].(string)
		if _, err := time.ParseDuration(written); known && err != nil {
			return fmt.Errorf("%s: %w", f.attribute, err)
		}
	}
	if config["duplicate_emails_allowed"] == true && (config["registration_email_as_username"] == true || config["login_with_email_allowed"] == true) {
		return errors.New("validation error: DuplicateEmailsAllowed cannot be true if RegistrationEmailAsUsername or LoginWithEmailAllowed is true")
	}
	return standin.OneOf(config, "ssl_required", "none", "external", "all")
}

func createRealm(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	name := standin.Get[string](change.Planned, "realm")
	body := representation{"id": name}
	if id := standin.Get[string](change.Planned, "internal_id"); id != "" {
		body["id"] = id
	}
	write(body, slices.Concat(realmFields, realmSpans), change.Planned)
	writeBlocks(body, change.Planned)
	_, err := a.post(ctx, "/realms", body)
	a.forgetToken() // the one in hand holds no rights in the new realm
	return standin.Values{"id": name}, err
}

func updateRealm(ctx context.Context, a *api, change standin.Change) (standin.Values, error) {
	path, body := at(standin.Get[string](change.Planned, "id")), representation{}
	if err := a.get(ctx, path, &body); err != nil {
		return nil, err
	}
	write(body, slices.Concat(realmFields, realmSpans), change.Planned)
	writeBlocks(body, change.Planned)
	return standin.Values{}, a.put(ctx, path, body)
}

func readRealm(ctx context.Context, a *api, state standin.Values) (standin.Values, error) {
	body := representation{}
	if err := a.get(ctx, at(standin.Get[string](state, "id")), &body); err != nil {
		return nil, ignoreGone(err)
	}
	values := read(body, slices.Concat(realmFields, realmSpans))
	values["id"], values["internal_id"] = body["realm"], body["id"]
	readBlocks(values, body, state)
	return values, nil
}

func deleteRealm(ctx context.Context, a *api, state standin.Values) error {
	id := standin.Get[string](state, "id")
	if standin.Get[bool](state, "terraform_deletion_protection") {
		return fmt.Errorf("deletion protection is enabled for keycloak_realm resource with realm %s: to delete this resource, first set `terraform_deletion_protection` to `false`", id)
	}
	return ignoreGone(a.delete(ctx, at(id), nil))
}
