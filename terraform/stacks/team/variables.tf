variable "instance" {
  description = "Name of the instance, and so of the workspace."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,40}[a-z0-9])?$", var.instance))
    error_message = "The instance's name takes lower-case letters, digits and dashes, begins with a letter, ends with none but a letter or digit, at most 42."
  }

  # The one mistake that would hit somebody else: the values of one instance in the workspace of another.
  validation {
    condition     = terraform.workspace == var.instance
    error_message = "The workspace (TF_WORKSPACE) is not the instance's: ${terraform.workspace}."
  }
}

variable "database_server" {
  description = "The PostgreSQL server."
  type = object({
    host    = string
    port    = optional(number, 5432)
    sslmode = optional(string, "require")
  })
  nullable = false

  validation {
    condition     = length(trimspace(var.database_server.host)) > 0
    error_message = "The server's host is not empty."
  }

  validation {
    condition     = var.database_server.port >= 1 && var.database_server.port <= 65535
    error_message = "The server's port is between 1 and 65535."
  }

  validation {
    condition     = contains(["disable", "require", "verify-ca", "verify-full"], var.database_server.sslmode)
    error_message = "The sslmode is disable, require, verify-ca or verify-full."
  }
}

variable "database" {
  description = "The instance's database: its name, the schema in it, the role that owns the schema, that role's CONNECTION LIMIT, and who may read the catalogues."
  type = object({
    name             = string
    schema           = string
    role             = string
    connection_limit = number
    reader           = optional(string)
  })
  nullable = false

  validation {
    condition     = var.database.connection_limit <= 10000
    error_message = "The connection limit is at most 10000."
  }
}

variable "sso" {
  description = "Keycloak's URL, the realm, the instance's client and who has which of its roles (role -> groups, role -> user names)."
  type = object({
    url          = string
    realm        = string
    client_id    = string
    display_name = string
    base_url     = string
    manager      = optional(string, "fab")
    dag_roles    = optional(set(string), [])
    groups       = optional(map(set(string)), {})
    users        = optional(map(set(string)), {})
  })
  nullable = false

  validation {
    condition     = can(regex("^https?://[^/?#\\s]+(/[^?#\\s]*[^/?#\\s])?$", var.sso.url))
    error_message = "Keycloak's URL begins with http:// or https:// and has no trailing slash."
  }
}

variable "database_password" {
  description = "Password of the database role. Never in the state."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.database_password) >= 16
    error_message = "The database password has at least 16 characters."
  }
}

variable "database_password_version" {
  description = "Raise it to send the database password again."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.database_password_version >= 1
    error_message = "The password's version is a whole number from 1 on."
  }
}

variable "sso_client_secret" {
  description = "Secret of the sign-on client. Never in the state."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.sso_client_secret) >= 16
    error_message = "The sign-on client's secret has at least 16 characters."
  }
}

variable "sso_client_secret_version" {
  description = "Raise it to send the sign-on client's secret again."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.sso_client_secret_version >= 1
    error_message = "The secret's version is a whole number from 1 on."
  }
}

variable "cloud" {
  description = "none: PostgreSQL, Keycloak and the cluster are all that is needed. gcp: the instance gets a Google service account and a folder for its logs."
  type        = string
  nullable    = false
  default     = "none"

  validation {
    condition     = contains(["none", "gcp"], var.cloud)
    error_message = "The cloud is none or gcp."
  }
}

variable "gcp" {
  description = "What the instance has on Google Cloud; module gcp-team says what each value is. Null without it."
  type = object({
    project                     = string
    service_account             = string
    namespace                   = string
    kubernetes_service_accounts = set(string)
    log_bucket                  = string
    database_server             = string
  })
  nullable = true
  default  = null

  validation {
    condition     = (var.cloud == "gcp") == (var.gcp != null)
    error_message = "The values for Google Cloud go with cloud = gcp, and only with it."
  }
}
