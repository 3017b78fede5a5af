mock_provider "google" {}
mock_provider "keycloak" {}

variables {
  sso                     = { url = "https://sso.example.com", groups = ["owners"] }
  database_admin_password = ""
  portal_client_secret    = ""
  drift_client_secret     = ""
}

run "makes_a_realm_that_nobody_walks_into" {
  command = plan

  assert {
    condition = !anytrue([
      keycloak_realm.this.registration_allowed, keycloak_realm.this.edit_username_allowed,
      keycloak_realm.this.remember_me, keycloak_realm.this.reset_password_allowed,
    ])
    error_message = "Strangers can register, or people can rename themselves."
  }

  assert {
    condition     = keycloak_realm.this.realm == "fleet" && keycloak_realm.this.ssl_required == "external" && keycloak_realm.this.revoke_refresh_token
    error_message = "The realm's name or its transport is not as it should be."
  }

  assert {
    condition     = keycloak_realm.this.security_defenses[0].brute_force_detection[0].max_login_failures == 10
    error_message = "Passwords can be guessed without end."
  }

  assert {
    condition     = keycloak_realm.this.terraform_deletion_protection
    error_message = "One destroy would take every team's sign-on."
  }
}

run "lets_a_refresh_token_serve_several_requests_where_that_is_asked_for" {
  command = plan
  variables {
    sso = { url = "https://sso.example.com", revoke_refresh_token = false }
  }

  assert {
    condition     = !keycloak_realm.this.revoke_refresh_token
    error_message = "Airflow's Keycloak manager would fail on every page with more than one request."
  }
}

run "makes_the_groups" {
  assert {
    condition     = keys(output.groups) == ["owners"] && output.sso.issuer == "https://sso.example.com/realms/fleet"
    error_message = "The group or the issuer is missing."
  }
}

run "tells_the_roles_of_every_airflow_in_the_id_token_alone" {
  command = plan

  assert {
    condition = alltrue([
      keycloak_openid_user_client_role_protocol_mapper.roles.claim_name == "resource_access.$${client_id}.roles",
      keycloak_openid_user_client_role_protocol_mapper.roles.client_id_for_role_mappings == null,
      keycloak_openid_user_client_role_protocol_mapper.roles.add_to_id_token,
      !keycloak_openid_user_client_role_protocol_mapper.roles.add_to_access_token,
      !keycloak_openid_user_client_role_protocol_mapper.roles.add_to_userinfo,
    ])
    error_message = "The roles are not where the portal reads them, or are where they should not be."
  }
}

run "makes_no_portal_unless_asked" {
  command = plan

  assert {
    condition     = length(module.portal) == 0 && output.portal == null
    error_message = "There would be a client for a portal that there is not."
  }
}

run "makes_the_portals_client" {
  variables {
    portal               = { client_id = "fleet-portal", base_url = "https://airflow.example.com" }
    portal_client_secret = "a secret of some length"
  }

  assert {
    condition     = output.portal.redirect_uri == "https://airflow.example.com/-/signed-in"
    error_message = "The portal's client leads elsewhere."
  }
}

run "makes_no_client_for_a_look_that_nobody_asked_for" {
  command = plan

  assert {
    condition     = length(module.drift) == 0 && output.drift == null
    error_message = "There would be a client that sees the whole realm, and nobody who uses it."
  }
}

run "makes_the_client_of_the_look_at_drift" {
  variables {
    drift               = { client_id = "fleet-drift" }
    drift_client_secret = "a secret of some length"
  }

  assert {
    condition     = output.drift.client_id == "fleet-drift" && contains(output.drift.roles, "view-realm")
    error_message = "The look at drift could not see the realm."
  }
}

run "refuses_a_look_without_a_name" {
  command = plan
  variables {
    drift               = { client_id = "" }
    drift_client_secret = "a secret of some length"
  }
  expect_failures = [var.drift]
}

run "refuses_a_look_with_a_short_secret" {
  command = plan
  variables {
    drift               = { client_id = "fleet-drift" }
    drift_client_secret = "short"
  }
  expect_failures = [var.drift_client_secret]
}

