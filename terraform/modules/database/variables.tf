variable "name" {
  description = "Name of the database."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]{0,62}$", var.name))
    error_message = "The database's name takes lower-case letters, digits and underscores, no leading digit, at most 63."
  }

  validation {
    condition     = !contains(["postgres", "template0", "template1", "keycloak"], var.name)
    error_message = "The database's name is that of a database of the platform."
  }
}

variable "schema" {
  description = "Name of the schema inside the database, owned by the role."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]{0,62}$", var.schema))
    error_message = "The schema's name takes lower-case letters, digits and underscores, no leading digit, at most 63."
  }

  validation {
    condition     = !startswith(var.schema, "pg_") && !contains(["public", "information_schema"], var.schema)
    error_message = "The schema's name is reserved by PostgreSQL."
  }
}

variable "role" {
  description = "Name of the role that owns the schema and signs in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]{0,62}$", var.role))
    error_message = "The role's name takes lower-case letters, digits and underscores, no leading digit, at most 63."
  }

  validation {
    condition     = !startswith(var.role, "pg_") && !contains(["public", "none", "postgres", "keycloak"], var.role)
    error_message = "The role's name is reserved by PostgreSQL or belongs to the platform."
  }
}

variable "connection_limit" {
  description = "Most connections that the role may hold at once (CONNECTION LIMIT)."
  type        = number
  nullable    = false

  validation {
    condition     = var.connection_limit >= 1 && floor(var.connection_limit) == var.connection_limit
    error_message = "The connection limit is a whole number from 1 on: an unlimited role could starve the whole server."
  }
}

variable "password" {
  description = "The role's password. Never kept in the state; sent to the server when password_version changes."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = length(var.password) >= 16
    error_message = "The role's password has at least 16 characters."
  }
}

variable "password_version" {
  description = "Raise it to send the password again."
  type        = number
  nullable    = false

  validation {
    condition     = var.password_version >= 1 && floor(var.password_version) == var.password_version
    error_message = "The password's version is a whole number from 1 on."
  }
}

variable "reader" {
  description = "Role that may connect, and read the catalogues. It exists. Null where nobody does."
  type        = string
  nullable    = true
  default     = null

  validation {
    condition     = var.reader == null || can(regex("^[a-z_][a-z0-9_]{0,62}$", var.reader))
    error_message = "The reader's name takes lower-case letters, digits and underscores, no leading digit, at most 63."
  }

  validation {
    condition     = var.reader == null ? true : var.reader != "public" && var.reader != var.role
    error_message = "The reader is a role of its own: not public, and not the instance's."
  }
}
