mock_provider "keycloak" {}

variables {
  realm  = "fleet"
  client = "client-uuid"
  roles  = { admin = "admin-id", op = "op-id", user = "user-id", viewer = "viewer-id" }
}

run "lets_exactly_one_permission_speak_of_each_right" {
  command = plan

  assert {
    condition = length(distinct(flatten(values(output.rights)))) == length(flatten(values(output.rights))) && toset(flatten(values(output.rights))) == toset(flatten([
      for name, resource in keycloak_openid_client_authorization_resource.this : [for scope in resource.scopes : "${name}#${scope}"]
    ]))
    error_message = "A right is granted twice, or by nobody, or one is granted that Airflow never asks for."
  }
}

run "gives_each_role_what_those_below_it_have" {
  command = plan

  assert {
    condition = { for role, policy in keycloak_openid_client_role_policy.from : role => toset(policy.role[*].id) } == {
      viewer = toset(["viewer-id", "user-id", "op-id", "admin-id"])
      user   = toset(["user-id", "op-id", "admin-id"])
      op     = toset(["op-id", "admin-id"])
      admin  = toset(["admin-id"])
    }
    error_message = "A role has less than one below it, or more than it should."
  }

  assert {
    condition     = alltrue([for policy in keycloak_openid_client_role_policy.from : policy.fetch_roles && policy.logic == "POSITIVE" && !anytrue(policy.role[*].required)])
    error_message = "A role that was taken away still counts, or all are needed at once."
  }
}

run "keeps_secrets_and_changes_from_viewers" {
  command = plan

  assert {
    condition     = !anytrue([for right in output.rights.viewer : can(regex("^(Connection|Variable|Configuration)#|#(POST|PUT|DELETE)$", right))])
    error_message = "A viewer reads secrets, or changes something."
  }

  assert {
    condition     = !anytrue([for right in output.rights.user : can(regex("^(Connection|Variable|Configuration|Pool)#", right))]) && contains(output.rights.user, "Dag#POST")
    error_message = "A user reads secrets, or cannot run a DAG."
  }
}

run "refuses_the_realm_master" {
  command = plan
  variables { realm = "master" }
  expect_failures = [var.realm]
}

run "refuses_a_client_without_an_id" {
  command = plan
  variables { client = "" }
  expect_failures = [var.client]
}

run "refuses_other_roles" {
  command = plan
  variables { roles = { Admin = "admin-id" } }
  expect_failures = [var.roles]
}
