# All that one instance has of Terraform's. It holds no provider block, so that a root can call it for many instances
# at once (`for_each`) and read the whole fleet in one process.

module "database" {
  source = "../database"

  name             = var.database.name
  schema           = var.database.schema
  role             = var.database.role
  connection_limit = var.database.connection_limit
  reader           = var.database.reader
  password         = var.database_password
  password_version = var.database_password_version
}

module "sso" {
  source = "../sso"

  realm                 = var.sso.realm
  client_id             = var.sso.client_id
  display_name          = var.sso.display_name
  base_url              = var.sso.base_url
  manager               = var.sso.manager
  browser_flow_id       = local.by_keycloak ? module.sso_gate[0].flow_id : ""
  group                 = var.instance
  dag_roles             = var.sso.dag_roles
  groups                = var.sso.groups
  users                 = var.sso.users
  client_secret         = var.sso_client_secret
  client_secret_version = var.sso_client_secret_version
}

# With Airflow's Keycloak auth manager Keycloak also decides who comes in and who may do what.

locals {
  by_keycloak = var.sso.manager == "keycloak"
}

module "sso_gate" {
  source = "../sso-gate"
  count  = local.by_keycloak ? 1 : 0

  realm        = var.sso.realm
  client_id    = var.sso.client_id
  display_name = var.sso.display_name
  roles        = ["admin", "op", "user", "viewer"]
}

module "sso_rights" {
  source = "../sso-rights"
  count  = local.by_keycloak ? 1 : 0

  realm  = var.sso.realm
  client = module.sso.client_uuid
  roles  = module.sso.roles
}

module "gcp" {
  source = "../gcp-team"
  count  = var.gcp == null ? 0 : 1

  instance                    = var.instance
  project                     = var.gcp.project
  service_account             = var.gcp.service_account
  namespace                   = var.gcp.namespace
  kubernetes_service_accounts = var.gcp.kubernetes_service_accounts
  log_bucket                  = var.gcp.log_bucket
  database_server             = var.gcp.database_server
  database_role               = module.database.role
}
