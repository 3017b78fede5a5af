variable "instance" {
  description = "Name of the instance."
  type        = string
  nullable    = false
}

variable "database" {
  description = "The instance's database; module database says what each value is."
  type = object({
    name             = string
    schema           = string
    role             = string
    connection_limit = number
    reader           = optional(string)
  })
  nullable = false
}

variable "sso" {
  description = "The instance's sign-on client; module sso says what each value is."
  type = object({
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
}

variable "database_password" {
  description = "Password of the database role."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true
}

variable "database_password_version" {
  description = "Raise it to send the database password again."
  type        = number
  nullable    = false
}

variable "sso_client_secret" {
  description = "Secret of the sign-on client."
  type        = string
  nullable    = false
  ephemeral   = true
  sensitive   = true
}

variable "sso_client_secret_version" {
  description = "Raise it to send the sign-on client's secret again."
  type        = number
  nullable    = false
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
}
