variable "project" {
  description = "Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "instance" {
  description = "Name of the instance; its logs lie in the bucket's folder of this name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,40}[a-z0-9])?$", var.instance))
    error_message = "The instance's name takes lower-case letters, digits and dashes, begins with a letter, at most 42."
  }
}

variable "service_account" {
  description = "Id of the Google service account to make."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.service_account))
    error_message = "A service account's id has 6 to 30 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the instance."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A namespace has at most 63 lower-case letters, digits and dashes."
  }
}

variable "kubernetes_service_accounts" {
  description = "Kubernetes service accounts of the namespace that are the Google service account."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.kubernetes_service_accounts) > 0 && alltrue([for name in var.kubernetes_service_accounts : can(regex("^airflow-[a-z]([-a-z]*[a-z])?$", name))])
    error_message = "The Kubernetes service accounts are those of Airflow's components, airflow-…, and at least one."
  }
}

variable "log_bucket" {
  description = "Name of the bucket for task logs; the platform's stack makes it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][-_a-z0-9]{1,61}[a-z0-9]$", var.log_bucket))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits, dashes and underscores."
  }
}

variable "database_server" {
  description = "Cloud SQL server on which the service account is a user (IAM database authentication); empty for none."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^([a-z]([-a-z0-9]{0,53}[a-z0-9])?)?$", var.database_server))
    error_message = "The server's name has at most 55 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "database_role" {
  description = "Database role that such a user is a member of."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]{0,62}$", var.database_role))
    error_message = "The role's name takes lower-case letters, digits and underscores, no leading digit, at most 63."
  }
}
