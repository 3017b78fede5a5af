mock_provider "google" {}

variables {
  project = "example-fleet"
}

run "makes_a_private_cluster" {
  command = plan

  assert {
    condition     = google_container_cluster.this.enable_autopilot && google_container_cluster.this.private_cluster_config[0].enable_private_nodes && google_container_cluster.this.deletion_protection
    error_message = "The cluster's nodes have public addresses, or one destroy would take it."
  }

  assert {
    condition     = output.context == "gke_example-fleet_europe-west3_fleet" && output.buckets == { dumps = "example-fleet-fleet-dumps", states = "example-fleet-fleet-states" }
    error_message = "The outputs are not what the inventory has."
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

run "refuses_a_name_too_long_for_a_bucket" {
  command = plan
  variables { name = "a-name-of-more-than-25-letters" }
  expect_failures = [var.name]
}

run "refuses_a_range_without_a_length" {
  command = plan
  variables { ranges = { nodes = "10.0.0.0" } }
  expect_failures = [var.ranges]
}
