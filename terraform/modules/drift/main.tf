# Whom the scheduled look at drift is in Keycloak: a client that signs in as itself alone, and whose account sees the realm and
# changes nothing of it (docs/adr/0092).

resource "keycloak_openid_client" "this" {
  realm_id  = var.realm
  client_id = var.client_id
  name      = "Drift"

  access_type              = "CONFIDENTIAL"
  client_secret_wo         = var.client_secret
  client_secret_wo_version = var.client_secret_version

  service_accounts_enabled     = true
  standard_flow_enabled        = false
  implicit_flow_enabled        = false
  direct_access_grants_enabled = false
  frontchannel_logout_enabled  = false

  # Nobody else's token comes from here, so that this is the scope of its own account's roles.
  full_scope_allowed = true

  valid_redirect_uris = []
  web_origins         = []
}

resource "keycloak_openid_client_default_scopes" "this" {
  realm_id       = var.realm
  client_id      = keycloak_openid_client.this.id
  default_scopes = ["basic", "roles"]
}

data "keycloak_openid_client" "realm_management" {
  realm_id  = var.realm
  client_id = "realm-management"
}

resource "keycloak_openid_client_service_account_role" "this" {
  for_each = var.roles

  realm_id                = var.realm
  service_account_user_id = keycloak_openid_client.this.service_account_user_id
  client_id               = data.keycloak_openid_client.realm_management.id
  role                    = each.key
}
