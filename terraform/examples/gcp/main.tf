# What `fleet` expects to find in a Google Cloud project: the services switched on, a network, a cluster with Workload
# Identity, a bucket for Terraform's states and one for database dumps. All else is made by `fleet apply`.

provider "google" {
  project                         = var.project
  region                          = var.region
  add_terraform_attribution_label = false
}

resource "google_project_service" "this" {
  for_each = toset([
    "compute.googleapis.com", "container.googleapis.com", "dns.googleapis.com", "iam.googleapis.com",
    "secretmanager.googleapis.com", "servicenetworking.googleapis.com", "sqladmin.googleapis.com", "storage.googleapis.com",
  ])

  service            = each.key
  disable_on_destroy = false
}

resource "google_compute_network" "this" {
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [google_project_service.this]
}

resource "google_compute_subnetwork" "this" {
  name                     = var.name
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.ranges.nodes
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.ranges.pods
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.ranges.services
  }
}

# Autopilot: Workload Identity is always on, and Dataplane V2 enforces NetworkPolicy.

resource "google_container_cluster" "this" {
  name                = var.name
  location            = var.region
  network             = google_compute_network.this.id
  subnetwork          = google_compute_subnetwork.this.id
  enable_autopilot    = true
  deletion_protection = var.deletion_protection

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes = true
  }

  release_channel {
    channel = "REGULAR"
  }
}

# Pods under NetworkPolicies reach Google's services at one small address range instead of the whole internet.

resource "google_dns_managed_zone" "googleapis" {
  name       = "${var.name}-googleapis"
  dns_name   = "googleapis.com."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = google_compute_network.this.id
    }
  }
}

# https://cloud.google.com/vpc/docs/configure-private-google-access: private.googleapis.com

resource "google_dns_record_set" "private" {
  managed_zone = google_dns_managed_zone.googleapis.name
  name         = "private.googleapis.com."
  type         = "A"
  ttl          = 300
  rrdatas      = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]
}

resource "google_dns_record_set" "all" {
  managed_zone = google_dns_managed_zone.googleapis.name
  name         = "*.googleapis.com."
  type         = "CNAME"
  ttl          = 300
  rrdatas      = ["private.googleapis.com."]
}

resource "google_storage_bucket" "this" {
  for_each = toset(["states", "dumps"])

  name                        = "${var.project}-${var.name}-${each.key}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = each.key == "states"
  }

  depends_on = [google_project_service.this]
}
