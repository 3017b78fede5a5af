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
