# Who may do what in Airflow, said in the client's authorization services: what Airflow's Keycloak auth manager asks for
# (resources, and the scopes of each), and from which role on it is granted.

locals {
  read    = ["GET", "LIST"]
  write   = ["POST", "PUT", "DELETE"]
  methods = concat(local.read, local.write)

  # Resources of the auth manager (KeycloakResource), each with every method.
  things = toset([
    "AdminView", "Asset", "AssetAlias", "Backfill", "Configuration", "Connection", "Custom", "Dag", "Menu", "Pool", "Team",
    "Variable", "View",
  ])
  # Entries of Airflow's menu (MenuItem of 3.3): it asks for all of them at once, and fails when Keycloak does not know one.
  menu = toset(flatten([for permission in local.permissions : permission.resources if permission.scopes == ["MENU"]]))

  # Of any pair of resource and scope exactly one of these speaks, so that no strategy has to weigh one against another.
  # Whatever none of them names nobody may do.
  permissions = {
    read = {
      from      = "viewer"
      scopes    = local.read
      resources = ["Asset", "AssetAlias", "Backfill", "Custom", "Dag", "Pool", "View"]
    }
    browse = {
      from      = "viewer"
      scopes    = ["MENU"]
      resources = ["Assets", "Dags", "Deadlines", "Docs", "Jobs", "Required Actions", "XComs"]
    }
    run = {
      from      = "user"
      scopes    = local.write
      resources = ["Asset", "Backfill", "Dag"]
    }
    look-behind = {
      from      = "op"
      scopes    = local.read
      resources = ["Configuration", "Connection", "Variable"]
    }
    operate = {
      from      = "op"
      scopes    = local.write
      resources = ["Connection", "Pool", "Variable"]
    }
    browse-operation = {
      from      = "op"
      scopes    = ["MENU"]
      resources = ["Config", "Connections", "Plugins", "Pools", "Providers", "Variables"]
    }
    look-at-everything = {
      from      = "admin"
      scopes    = local.read
      resources = ["AdminView", "Menu", "Team"]
    }
    administer = {
      from      = "admin"
      scopes    = local.write
      resources = ["AdminView", "AssetAlias", "Configuration", "Custom", "Menu", "Team", "View"]
    }
    browse-administration = {
      from      = "admin"
      scopes    = ["MENU"]
      resources = ["Audit Log"]
    }
  }

  # Each role may do what those before it may.
  ladder = ["viewer", "user", "op", "admin"]
}

resource "keycloak_openid_client_authorization_scope" "this" {
  for_each = toset(concat(local.methods, ["MENU"]))

  realm_id           = var.realm
  resource_server_id = var.client
  name               = each.key
}

resource "keycloak_openid_client_authorization_resource" "this" {
  for_each = setunion(local.things, local.menu)

  realm_id           = var.realm
  resource_server_id = var.client
  name               = each.key
  scopes = [
    for scope in contains(local.things, each.key) ? local.methods : ["MENU"] :
    keycloak_openid_client_authorization_scope.this[scope].name
  ]
}

resource "keycloak_openid_client_role_policy" "from" {
  for_each = toset(local.ladder)

  realm_id           = var.realm
  resource_server_id = var.client
  name               = "from ${each.key} on"
  type               = "role"
  decision_strategy  = "UNANIMOUS"
  logic              = "POSITIVE"
  fetch_roles        = true # as Keycloak has them now, not as the token has them

  dynamic "role" {
    for_each = slice(local.ladder, index(local.ladder, each.key), length(local.ladder))

    content {
      id       = var.roles[role.value]
      required = false # any of them will do
    }
  }
}

resource "keycloak_openid_client_authorization_permission" "this" {
  for_each = local.permissions

  realm_id           = var.realm
  resource_server_id = var.client
  name               = each.key
  type               = "scope"
  policies           = [keycloak_openid_client_role_policy.from[each.value.from].id]
  resources          = [for name in each.value.resources : keycloak_openid_client_authorization_resource.this[name].id]
  scopes             = [for name in each.value.scopes : keycloak_openid_client_authorization_scope.this[name].id]
}
