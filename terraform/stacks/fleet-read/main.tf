# Every instance at once, to be read and never applied: `fleet drift` plans this root over the merged states of all workspaces
# (docs/adr/0088). Credentials of the providers come from the environment alone, as in the stack `team`; those that may only
# read are enough.

provider "postgresql" {
  host            = var.database_server.host
  port            = var.database_server.port
  sslmode         = var.database_server.sslmode
  connect_timeout = 15
  superuser       = false # asks for no password of anybody
}

provider "keycloak" {
  url            = var.sso_url
  client_timeout = 60
}

provider "google" {
  project                         = var.google_project == "" ? null : var.google_project
  access_token                    = var.google_project == "" ? "none" : null
  add_terraform_attribution_label = false
}

module "team" {
  source   = "../../modules/instance"
  for_each = var.teams

  instance                  = each.key
  database                  = each.value.database
  database_password         = "never sent: no plan is applied"
  database_password_version = each.value.database_password_version
  sso                       = each.value.sso
  sso_client_secret         = "never sent: no plan is applied"
  sso_client_secret_version = each.value.sso_client_secret_version
  gcp                       = each.value.gcp
}
