# One instance, one workspace. Credentials of the providers come from the environment alone:
# PGUSER, PGPASSWORD; KEYCLOAK_CLIENT_ID, KEYCLOAK_USER, KEYCLOAK_PASSWORD.

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

module "instance" {
  source = "../../modules/instance"

  database                  = var.database
  database_password         = var.database_password
  database_password_version = var.database_password_version
  sso                       = var.sso
  sso_client_secret         = var.sso_client_secret
  sso_client_secret_version = var.sso_client_secret_version
}
