package keycloak

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"fleet.local/sandbox/providers/internal/standin"
	"fleet.local/sandbox/providers/schemas"
)

// Provider stands in for keycloak/keycloak.
var Provider = standin.Provider[*api]{
	Schema:    schemas.Keycloak,
	Configure: configure,
	Resources: map[string]standin.Resource[*api]{
		"keycloak_realm":                                   realm,
		"keycloak_group":                                   group,
		"keycloak_openid_client":                           client,
		"keycloak_role":                                    role,
		"keycloak_openid_client_scope":                     clientScope,
		"keycloak_openid_client_default_scopes":            defaultScopes,
		"keycloak_generic_role_mapper":                     roleInScope,
		"keycloak_openid_user_client_role_protocol_mapper": mapper,
		"keycloak_group_roles":                             roleMapping("groups", "group_id"),
		"keycloak_user_roles":                              roleMapping("users", "user_id"),
		"keycloak_openid_client_authorization_scope":       authorizationScope,
		"keycloak_openid_client_authorization_resource":    authorizationResource,
		"keycloak_openid_client_role_policy":               rolePolicy,
		"keycloak_openid_client_authorization_permission":  permission,
		"keycloak_openid_client_service_account_role":      accountRole,
		"keycloak_authentication_flow":                     flow,
		"keycloak_authentication_subflow":                  subflow,
		"keycloak_authentication_execution":                execution,
		"keycloak_authentication_execution_config":         executionConfig,
	},
	DataSources: map[string]standin.DataSource[*api]{
		"keycloak_group":               lookUpGroup,
		"keycloak_user":                lookUpUser,
		"keycloak_openid_client":       lookUpClient,
		"keycloak_openid_client_scope": lookUpScope,
	},
}

const defaultTimeout = 15 * time.Second

var refusedSettings = []string{
	"access_token", "jwt_signing_key", "jwt_token", "jwt_token_file", "tls_client_certificate", "tls_client_private_key",
	"additional_headers", "red_hat_sso",
}

func configure(ctx context.Context, config standin.Values) (*api, error) {
	for _, name := range refusedSettings {
		if !standin.Zero(config[name]) {
			return nil, fmt.Errorf("the stand-in does not do %q; the official provider does", name)
		}
	}
	setting := func(name, variable string) string {
		return cmp.Or(standin.Get[string](config, name), os.Getenv(variable))
	}
	credentials, err := credentialsOf(setting)
	if err != nil {
		return nil, err
	}
	client, err := httpClient(config)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(setting("url", "KEYCLOAK_URL"), "/") + setting("base_path", "KEYCLOAK_BASE_PATH")
	adminBase := base
	if separate := setting("admin_url", "KEYCLOAK_ADMIN_URL"); separate != "" {
		adminBase = strings.TrimSuffix(separate, "/") + setting("base_path", "KEYCLOAK_BASE_PATH")
	}
	signInRealm := cmp.Or(setting("realm", "KEYCLOAK_REALM"), "master")
	a := &api{
		admin:       adminBase + "/admin",
		token:       base + "/realms/" + url.PathEscape(signInRealm) + "/protocol/openid-connect/token",
		credentials: credentials, http: client,
	}
	if config["initial_login"] != false {
		_, err = a.signIn(ctx)
	}
	return a, err
}

func credentialsOf(setting func(name, variable string) string) (url.Values, error) {
	form := url.Values{"client_id": {setting("client_id", "KEYCLOAK_CLIENT_ID")}}
	username, password := setting("username", "KEYCLOAK_USER"), setting("password", "KEYCLOAK_PASSWORD")
	secret := setting("client_secret", "KEYCLOAK_CLIENT_SECRET")
	if secret != "" {
		form.Set("client_secret", secret)
	}
	switch {
	case form.Get("client_id") == "":
		return nil, errors.New("client_id is required (KEYCLOAK_CLIENT_ID)")
	case username != "" && password != "":
		form.Set("grant_type", "password")
		form.Set("username", username)
		form.Set("password", password)
	case secret != "":
		form.Set("grant_type", "client_credentials")
	default:
		return nil, errors.New("must specify username and password (KEYCLOAK_USER, KEYCLOAK_PASSWORD) for password grant, or client_secret (KEYCLOAK_CLIENT_SECRET) for client credentials grant")
	}
	return form, nil
}

func httpClient(config standin.Values) (*http.Client, error) {
	trust := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: standin.Get[bool](config, "tls_insecure_skip_verify"), //nolint:gosec // asked for by name
	}
	if pem := standin.Get[string](config, "root_ca_certificate"); pem != "" {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, errors.New("root_ca_certificate holds no certificate")
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = trust
	transport.MaxIdleConnsPerHost = 64 // else all but two of the requests at once shake hands anew
	timeout := time.Duration(standin.Get[int64](config, "client_timeout")) * time.Second
	return &http.Client{Transport: transport, Timeout: cmp.Or(timeout, defaultTimeout)}, nil
}
