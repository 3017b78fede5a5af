# One instance, one workspace. Credentials of the providers come from the environment alone:
# PGUSER, PGPASSWORD; KEYCLOAK_CLIENT_ID, KEYCLOAK_USER, KEYCLOAK_PASSWORD; Google's application default credentials.

provider "postgresql" {
  host            = var.database_server.host
  port            = var.database_server.port
  sslmode         = var.database_server.sslmode
  connect_timeout = 15
}

provider "keycloak" {
  url            = var.sso.url
  client_timeout = 60
}

# Without Google Cloud nothing is asked of it: the token, which is none, keeps the provider from looking for credentials.

provider "google" {
  project                         = try(var.gcp.project, null)
  access_token                    = var.cloud == "gcp" ? null : "none"
  add_terraform_attribution_label = false
}

module "instance" {
  source = "../../modules/instance"

  instance                  = var.instance
  database                  = var.database
  database_password         = var.database_password
  database_password_version = var.database_password_version
  sso                       = var.sso
  sso_client_secret         = var.sso_client_secret
  sso_client_secret_version = var.sso_client_secret_version
  gcp                       = var.gcp
}
