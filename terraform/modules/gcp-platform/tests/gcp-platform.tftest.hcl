mock_provider "google" {}

variables {
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
  database_admin_password         = "a password of some length"
  database_admin_password_version = 1
  log_bucket                      = { name = "example-fleet-logs", days = 90 }
}

run "makes_a_server_that_nobody_reaches_from_outside_or_deletes" {
  command = plan

  assert {
    condition = alltrue([
      !google_sql_database_instance.this.settings[0].ip_configuration[0].ipv4_enabled,
      google_sql_database_instance.this.settings[0].ip_configuration[0].private_network == "projects/example-fleet/global/networks/fleet",
      google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY",
    ])
    error_message = "The server has a public address, or takes connections in plain text."
  }

  assert {
    condition = alltrue([
      google_sql_database_instance.this.deletion_protection,
      google_sql_database_instance.this.settings[0].deletion_protection_enabled,
      google_sql_database_instance.this.settings[0].retain_backups_on_delete,
    ])
    error_message = "One destroy would take every team's database."
  }

  assert {
    condition = alltrue([
      google_sql_database_instance.this.settings[0].backup_configuration[0].enabled,
      google_sql_database_instance.this.settings[0].backup_configuration[0].point_in_time_recovery_enabled,
      google_sql_database_instance.this.settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 30,
    ])
    error_message = "There are no backups, or no point-in-time recovery."
  }

  assert {
    condition     = { for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name => flag.value } == { max_connections = "500" }
    error_message = "The flags are not those asked for."
  }
}

run "lets_service_accounts_in_where_asked" {
  command = plan
  variables { database = merge(var.database, { iam_authentication = true }) }

  assert {
    condition     = contains([for flag in google_sql_database_instance.this.settings[0].database_flags : flag.name], "cloudsql.iam_authentication")
    error_message = "The flag for IAM database authentication is missing."
  }
}

run "keeps_logs_from_the_public" {
  command = plan

  assert {
    condition     = google_storage_bucket.logs.public_access_prevention == "enforced" && google_storage_bucket.logs.uniform_bucket_level_access
    error_message = "The log bucket could be opened to the public, or takes rights per object."
  }

  assert {
    condition     = one(one(google_storage_bucket.logs.lifecycle_rule).condition).age == 90
    error_message = "Logs are kept for another time than asked."
  }
}

run "refuses_a_project_in_capitals" {
  command = plan
  variables { project = "Example" }
  expect_failures = [var.project]
}

run "refuses_a_zone_for_a_region" {
  command = plan
  variables { region = "europe-west3-a" }
  expect_failures = [var.region]
}

run "refuses_a_network_by_its_path" {
  command = plan
  variables { network = "projects/p/global/networks/fleet" }
  expect_failures = [var.network]
}

run "refuses_a_server_with_an_underscore" {
  command = plan
  variables { database = merge(var.database, { name = "fleet_postgres" }) }
  expect_failures = [var.database]
}

run "refuses_an_address_for_a_host" {
  command = plan
  variables { database = merge(var.database, { host = "10.0.0.3" }) }
  expect_failures = [var.database]
}

run "refuses_another_kind_of_database" {
  command = plan
  variables { database = merge(var.database, { version = "MYSQL_8_0" }) }
  expect_failures = [var.database]
}

run "refuses_a_machine_that_is_none_of_cloud_sqls" {
  command = plan
  variables { database = merge(var.database, { tier = "e2-medium" }) }
  expect_failures = [var.database]
}

run "refuses_an_availability_that_is_none" {
  command = plan
  variables { database = merge(var.database, { availability = "GLOBAL" }) }
  expect_failures = [var.database]
}

run "refuses_a_disk_too_small" {
  command = plan
  variables { database = merge(var.database, { disk_gb = 5 }) }
  expect_failures = [var.database]
}

run "refuses_too_few_connections" {
  command = plan
  variables { database = merge(var.database, { max_connections = 10 }) }
  expect_failures = [var.database]
}

run "refuses_no_backups" {
  command = plan
  variables { database = merge(var.database, { backups = 0 }) }
  expect_failures = [var.database]
}

run "refuses_a_start_that_is_no_time" {
  command = plan
  variables { database = merge(var.database, { backup_start = "25:00" }) }
  expect_failures = [var.database]
}

run "refuses_an_administrator_of_cloud_sqls_own" {
  command = plan
  variables { database = merge(var.database, { admin = "cloudsqladmin" }) }
  expect_failures = [var.database]
}

run "refuses_a_short_password" {
  command = plan
  variables { database_admin_password = "short" }
  expect_failures = [var.database_admin_password]
}

run "refuses_a_password_version_of_zero" {
  command = plan
  variables { database_admin_password_version = 0 }
  expect_failures = [var.database_admin_password_version]
}

run "refuses_a_bucket_of_googles" {
  command = plan
  variables { log_bucket = { name = "google-logs", days = 90 } }
  expect_failures = [var.log_bucket]
}

run "refuses_logs_kept_for_no_time" {
  command = plan
  variables { log_bucket = { name = "example-fleet-logs", days = 0 } }
  expect_failures = [var.log_bucket]
}
