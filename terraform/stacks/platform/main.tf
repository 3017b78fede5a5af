# What the instances share: the realm and, on Google Cloud, the database server and the log bucket. The providers' credentials
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
  revoke_refresh_token        = true
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
