mock_provider "keycloak" {}

variables {
  realm        = "fleet"
  client_id    = "airflow-marketing"
  display_name = "Airflow of marketing"
  roles        = ["admin", "op", "user", "viewer"]
}

run "finds_out_who_somebody_is_before_it_asks_for_a_role" {
  command = plan

  assert {
    condition = alltrue([
      keycloak_authentication_subflow.identify.requirement == "REQUIRED",
      keycloak_authentication_subflow.roles.requirement == "CONDITIONAL",
      keycloak_authentication_subflow.identify.priority < keycloak_authentication_subflow.roles.priority,
      keycloak_authentication_subflow.identify.parent_flow_alias == keycloak_authentication_subflow.roles.parent_flow_alias,
    ])
    error_message = "A way in passes by the question for a role."
  }

  assert {
    condition     = toset(keys(keycloak_authentication_execution.identify)) == toset(["auth-cookie", "identity-provider-redirector"]) && keycloak_authentication_execution.password.requirement == "REQUIRED"
    error_message = "A way to say who one is is missing, or there is one too many."
  }

  assert {
    condition     = keycloak_authentication_subflow.second_factor.requirement == "CONDITIONAL" && alltrue([for step in keycloak_authentication_execution.second_factor : step.requirement == "REQUIRED"])
    error_message = "A second factor that was set up is not asked for."
  }
}

run "denies_whoever_has_not_one_of_the_roles" {
  command = plan

  assert {
    condition = length(keycloak_authentication_execution_config.without) == 4 && alltrue([
      for role, step in keycloak_authentication_execution_config.without :
      step.config == tomap({ condUserRole = "airflow-marketing.${role}", negate = "true" })
    ])
    error_message = "The question is not for the client's own roles."
  }

  assert {
    condition     = alltrue([for step in keycloak_authentication_execution.without : step.requirement == "REQUIRED"]) && keycloak_authentication_execution.deny.requirement == "REQUIRED"
    error_message = "One condition would do without the others, or nobody is denied."
  }

  assert {
    condition     = keycloak_authentication_execution_config.deny.config == tomap({ denyErrorMessage = "You have no role at Airflow of marketing." })
    error_message = "People do not read why they are turned away."
  }
}

run "names_everything_after_its_client" {
  command = plan

  assert {
    condition     = alltrue([for name in values(local.names) : startswith(name, "airflow-marketing-")]) && length(distinct(values(local.names))) == 5
    error_message = "Two instances' flows would have one name in the realm."
  }
}

run "refuses_the_realm_master" {
  command = plan
  variables { realm = "master" }
  expect_failures = [var.realm]
}

run "refuses_a_client_id_with_a_slash" {
  command = plan
  variables { client_id = "airflow/marketing" }
  expect_failures = [var.client_id]
}

run "refuses_an_empty_display_name" {
  command = plan
  variables { display_name = " " }
  expect_failures = [var.display_name]
}

run "refuses_a_gate_that_nobody_could_pass" {
  command = plan
  variables { roles = [] }
  expect_failures = [var.roles]
}
