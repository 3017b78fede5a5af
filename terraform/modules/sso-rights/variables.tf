variable "realm" {
  description = "Name of the realm, made by the stack platform."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]*$", var.realm)) && var.realm != "master"
    error_message = "The realm's name takes letters, digits, dashes and underscores, and is not master: that one is Keycloak's own."
  }
}

variable "client" {
  description = "Keycloak's own id of the client (its resource server has the same)."
  type        = string
  nullable    = false

  validation {
    condition     = length(var.client) > 0
    error_message = "The client's id is not empty."
  }
}

variable "roles" {
  description = "The client's roles: name -> Keycloak's own id."
  type        = map(string)
  nullable    = false

  validation {
    condition     = toset(keys(var.roles)) == toset(["admin", "op", "user", "viewer"])
    error_message = "The roles are admin, op, user and viewer."
  }
}
