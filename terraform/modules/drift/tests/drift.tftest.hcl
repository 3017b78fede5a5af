mock_provider "keycloak" {}

variables {
  realm                 = "fleet"
  client_id             = "fleet-drift"
  client_secret         = "a secret of some length"
  client_secret_version = 1
}

run "signs_in_as_itself_and_in_no_other_way" {
  command = plan

  assert {
    condition = keycloak_openid_client.this.service_accounts_enabled && !anytrue([
      keycloak_openid_client.this.standard_flow_enabled,
      keycloak_openid_client.this.implicit_flow_enabled,
      keycloak_openid_client.this.direct_access_grants_enabled,
    ])
    error_message = "People could sign in by the client, and their tokens would carry every role they have."
  }

  assert {
    condition     = length(keycloak_openid_client.this.valid_redirect_uris) == 0
    error_message = "Keycloak would send somebody somewhere."
  }
}

run "sees_and_manages_nothing" {
  command = plan

  assert {
    condition     = length(output.roles) == 9 && alltrue([for role in output.roles : can(regex("^(query|view)-", role))])
    error_message = "The account can do more than look."
  }
}

run "refuses_a_role_that_manages" {
  command = plan
  variables { roles = ["manage-users"] }
  expect_failures = [var.roles]
}

run "refuses_the_realm_master" {
  command = plan
  variables { realm = "master" }
  expect_failures = [var.realm]
}

run "refuses_a_client_id_with_a_slash" {
  command = plan
  variables { client_id = "fleet/drift" }
  expect_failures = [var.client_id]
}

run "refuses_a_short_secret" {
  command = plan
  variables { client_secret = "short" }
  expect_failures = [var.client_secret]
}

run "refuses_half_a_version" {
  command = plan
  variables { client_secret_version = 1.5 }
  expect_failures = [var.client_secret_version]
}
