mock_provider "google" {}
mock_provider "keycloak" {}
mock_provider "postgresql" {}

variables {
  instance        = "default" # the workspace that tests run in
  database_server = { host = "db.example.com" }
  database        = { name = "marketing", schema = "marketing", role = "marketing", connection_limit = 30 }
  sso = {
    url          = "https://sso.example.com"
    realm        = "fleet"
    client_id    = "airflow-marketing"
    display_name = "Airflow of marketing"
    base_url     = "https://marketing.example.com"
  }
  database_password = "a password of some length"
  sso_client_secret = "a secret of some length"
}

run "says_where_the_instance_is" {
  assert {
    condition     = output.database == { host = "db.example.com", port = 5432, name = "marketing", schema = "marketing", role = "marketing" }
    error_message = "The database's place is wrong."
  }

  assert {
    condition     = output.sso.issuer == "https://sso.example.com/realms/fleet" && output.sso.client_id == "airflow-marketing"
    error_message = "The sign-on client is wrong."
  }

  assert {
    condition     = output.instance == "default"
    error_message = "The instance's name is wrong."
  }
}

run "lets_keycloak_decide_where_its_manager_is_chosen" {
  variables {
    sso = {
      url          = "https://sso.example.com"
      realm        = "fleet"
      client_id    = "airflow-marketing"
      display_name = "Airflow of marketing"
      base_url     = "https://marketing.example.com"
      manager      = "keycloak"
    }
  }

  assert {
    condition     = output.sso.redirect_uri == "https://marketing.example.com/auth/login_callback"
    error_message = "The manager does not reach the client."
  }
}

run "refuses_another_instances_workspace" {
  command = plan
  variables { instance = "marketing" }
  expect_failures = [var.instance]
}

run "refuses_a_name_that_begins_with_a_digit" {
  command = plan
  variables { instance = "1st" }
  expect_failures = [var.instance]
}

run "refuses_a_server_without_a_host" {
  command = plan
  variables { database_server = { host = " " } }
  expect_failures = [var.database_server]
}

run "refuses_a_port_that_is_none" {
  command = plan
  variables { database_server = { host = "db.example.com", port = 0 } }
  expect_failures = [var.database_server]
}

run "refuses_an_sslmode_that_falls_back_to_plain_text" {
  command = plan
  variables { database_server = { host = "db.example.com", sslmode = "prefer" } }
  expect_failures = [var.database_server]
}

run "refuses_a_limit_beyond_any_server" {
  command = plan
  variables { database = { name = "marketing", schema = "marketing", role = "marketing", connection_limit = 20000 } }
  expect_failures = [var.database]
}

run "refuses_a_keycloak_without_a_scheme" {
  command = plan
  variables {
    sso = { url = "sso.example.com", realm = "fleet", client_id = "airflow-marketing", display_name = "M", base_url = "https://marketing.example.com" }
  }
  expect_failures = [var.sso]
}

run "refuses_a_short_database_password" {
  command = plan
  variables { database_password = "short" }
  expect_failures = [var.database_password]
}

run "refuses_a_database_password_version_of_zero" {
  command = plan
  variables { database_password_version = 0 }
  expect_failures = [var.database_password_version]
}

run "refuses_a_short_client_secret" {
  command = plan
  variables { sso_client_secret = "short" }
  expect_failures = [var.sso_client_secret]
}

run "refuses_a_client_secret_version_of_zero" {
  command = plan
  variables { sso_client_secret_version = 0 }
  expect_failures = [var.sso_client_secret_version]
}

run "has_nothing_on_google_cloud_unless_asked" {
  assert {
    condition     = output.gcp == null
    error_message = "Something of Google's would be made."
  }
}

run "has_a_service_account_on_google_cloud" {
  variables {
    cloud = "gcp"
    gcp = {
      project                     = "example-fleet"
      service_account             = "airflow-marketing"
      namespace                   = "airflow-marketing"
      kubernetes_service_accounts = ["airflow-worker"]
      log_bucket                  = "example-fleet-logs"
      database_server             = ""
    }
  }

  assert {
    condition     = output.gcp.logs == "gs://example-fleet-logs/default" && output.gcp.database_user == null
    error_message = "The instance's logs are elsewhere, or it is a database user."
  }
}

run "refuses_another_cloud" {
  command = plan
  variables { cloud = "aws" }
  expect_failures = [var.cloud]
}

run "refuses_google_cloud_without_its_values" {
  command = plan
  variables { cloud = "gcp" }
  expect_failures = [var.gcp]
}
