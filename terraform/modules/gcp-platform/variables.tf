variable "project" {
  description = "Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "region" {
  description = "Region of the server, the bucket and the secret."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is written as europe-west3."
  }
}

variable "network" {
  description = "Name of the VPC network that the cluster is in; it exists."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$", var.network))
    error_message = "The network is a name of lower-case letters, digits and dashes, not a path."
  }
}

variable "database" {
  description = "The Cloud SQL server: its name, the DNS name it gets in the network, machine, disk, connections, backups, administrator."
  type = object({
    name                = string
    host                = string
    version             = string
    tier                = string
    availability        = string
    disk_gb             = number
    max_connections     = number
    backups             = number
    backup_start        = string
    deletion_protection = bool
    iam_authentication  = bool
    admin               = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,53}[a-z0-9])?$", var.database.name))
    error_message = "The server's name has at most 55 lower-case letters, digits and dashes, and begins with a letter."
  }

  validation {
    condition     = can(regex("^([a-z0-9]([-a-z0-9]*[a-z0-9])?\\.)+[a-z]([-a-z0-9]*[a-z0-9])?$", var.database.host))
    error_message = "The host is a DNS name with a dot and without one at its end, as postgres.fleet.internal; Google chooses the address."
  }

  validation {
    condition     = can(regex("^POSTGRES_[0-9]+$", var.database.version))
    error_message = "The version is one of Cloud SQL's PostgreSQL versions, as POSTGRES_17."
  }

  validation {
    condition     = can(regex("^db-(custom-[0-9]+-[0-9]+|f1-micro|g1-small)$", var.database.tier))
    error_message = "The tier is one of Cloud SQL's Enterprise edition: db-custom-CPUS-MEGABYTES, db-f1-micro or db-g1-small."
  }

  validation {
    condition     = contains(["REGIONAL", "ZONAL"], var.database.availability)
    error_message = "The availability is REGIONAL (with a standby in another zone) or ZONAL."
  }

  validation {
    condition     = var.database.disk_gb >= 10 && floor(var.database.disk_gb) == var.database.disk_gb
    error_message = "The disk has at least 10 GB."
  }

  validation {
    condition     = var.database.max_connections >= 14 && var.database.max_connections <= 262143 && floor(var.database.max_connections) == var.database.max_connections
    error_message = "max_connections is between 14 and 262143, as Cloud SQL takes it."
  }

  validation {
    condition     = var.database.backups >= 1 && var.database.backups <= 365 && floor(var.database.backups) == var.database.backups
    error_message = "Cloud SQL keeps 1 to 365 backups."
  }

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]$", var.database.backup_start))
    error_message = "The backup's start is a time of day in UTC, as 02:00."
  }

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]{0,62}$", var.database.admin)) && !startswith(var.database.admin, "cloudsql") && !startswith(var.database.admin, "pg_")
    error_message = "The administrator's name takes lower-case letters, digits and underscores, at most 63, and is none of PostgreSQL's or Cloud SQL's own."
  }
}

variable "database_admin_password" {
  description = "Password of the server's administrator. Never in the state; sent when its version changes."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.database_admin_password) >= 16
    error_message = "The administrator's password has at least 16 characters."
  }
}

variable "database_admin_password_version" {
  description = "Raise it to send the administrator's password again."
  type        = number
  nullable    = false

  validation {
    condition     = var.database_admin_password_version >= 1 && floor(var.database_admin_password_version) == var.database_admin_password_version
    error_message = "The password's version is a whole number from 1 on."
  }
}

variable "log_bucket" {
  description = "Bucket for task logs: its name, and after how many days a log is deleted."
  type = object({
    name = string
    days = number
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z0-9][-_a-z0-9]{1,61}[a-z0-9]$", var.log_bucket.name)) && !startswith(var.log_bucket.name, "goog")
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dashes and underscores, and does not begin with goog."
  }

  validation {
    condition     = var.log_bucket.days >= 1 && floor(var.log_bucket.days) == var.log_bucket.days
    error_message = "Logs are kept for a whole number of days, at least one."
  }
}
