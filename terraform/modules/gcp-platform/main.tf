# What the instances share on Google Cloud: the PostgreSQL server with a private address, and the bucket for task logs.
# The network and the cluster are there already (terraform/examples/gcp makes some).

locals {
  network = "projects/${var.project}/global/networks/${var.network}"
}

# Cloud SQL's machines live in a network of Google's, which gets this range of ours and a peering.

resource "google_compute_global_address" "services" {
  project       = var.project
  name          = "${var.database.name}-services"
  network       = local.network
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
}

resource "google_service_networking_connection" "services" {
  network                 = local.network
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}

resource "google_sql_database_instance" "this" {
  project          = var.project
  region           = var.region
  name             = var.database.name
  database_version = var.database.version

  # Twice: the first stops Terraform, the second Google's own API and console.
  deletion_protection = var.database.deletion_protection

  settings {
    tier                        = var.database.tier
    edition                     = "ENTERPRISE"
    availability_type           = var.database.availability
    disk_size                   = var.database.disk_gb
    disk_autoresize             = true
    deletion_protection_enabled = var.database.deletion_protection
    retain_backups_on_delete    = var.database.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = local.network
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = var.database.backup_start
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.database.backups
      }
    }

    database_flags {
      name  = "max_connections"
      value = tostring(var.database.max_connections)
    }

    dynamic "database_flags" {
      for_each = var.database.iam_authentication ? ["on"] : []

      content {
        name  = "cloudsql.iam_authentication"
        value = database_flags.value
      }
    }
  }

  lifecycle {
    # It grows by itself; to shrink it would be to make it anew.
    ignore_changes = [settings[0].disk_size]
  }

  depends_on = [google_service_networking_connection.services]
}

# A name that is known before there is a server: Google chooses the private address.

resource "google_dns_managed_zone" "database" {
  project    = var.project
  name       = "${var.database.name}-address"
  dns_name   = "${var.database.host}."
  visibility = "private"

  private_visibility_config {
    networks {
      network_url = local.network
    }
  }
}

resource "google_dns_record_set" "database" {
  project      = var.project
  managed_zone = google_dns_managed_zone.database.name
  name         = "${var.database.host}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_sql_database_instance.this.private_ip_address]
}

# The administrator by whom fleet makes databases and roles. Its password is kept where people can find it, not in the state.

resource "google_sql_user" "admin" {
  project             = var.project
  instance            = google_sql_database_instance.this.name
  name                = var.database.admin
  password_wo         = var.database_admin_password
  password_wo_version = var.database_admin_password_version
}

resource "google_secret_manager_secret" "admin" {
  project   = var.project
  secret_id = "${var.database.name}-admin"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_version" "admin" {
  secret                 = google_secret_manager_secret.admin.id
  secret_data_wo         = var.database_admin_password
  secret_data_wo_version = var.database_admin_password_version
}

resource "google_storage_bucket" "logs" {
  project                     = var.project
  name                        = var.log_bucket.name
  location                    = var.region
  uniform_bucket_level_access = true # rights per folder need it
  public_access_prevention    = "enforced"

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = var.log_bucket.days
    }
  }
}
