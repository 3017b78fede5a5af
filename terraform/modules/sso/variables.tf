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
  description = "Client id of the instance."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.client_id))
    error_message = "The client id takes lower-case letters, digits and dashes, at most 63."
  }
}

variable "display_name" {
  description = "Name that people see when they sign in."
  type        = string
  nullable    = false

  validation {
    condition     = length(trimspace(var.display_name)) >= 1 && length(var.display_name) <= 255
    error_message = "The display name has 1 to 255 characters."
  }
}

variable "base_url" {
  description = "URL of the instance, without a trailing slash."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^https?://[^/?#*\\s]+(/[^?#*\\s]*[^/?#*\\s])?$", var.base_url))
    error_message = "The base URL begins with http:// or https:// and has no trailing slash, query, fragment or wildcard."
  }
}

variable "manager" {
  description = "Airflow's auth manager: fab asks Keycloak who somebody is, keycloak also what they may do."
  type        = string
  nullable    = false
  default     = "fab"

  validation {
    condition     = contains(["fab", "keycloak"], var.manager)
    error_message = "The auth manager is fab or keycloak."
  }
}

variable "browser_flow_id" {
  description = "The flow that lets in nobody without a role, made by module sso-gate; goes with the manager keycloak, FAB looks itself."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = (var.manager == "keycloak") == (var.browser_flow_id != "")
    error_message = "The flow goes with the manager keycloak, and only with it."
  }
}

variable "group" {
  description = "Name of the group that is made for the instance, with a group per role in it: /<group>/<role>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.group))
    error_message = "The instance's group takes lower-case letters, digits and dashes."
  }
}

variable "dag_roles" {
  description = "Roles beside admin, op, user and viewer, each for a right to some of the instance's DAGs."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for role in var.dag_roles : can(regex("^dags-[a-z]([-a-z0-9]*[a-z0-9])?$", role))])
    error_message = "Such a role's name begins with dags- and takes lower-case letters, digits and dashes."
  }
}

variable "groups" {
  description = "Groups per role: a group's name, or its path where it is nested (/parent/child). The groups must exist."
  type        = map(set(string))
  nullable    = false
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.groups), setunion(["admin", "op", "user", "viewer"], var.dag_roles))) == 0
    error_message = "The roles are admin, op, user, viewer and those of dag_roles."
  }

  validation {
    condition     = alltrue([for name in flatten(values(var.groups)) : length(trim(name, "/ ")) > 0])
    error_message = "A group's name is not empty."
  }
}

variable "users" {
  description = "User names per role. The users must exist."
  type        = map(set(string))
  nullable    = false
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.users), setunion(["admin", "op", "user", "viewer"], var.dag_roles))) == 0
    error_message = "The roles are admin, op, user, viewer and those of dag_roles."
  }

  validation {
    condition     = alltrue([for name in flatten(values(var.users)) : can(regex("^[^\\sA-Z]+$", name))])
    error_message = "A user name is not empty and, as Keycloak keeps it, in lower case."
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
