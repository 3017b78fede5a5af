# What the instances share: the realm, the clients of the portal and of the look at drift and, on Google Cloud, the database server and the log bucket. The providers' credentials
# come from the environment alone: KEYCLOAK_CLIENT_ID, KEYCLOAK_USER, KEYCLOAK_PASSWORD; Google's application default credentials.

provider "keycloak" {
  url            = var.sso.url
  client_timeout = 60
}

# Without Google Cloud nothing is asked of it: the token, which is none, keeps the provider from looking for credentials.

provider "google" {
  project                         = try(var.gcp.project, null)
  region                          = try(var.gcp.region, null)
  access_token                    = var.cloud == "gcp" ? null : "none"
  add_terraform_attribution_label = false
}

resource "keycloak_realm" "this" {
  realm        = var.sso.realm
  display_name = var.sso.display_name
  ssl_required = var.sso.ssl_required

  login_with_email_allowed       = true
  duplicate_emails_allowed       = false
  registration_allowed           = false
  registration_email_as_username = false
  edit_username_allowed          = false # Airflow knows people by it: a renamed person gets an error 500
  reset_password_allowed         = false # needs a mail server
  verify_email                   = false # likewise
  remember_me                    = false
  password_policy                = var.sso.password_policy

  default_signature_algorithm = "RS256"
  access_token_lifespan       = "5m0s"
  access_code_lifespan        = "1m0s"
  sso_session_idle_timeout    = var.sso.session_idle
  sso_session_max_lifespan    = var.sso.session_max
  revoke_refresh_token        = var.sso.revoke_refresh_token
  refresh_token_max_reuse     = 0

  security_defenses {
    headers {
      x_frame_options           = "SAMEORIGIN"
      content_security_policy   = "frame-src 'self'; frame-ancestors 'self'; object-src 'none';"
      strict_transport_security = "max-age=31536000; includeSubDomains"
      referrer_policy           = "no-referrer"
    }

    brute_force_detection {
      max_login_failures         = 10
      wait_increment_seconds     = 60
      max_failure_wait_seconds   = 900
      failure_reset_time_seconds = 43200
    }
  }

  terraform_deletion_protection = var.sso.deletion_protection
}

resource "keycloak_group" "this" {
  for_each = var.sso.groups

  realm_id = keycloak_realm.this.id
  name     = each.key
}

# Tells on which Airflows a person has roles. The stack `team` lets the roles of its own client into it, so that whoever has
# this scope sees those and no others.
resource "keycloak_openid_client_scope" "roles" {
  realm_id               = keycloak_realm.this.id
  name                   = "airflow-roles"
  include_in_token_scope = false
}

resource "keycloak_openid_user_client_role_protocol_mapper" "roles" {
  realm_id        = keycloak_realm.this.id
  client_scope_id = keycloak_openid_client_scope.roles.id
  name            = "airflow-roles"

  # No client named: Keycloak puts each one's id into the claim's name.
  claim_name       = "resource_access.$${client_id}.roles"
  claim_value_type = "String"
  multivalued      = true

  add_to_id_token     = true
  add_to_userinfo     = false
  add_to_access_token = false
}

module "portal" {
  source = "../../modules/portal"
  count  = var.portal == null ? 0 : 1

  realm                 = keycloak_realm.this.id
  client_id             = var.portal.client_id
  base_url              = var.portal.base_url
  roles_scope           = keycloak_openid_client_scope.roles.name
  client_secret         = var.portal_client_secret
  client_secret_version = var.portal_client_secret_version
}

module "drift" {
  source = "../../modules/drift"
  count  = var.drift == null ? 0 : 1

  realm                 = keycloak_realm.this.id
  client_id             = var.drift.client_id
  client_secret         = var.drift_client_secret
  client_secret_version = var.drift_client_secret_version
}

module "gcp" {
  source = "../../modules/gcp-platform"
  count  = var.cloud == "gcp" ? 1 : 0

  project                         = var.gcp.project
  region                          = var.gcp.region
  network                         = var.gcp.network
  database                        = var.gcp.database
  database_admin_password         = var.database_admin_password
  database_admin_password_version = var.database_admin_password_version
  log_bucket                      = var.gcp.log_bucket
}
