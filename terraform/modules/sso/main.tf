# One instance's sign-on: a confidential client with roles of its own, and who has which of them.

locals {
  roles = setunion(["admin", "op", "user", "viewer"], var.dag_roles)

  # Airflow's two auth managers that sign in by Keycloak: where each wants people to come back to.
  by_keycloak = var.manager == "keycloak"
  sign_in     = local.by_keycloak ? "/auth/login_callback" : "/auth/oauth-authorized/keycloak"
  sign_out    = local.by_keycloak ? "/auth/logout_callback" : "/"

  # Turned round, role -> members becomes member -> roles: one mapping per member, whatever the number of its roles.
  group_roles = transpose(var.groups)
  user_roles  = transpose(var.users)
}

resource "keycloak_openid_client" "this" {
  realm_id  = var.realm
  client_id = var.client_id
  name      = var.display_name
  base_url  = "${var.base_url}/"

  access_type              = "CONFIDENTIAL"
  client_secret_wo         = var.client_secret
  client_secret_wo_version = var.client_secret_version

  standard_flow_enabled        = true
  implicit_flow_enabled        = false
  direct_access_grants_enabled = false
  service_accounts_enabled     = local.by_keycloak # Keycloak's condition for authorization services; it has no role here
  use_refresh_tokens           = local.by_keycloak # FAB asks Keycloak once, at sign-in; the other at every turn
  consent_required             = false
  frontchannel_logout_enabled  = false
  pkce_code_challenge_method   = local.by_keycloak ? "" : "S256" # the Keycloak manager knows no PKCE

  # With full scope every token carries the roles of every client, and with some sixty clients outgrows the cookie.
  full_scope_allowed = false

  valid_redirect_uris             = ["${var.base_url}${local.sign_in}"]
  valid_post_logout_redirect_uris = ["${var.base_url}${local.sign_out}"]
  web_origins                     = []

  # Keycloak takes these settings with a new client only, and gives a client that is changed its own defaults: so it is to
  # have those in both cases. Module sso-rights says the rest, with no permission beside another to weigh it against.
  dynamic "authorization" {
    for_each = local.by_keycloak ? [true] : []

    content {
      policy_enforcement_mode          = "ENFORCING"
      decision_strategy                = "UNANIMOUS"
      allow_remote_resource_management = true
    }
  }

  dynamic "authentication_flow_binding_overrides" {
    for_each = local.by_keycloak ? [true] : []

    content {
      browser_id = var.browser_flow_id
    }
  }
}

# Roles of the client, never of the realm: a realm role of the same name would be valid at every instance.
resource "keycloak_role" "this" {
  for_each = local.roles

  realm_id  = var.realm
  client_id = keycloak_openid_client.this.id
  name      = each.key
}

resource "keycloak_openid_user_client_role_protocol_mapper" "roles" {
  realm_id  = var.realm
  client_id = keycloak_openid_client.this.id
  name      = "roles"

  claim_name                  = "roles"
  claim_value_type            = "String"
  multivalued                 = true
  client_id_for_role_mappings = keycloak_openid_client.this.client_id

  # Airflow reads the ID token; nobody is to take the access token for a list of rights.
  add_to_id_token     = true
  add_to_userinfo     = true
  add_to_access_token = false
}

# Made by the stack `platform`: who has this scope (the portal) may see who has which role here.
data "keycloak_openid_client_scope" "roles" {
  realm_id = var.realm
  name     = "airflow-roles"
}

resource "keycloak_generic_role_mapper" "roles" {
  for_each = local.roles

  realm_id        = var.realm
  client_scope_id = data.keycloak_openid_client_scope.roles.id
  role_id         = keycloak_role.this[each.key].id
}

# The instance's own groups, /<group>/<role>: whoever is put into one has that role here, and nowhere else.
resource "keycloak_group" "instance" {
  realm_id = var.realm
  name     = var.group
}

resource "keycloak_group" "role" {
  for_each = local.roles

  realm_id  = var.realm
  parent_id = keycloak_group.instance.id
  name      = each.key
}

resource "keycloak_group_roles" "role" {
  for_each = local.roles

  realm_id   = var.realm
  group_id   = keycloak_group.role[each.key].id
  role_ids   = [keycloak_role.this[each.key].id]
  exhaustive = false
}

data "keycloak_group" "member" {
  for_each = local.group_roles

  realm_id   = var.realm
  group_path = startswith(each.key, "/") ? each.key : "/${each.key}"
}

# Not exhaustive: a group or a person has roles at other instances too, which are none of this one's business.
resource "keycloak_group_roles" "member" {
  for_each = local.group_roles

  realm_id   = var.realm
  group_id   = data.keycloak_group.member[each.key].id
  role_ids   = [for role in each.value : keycloak_role.this[role].id]
  exhaustive = false
}

data "keycloak_user" "member" {
  for_each = local.user_roles

  realm_id = var.realm
  username = each.key
}

resource "keycloak_user_roles" "member" {
  for_each = local.user_roles

  realm_id   = var.realm
  user_id    = data.keycloak_user.member[each.key].id
  role_ids   = [for role in each.value : keycloak_role.this[role].id]
  exhaustive = false
}
