variable "teams" {
  description = "The instances by name; of each the stack team's variables of the same names, as they were applied."
  type = map(object({
    database = object({
      name             = string
      schema           = string
      role             = string
      connection_limit = number
      reader           = optional(string)
    })
    database_password_version = optional(number, 1)
    sso = object({
      realm        = string
      client_id    = string
      display_name = string
      base_url     = string
      manager      = optional(string, "fab")
      dag_roles    = optional(set(string), [])
      groups       = optional(map(set(string)), {})
      users        = optional(map(set(string)), {})
    })
    sso_client_secret_version = optional(number, 1)
    gcp = optional(object({
      project                     = string
      service_account             = string
      namespace                   = string
      kubernetes_service_accounts = set(string)
      log_bucket                  = string
      database_server             = string
    }))
  }))
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.teams) : can(regex("^[a-z]([-a-z0-9]{0,40}[a-z0-9])?$", name))])
    error_message = "An instance's name takes lower-case letters, digits and dashes, begins with a letter, ends with none but a letter or digit, at most 42."
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
}

variable "sso_url" {
  description = "Keycloak's URL."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^https?://[^/?#\\s]+(/[^?#\\s]*[^/?#\\s])?$", var.sso_url))
    error_message = "Keycloak's URL begins with http:// or https:// and has no trailing slash."
  }
}

variable "google_project" {
  description = "The Google Cloud project of the instances; empty where there is none: nothing is asked of Google then."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = can(regex("^([a-z][-a-z0-9]{4,28}[a-z0-9])?$", var.google_project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and dashes, and begins with a letter."
  }
}
