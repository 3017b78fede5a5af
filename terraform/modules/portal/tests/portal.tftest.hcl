mock_provider "keycloak" {}

variables {
  realm                 = "fleet"
  client_id             = "fleet-portal"
  base_url              = "https://airflow.example.com"
  roles_scope           = "airflow-roles"
  client_secret         = "a secret of some length"
  client_secret_version = 1
}

run "makes_a_confidential_client_with_one_way_to_sign_in" {
  command = plan

  assert {
    condition     = keycloak_openid_client.this.access_type == "CONFIDENTIAL" && keycloak_openid_client.this.pkce_code_challenge_method == "S256"
    error_message = "The client is not confidential, or does without PKCE."
  }

  assert {
    condition = keycloak_openid_client.this.standard_flow_enabled && !anytrue([
      keycloak_openid_client.this.implicit_flow_enabled,
      keycloak_openid_client.this.direct_access_grants_enabled,
      keycloak_openid_client.this.service_accounts_enabled,
      keycloak_openid_client.this.full_scope_allowed,
    ])
    error_message = "The client can do more than the standard flow, or its tokens carry every role there is."
  }

  assert {
    condition     = keycloak_openid_client.this.valid_redirect_uris == toset(["https://airflow.example.com/-/signed-in"])
    error_message = "Keycloak would send people elsewhere than to the portal."
  }

  assert {
    condition     = keycloak_openid_client.this.valid_post_logout_redirect_uris == toset(["https://airflow.example.com/-/signed-out"])
    error_message = "Keycloak would send people elsewhere after signing out."
  }
}

run "leaves_keycloaks_own_roles_out_of_the_tokens" {
  assert {
    condition     = keycloak_openid_client_default_scopes.this.default_scopes == toset(["airflow-roles", "basic", "profile"])
    error_message = "The tokens say more than who it is and where that person has roles."
  }
}

run "refuses_the_realm_master" {
  command = plan
  variables { realm = "master" }
  expect_failures = [var.realm]
}

run "refuses_a_client_id_with_a_slash" {
  command = plan
  variables { client_id = "fleet/portal" }
  expect_failures = [var.client_id]
}

run "refuses_a_url_with_a_path" {
  command = plan
  variables { base_url = "https://example.com/portal" }
  expect_failures = [var.base_url]
}

run "refuses_a_scope_with_a_blank" {
  command = plan
  variables { roles_scope = "airflow roles" }
  expect_failures = [var.roles_scope]
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
