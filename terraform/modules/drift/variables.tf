variable "realm" {
  description = "Name of the realm, made by the stack platform."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", var.realm)) && var.realm != "master"
    error_message = "The realm's name takes letters, digits, dashes and underscores, and is not master: that one is Keycloak's own."
  }
}

variable "client_id" {
  description = "Client id that the look at drift signs in as."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.client_id))
    error_message = "The client id takes lower-case letters, digits and dashes, at most 63."
  }
}

variable "roles" {
  description = "Roles of realm-management that its account has: they view and query, and none manages."
  type        = set(string)
  nullable    = false
  default = [
    "query-clients", "query-groups", "query-users", "view-authorization", "view-clients", "view-events",
    "view-identity-providers", "view-realm", "view-users",
  ]

  validation {
    condition     = alltrue([for role in var.roles : can(regex("^(query|view)-[a-z-]+$", role))])
    error_message = "The account looks and changes nothing: its roles begin with query- or view-."
  }
}

variable "client_secret" {
  description = "The client's secret. Never kept in the state; sent to Keycloak when client_secret_version changes."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.client_secret) >= 16
    error_message = "The client's secret has at least 16 characters."
  }
}

variable "client_secret_version" {
  description = "Raise it to send the client's secret again."
  type        = number
  nullable    = false

  validation {
    condition     = var.client_secret_version >= 1 && floor(var.client_secret_version) == var.client_secret_version
    error_message = "The secret's version is a whole number from 1 on."
  }
}
