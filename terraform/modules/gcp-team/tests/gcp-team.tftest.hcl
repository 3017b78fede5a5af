mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email  = "airflow-marketing@example-fleet.iam.gserviceaccount.com"
      member = "serviceAccount:airflow-marketing@example-fleet.iam.gserviceaccount.com"
      name   = "projects/example-fleet/serviceAccounts/airflow-marketing@example-fleet.iam.gserviceaccount.com"
    }
  }
}

variables {
  project                     = "example-fleet"
  instance                    = "marketing"
  service_account             = "airflow-marketing"
  namespace                   = "airflow-marketing"
  kubernetes_service_accounts = ["airflow-scheduler", "airflow-worker"]
  log_bucket                  = "example-fleet-logs"
  database_server             = ""
  database_role               = "marketing"
}

run "lets_only_this_namespaces_pods_be_the_service_account" {
  assert {
    condition = { for name, binding in google_service_account_iam_member.pods : name => [binding.role, binding.member] } == {
      airflow-scheduler = ["roles/iam.workloadIdentityUser", "serviceAccount:example-fleet.svc.id.goog[airflow-marketing/airflow-scheduler]"]
      airflow-worker    = ["roles/iam.workloadIdentityUser", "serviceAccount:example-fleet.svc.id.goog[airflow-marketing/airflow-worker]"]
    }
    error_message = "Other pods could be this service account, or its own cannot."
  }
}

run "opens_one_folder_of_the_bucket" {
  assert {
    condition = alltrue([
      google_storage_managed_folder_iam_member.logs.bucket == "example-fleet-logs",
      google_storage_managed_folder_iam_member.logs.managed_folder == "marketing/",
      google_storage_managed_folder_iam_member.logs.role == "roles/storage.objectUser",
      output.logs == "gs://example-fleet-logs/marketing",
    ])
    error_message = "The service account does not reach its own logs, or more than them."
  }
}

run "is_no_database_user_unless_asked" {
  assert {
    condition     = length(google_sql_user.this) == 0 && length(google_project_iam_member.database) == 0 && output.database_user == null
    error_message = "The service account may enter the server though nobody asked."
  }
}

run "is_a_database_user_without_a_password_where_asked" {
  variables { database_server = "fleet-postgres" }

  assert {
    condition = alltrue([
      google_sql_user.this[0].name == "airflow-marketing@example-fleet.iam",
      google_sql_user.this[0].type == "CLOUD_IAM_SERVICE_ACCOUNT",
      google_sql_user.this[0].database_roles == tolist(["marketing"]),
    ])
    error_message = "The service account is no user of the server, or not in the instance's role."
  }

  assert {
    condition     = alltrue([for right in google_project_iam_member.database : strcontains(right.condition[0].expression, "projects/example-fleet/instances/fleet-postgres")])
    error_message = "The service account may enter every server of the project."
  }
}

run "refuses_a_project_in_capitals" {
  command = plan
  variables { project = "Example" }
  expect_failures = [var.project]
}

run "refuses_an_instance_with_a_slash" {
  command = plan
  variables { instance = "marketing/x" }
  expect_failures = [var.instance]
}

run "refuses_a_service_account_too_long" {
  command = plan
  variables { service_account = "airflow-business-intelligence-eu" }
  expect_failures = [var.service_account]
}

run "refuses_a_namespace_with_a_dot" {
  command = plan
  variables { namespace = "airflow.marketing" }
  expect_failures = [var.namespace]
}

run "refuses_the_namespaces_default_service_account" {
  command = plan
  variables { kubernetes_service_accounts = ["default"] }
  expect_failures = [var.kubernetes_service_accounts]
}

run "refuses_a_bucket_with_a_slash" {
  command = plan
  variables { log_bucket = "example-fleet-logs/x" }
  expect_failures = [var.log_bucket]
}

run "refuses_a_server_by_its_connection_name" {
  command = plan
  variables { database_server = "example-fleet:europe-west3:fleet" }
  expect_failures = [var.database_server]
}

run "refuses_a_role_with_a_dash" {
  command = plan
  variables { database_role = "market-ing" }
  expect_failures = [var.database_role]
}
