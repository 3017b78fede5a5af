mock_provider "postgresql" {}

variables {
  name             = "marketing"
  schema           = "marketing"
  role             = "marketing"
  connection_limit = 30
  password         = "a password of some length"
  password_version = 1
}

run "closes_the_database_to_all_but_its_role" {
  command = plan

  assert {
    condition     = postgresql_grant.public_database.role == "public" && length(postgresql_grant.public_database.privileges) == 0
    error_message = "PUBLIC keeps a privilege on the database."
  }

  assert {
    condition     = postgresql_grant.public_schema.role == "public" && length(postgresql_grant.public_schema.privileges) == 0
    error_message = "PUBLIC keeps a privilege on the schema public."
  }

  assert {
    condition     = !contains(postgresql_grant.database.privileges, "CREATE")
    error_message = "The role may make schemas of its own."
  }
}

run "gives_the_role_its_schema_and_a_limit" {
  command = plan

  assert {
    condition     = postgresql_role.this.connection_limit == 30 && postgresql_role.this.search_path == tolist(["marketing"])
    error_message = "The role lacks its connection limit or its search path."
  }

  assert {
    condition     = postgresql_schema.this.owner == "marketing" && postgresql_schema.this.drop_cascade
    error_message = "The schema does not belong to the role, or would stop its own removal."
  }
}

run "refuses_a_database_name_with_a_dash" {
  command = plan
  variables { name = "data-science" }
  expect_failures = [var.name]
}

run "refuses_a_database_of_the_platform" {
  command = plan
  variables { name = "keycloak" }
  expect_failures = [var.name]
}

run "refuses_a_schema_name_that_is_too_long" {
  command = plan
  variables { schema = "s123456789012345678901234567890123456789012345678901234567890123" }
  expect_failures = [var.schema]
}

run "refuses_the_schema_public" {
  command = plan
  variables { schema = "public" }
  expect_failures = [var.schema]
}

run "refuses_a_role_name_in_capitals" {
  command = plan
  variables { role = "Marketing" }
  expect_failures = [var.role]
}

run "refuses_a_role_of_postgresql" {
  command = plan
  variables { role = "pg_monitor" }
  expect_failures = [var.role]
}

run "refuses_a_role_without_limit" {
  command = plan
  variables { connection_limit = -1 }
  expect_failures = [var.connection_limit]
}

run "refuses_half_a_connection" {
  command = plan
  variables { connection_limit = 1.5 }
  expect_failures = [var.connection_limit]
}

run "refuses_a_short_password" {
  command = plan
  variables { password = "short" }
  expect_failures = [var.password]
}

run "refuses_version_zero" {
  command = plan
  variables { password_version = 0 }
  expect_failures = [var.password_version]
}

run "lets_nobody_else_in" {
  command = plan

  assert {
    condition     = length(postgresql_grant.reader) == 0
    error_message = "Somebody may connect whom nobody named."
  }
}

run "lets_a_reader_in_and_no_further" {
  command = plan
  variables { reader = "fleet_drift" }

  assert {
    condition = (
      postgresql_grant.reader[0].role == "fleet_drift" && postgresql_grant.reader[0].object_type == "database" &&
      postgresql_grant.reader[0].privileges == toset(["CONNECT"])
    )
    error_message = "The reader may do more or less than connect."
  }
}

run "refuses_everybody_as_reader" {
  command = plan
  variables { reader = "public" }
  expect_failures = [var.reader]
}

run "refuses_the_owner_as_reader" {
  command = plan
  variables { reader = "marketing" }
  expect_failures = [var.reader]
}
