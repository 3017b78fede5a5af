mock_provider "google" {}
mock_provider "keycloak" {}
mock_provider "postgresql" {}

variables {
  teams = {
    marketing = {
      database = { name = "marketing", schema = "marketing", role = "marketing", connection_limit = 30 }
      sso = {
        realm        = "fleet"
        client_id    = "airflow-marketing"
        display_name = "Airflow of marketing"
        base_url     = "https://marketing.example.com"
      }
    }
    sales-eu = {
      database = { name = "sales_eu", schema = "sales_eu", role = "sales_eu", connection_limit = 30 }
      sso = {
        realm        = "fleet"
        client_id    = "airflow-sales-eu"
        display_name = "Airflow of sales-eu"
        base_url     = "https://sales-eu.example.com"
      }
    }
  }
  database_server = { host = "db.example.com" }
  sso_url         = "https://sso.example.com"
}

run "holds_every_instance" {
  command = plan

  assert {
    condition = output.teams == {
      marketing = { database = "marketing", client = "airflow-marketing" }
      sales-eu  = { database = "sales_eu", client = "airflow-sales-eu" }
    }
    error_message = "An instance is missing or mixed up with another."
  }
}

run "refuses_a_name_that_begins_with_a_digit" {
  command = plan
  variables {
    teams = {
      "1st" = {
        database = { name = "first", schema = "first", role = "first", connection_limit = 30 }
        sso      = { realm = "fleet", client_id = "airflow-first", display_name = "First", base_url = "https://first.example.com" }
      }
    }
  }
  expect_failures = [var.teams]
}

run "refuses_a_server_without_a_host" {
  command = plan
  variables { database_server = { host = " " } }
  expect_failures = [var.database_server]
}

run "refuses_a_keycloak_without_a_scheme" {
  command = plan
  variables { sso_url = "sso.example.com" }
  expect_failures = [var.sso_url]
}

run "refuses_a_project_that_is_none" {
  command = plan
  variables { google_project = "My Project" }
  expect_failures = [var.google_project]
}
