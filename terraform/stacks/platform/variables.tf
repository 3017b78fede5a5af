variable "sso" {
  description = "Keycloak and the realm of the fleet: sessions, password policy, and the groups that are made here (leave out those that come from a directory)."
  type = object({
    url                 = string
    realm               = optional(string, "fleet")
    display_name        = optional(string, "Airflow fleet")
    groups              = optional(set(string), [])
    ssl_required        = optional(string, "external")
    password_policy     = optional(string, "length(12) and notUsername(undefined)")
    session_idle        = optional(string, "30m0s")
    session_max         = optional(string, "10h0m0s")
    deletion_protection = optional(bool, true)

    # Whether a refresh token is good for one use; Airflow's Keycloak manager uses one several times at once.
    revoke_refresh_token = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = can(regex("^https?://[^/?#\\s]+(/[^?#\\s]*[^/?#\\s])?$", var.sso.url))
    error_message = "Keycloak's URL begins with http:// or https:// and has no trailing slash."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", var.sso.realm)) && var.sso.realm != "master"
    error_message = "The realm's name takes letters, digits, dashes and underscores, and is not master: that one is Keycloak's own."
  }

  validation {
    condition     = alltrue([for name in var.sso.groups : can(regex("^[^/\\s]([^/]*[^/\\s])?$", name))])
    error_message = "A group made here is not nested: no slash, no blank at either end."
  }

  validation {
    condition     = contains(["none", "external", "all"], var.sso.ssl_required)
    error_message = "ssl_required is none, external (all but private addresses) or all."
  }

  validation {
    condition     = alltrue([for span in [var.sso.session_idle, var.sso.session_max] : can(regex("^[0-9]+h[0-9]{1,2}m[0-9]{1,2}s$|^[0-9]{1,2}m[0-9]{1,2}s$", span))])
    error_message = "A session's length is written out as Keycloak's provider gives it back: 30m0s, 10h0m0s."
  }
}

variable "portal" {
  description = "The portal's sign-on client; module portal says what each value is. Null where there is no portal."
  type = object({
    client_id = string
    base_url  = string
  })
  nullable = true
  default  = null

  validation {
    condition     = try(startswith(var.portal.base_url, "https://"), true)
    error_message = "The portal's URL begins with https://."
  }
}

variable "portal_client_secret" {
  description = "Secret of the portal's client; empty where there is no portal. Never in the state."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true
  default     = ""

  validation {
    condition     = var.portal == null || length(var.portal_client_secret) >= 16
    error_message = "The portal's client secret has at least 16 characters."
  }
}

variable "portal_client_secret_version" {
  description = "Raise it to send the portal's client secret again."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.portal_client_secret_version >= 1
    error_message = "The secret's version is a whole number from 1 on."
  }
}

variable "drift" {
  description = "The client of the scheduled look at drift; module drift says what each value is. Null where there is no such look."
  type = object({
    client_id = string
  })
  nullable = true
  default  = null

  validation {
    condition     = var.drift == null || try(length(var.drift.client_id) > 0, false)
    error_message = "The client of the look at drift has a name."
  }
}

variable "drift_client_secret" {
  description = "Secret of that client; empty where there is none. Never in the state."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true
  default     = ""

  validation {
    condition     = var.drift == null || length(var.drift_client_secret) >= 16
    error_message = "The secret of the client of the look at drift has at least 16 characters."
  }
}

variable "drift_client_secret_version" {
  description = "Raise it to send that secret again."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.drift_client_secret_version >= 1
    error_message = "The secret's version is a whole number from 1 on."
  }
}

variable "cloud" {
  description = "none: PostgreSQL, Keycloak and the cluster are all that is needed. gcp: Cloud SQL and the log bucket are made on Google Cloud."
  type        = string
  nullable    = false
  default     = "none"

  validation {
    condition     = contains(["none", "gcp"], var.cloud)
    error_message = "The cloud is none or gcp."
  }
}

variable "gcp" {
  description = "What is made on Google Cloud; module gcp-platform says what each value is. Null without it."
  type = object({
    project = string
    region  = string
    network = string
    database = object({
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
    log_bucket = object({
      name = string
      days = number
    })
  })
  nullable = true
  default  = null

  validation {
    condition     = (var.cloud == "gcp") == (var.gcp != null)
    error_message = "The values for Google Cloud go with cloud = gcp, and only with it."
  }
}

variable "database_admin_password" {
  description = "Password of the Cloud SQL server's administrator; empty without Google Cloud. Never in the state."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true
  default     = ""

  validation {
    condition     = var.cloud != "gcp" || length(var.database_admin_password) >= 16
    error_message = "The administrator's password has at least 16 characters."
  }
}

variable "database_admin_password_version" {
  description = "Raise it to send the administrator's password again."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.database_admin_password_version >= 1
    error_message = "The password's version is a whole number from 1 on."
  }
}
