# A way to sign in that ends, for people without a role at the client, before Keycloak gives out a code: its own browser flow, and
# a last step that denies. It is bound to the client by module sso.

locals {
  # Keycloak reads a client's role as <client>.<role>, and a flow inside another has a name of its own in the realm.
  names = { for part in ["browser", "identify", "forms", "second-factor", "roles"] : part => "${var.client_id}-${part}" }
}

resource "keycloak_authentication_flow" "browser" {
  realm_id = var.realm
  alias    = local.names["browser"]

  # Keycloak removes no flow that a client is bound to: the client is loosed first.
  lifecycle {
    create_before_destroy = true
  }
}

# Who somebody is: Keycloak's own browser flow. Its parts are made one after the other: to find the place of a flow in the one
# around it, all steps are listed, and Keycloak answers that with an error 500 while one of them is half made.

resource "keycloak_authentication_subflow" "identify" {
  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_flow.browser.alias
  alias             = local.names["identify"]
  requirement       = "REQUIRED"
  priority          = 10
}

resource "keycloak_authentication_execution" "identify" {
  for_each = { auth-cookie = 10, identity-provider-redirector = 20 }

  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_subflow.identify.alias
  authenticator     = each.key
  requirement       = "ALTERNATIVE"
  priority          = each.value
}

resource "keycloak_authentication_subflow" "forms" {
  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_subflow.identify.alias
  alias             = local.names["forms"]
  requirement       = "ALTERNATIVE"
  priority          = 30
  depends_on        = [keycloak_authentication_execution.identify]
}

resource "keycloak_authentication_execution" "password" {
  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_subflow.forms.alias
  authenticator     = "auth-username-password-form"
  requirement       = "REQUIRED"
  priority          = 10
}

resource "keycloak_authentication_subflow" "second_factor" {
  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_subflow.forms.alias
  alias             = local.names["second-factor"]
  requirement       = "CONDITIONAL"
  priority          = 20
  depends_on        = [keycloak_authentication_execution.password]
}

# Whoever has set up a one-time password is asked for it.
resource "keycloak_authentication_execution" "second_factor" {
  for_each = { conditional-user-configured = 10, auth-otp-form = 20 }

  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_subflow.second_factor.alias
  authenticator     = each.key
  requirement       = "REQUIRED"
  priority          = each.value
}

# Whether they have business here: with not one of the roles, no.

resource "keycloak_authentication_subflow" "roles" {
  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_flow.browser.alias
  alias             = local.names["roles"]
  requirement       = "CONDITIONAL"
  priority          = 20
  depends_on        = [keycloak_authentication_execution.second_factor]
}

# All conditions of a flow must hold for it to run.
resource "keycloak_authentication_execution" "without" {
  for_each = var.roles

  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_subflow.roles.alias
  authenticator     = "conditional-user-role"
  requirement       = "REQUIRED"
  priority          = 10
}

resource "keycloak_authentication_execution_config" "without" {
  for_each = var.roles

  realm_id     = var.realm
  execution_id = keycloak_authentication_execution.without[each.key].id
  alias        = "${var.client_id}-without-${each.key}"
  config       = { condUserRole = "${var.client_id}.${each.key}", negate = "true" }
}

resource "keycloak_authentication_execution" "deny" {
  realm_id          = var.realm
  parent_flow_alias = keycloak_authentication_subflow.roles.alias
  authenticator     = "deny-access-authenticator"
  requirement       = "REQUIRED"
  priority          = 20
}

resource "keycloak_authentication_execution_config" "deny" {
  realm_id     = var.realm
  execution_id = keycloak_authentication_execution.deny.id
  alias        = "${var.client_id}-deny"
  config       = { denyErrorMessage = "You have no role at ${var.display_name}." }
}
