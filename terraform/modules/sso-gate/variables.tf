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
  description = "Client id of the instance; the names of all parts begin with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.client_id))
    error_message = "The client id takes lower-case letters, digits and dashes, at most 63."
  }
}

variable "display_name" {
  description = "Name that people read when they are turned away."
  type        = string
  nullable    = false

  validation {
    condition     = length(trimspace(var.display_name)) >= 1 && length(var.display_name) <= 255
    error_message = "The display name has 1 to 255 characters."
  }
}

variable "roles" {
  description = "The client's roles; who has one of them may come in."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.roles) > 0
    error_message = "There is at least one role: without one nobody could come in."
  }
}