run "refuses_a_looks_secret_of_version_zero" {
  command = plan
  variables { drift_client_secret_version = 0 }
  expect_failures = [var.drift_client_secret_version]
}

run "refuses_a_portal_without_tls" {
  command = plan
  variables {
    portal               = { client_id = "fleet-portal", base_url = "http://airflow.example.com" }
    portal_client_secret = "a secret of some length"
  }
  expect_failures = [var.portal]
}

run "refuses_a_portal_with_a_short_secret" {
  command = plan
  variables {
    portal               = { client_id = "fleet-portal", base_url = "https://airflow.example.com" }
    portal_client_secret = "short"
  }
  expect_failures = [var.portal_client_secret]
}

run "refuses_a_portal_secret_of_version_zero" {
  command = plan
  variables { portal_client_secret_version = 0 }
  expect_failures = [var.portal_client_secret_version]
}

run "refuses_a_url_with_a_trailing_slash" {
  command = plan
  variables { sso = { url = "https://sso.example.com/" } }
  expect_failures = [var.sso]
}

run "refuses_the_realm_master" {
  command = plan
  variables { sso = { url = "https://sso.example.com", realm = "master" } }
  expect_failures = [var.sso]
}

run "refuses_a_nested_group" {
  command = plan
  variables { sso = { url = "https://sso.example.com", groups = ["company/data"] } }
  expect_failures = [var.sso]
}

run "refuses_an_ssl_requirement_that_is_none_of_keycloaks" {
  command = plan
  variables { sso = { url = "https://sso.example.com", ssl_required = "sometimes" } }
  expect_failures = [var.sso]
}

run "refuses_a_session_length_without_unit" {
  command = plan
  variables { sso = { url = "https://sso.example.com", session_idle = "1800" } }
  expect_failures = [var.sso]
}

run "makes_nothing_on_google_cloud_unless_asked" {
  command = plan

  assert {
    condition     = length(module.gcp) == 0 && output.gcp == null
    error_message = "Something of Google's would be made."
  }
}

run "makes_the_server_on_google_cloud" {
  variables {
    cloud                   = "gcp"
    database_admin_password = "a password of some length"
    gcp = {
      project = "example-fleet"
      region  = "europe-west3"
      network = "fleet"
      database = {
        name                = "fleet-postgres"
        host                = "postgres.fleet.internal"
        version             = "POSTGRES_17"
        tier                = "db-custom-4-16384"
        availability        = "REGIONAL"
        disk_gb             = 50
        max_connections     = 500
        backups             = 30
        backup_start        = "02:00"
        deletion_protection = true
        iam_authentication  = false
        admin               = "fleet_admin"
      }
      log_bucket = { name = "example-fleet-logs", days = 90 }
    }
  }

  assert {
    condition     = output.gcp.database.host == "postgres.fleet.internal"
    error_message = "The server is not where the inventory has it."
  }
}

run "refuses_another_cloud" {
  command = plan
  variables { cloud = "aws" }
  expect_failures = [var.cloud]
}

run "refuses_google_cloud_without_its_values" {
  command = plan
  variables {
    cloud                   = "gcp"
    database_admin_password = "a password of some length"
  }
  expect_failures = [var.gcp]
}

run "refuses_a_short_password_of_the_administrator" {
  command = plan
  variables {
    cloud                   = "gcp"
    database_admin_password = "short"
    gcp = {
      project = "example-fleet"
      region  = "europe-west3"
      network = "fleet"
      database = {
        name                = "fleet-postgres"
        host                = "postgres.fleet.internal"
        version             = "POSTGRES_17"
        tier                = "db-custom-4-16384"
        availability        = "REGIONAL"
        disk_gb             = 50
        max_connections     = 500
        backups             = 30
        backup_start        = "02:00"
        deletion_protection = true
        iam_authentication  = false
        admin               = "fleet_admin"
      }
      log_bucket = { name = "example-fleet-logs", days = 90 }
    }
  }
  expect_failures = [var.database_admin_password]
}

run "refuses_a_password_version_of_zero" {
  command = plan
  variables { database_admin_password_version = 0 }
  expect_failures = [var.database_admin_password_version]
}
