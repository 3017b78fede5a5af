# The portal's sign-on: a confidential client whose ID token says on which Airflows a person has roles, and nothing else.

resource "keycloak_openid_client" "this" {
  realm_id  = var.realm
  client_id = var.client_id
  name      = "Airflow"
  base_url  = "${var.base_url}/"

  access_type              = "CONFIDENTIAL"
  client_secret_wo         = var.client_secret
  client_secret_wo_version = var.client_secret_version

  standard_flow_enabled        = true
  implicit_flow_enabled        = false
  direct_access_grants_enabled = false
  service_accounts_enabled     = false
  consent_required             = false
  frontchannel_logout_enabled  = false
  pkce_code_challenge_method   = "S256"

  # With full scope the tokens of whoever administers the realm could administer it, from here.
  full_scope_allowed = false

  valid_redirect_uris             = ["${var.base_url}/-/signed-in"]
  valid_post_logout_redirect_uris = ["${var.base_url}/-/signed-out"]
  web_origins                     = []
}

# Instead of Keycloak's own defaults, which would put roles into the access token as well.
resource "keycloak_openid_client_default_scopes" "this" {
  realm_id       = var.realm
  client_id      = keycloak_openid_client.this.id
  default_scopes = ["basic", "profile", var.roles_scope]
}
