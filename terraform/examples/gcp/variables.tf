variable "project" {
  description = "Google Cloud project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][-a-z0-9]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and dashes, and begins with a letter."
  }
}

variable "region" {
  description = "Region of everything."
  type        = string
  nullable    = false
  default     = "europe-west3"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is written as europe-west3."
  }
}

variable "name" {
  description = "Name of the network and the cluster, and part of the buckets' names."
  type        = string
  nullable    = false
  default     = "fleet"

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,23}[a-z0-9])?$", var.name))
    error_message = "The name has at most 25 lower-case letters, digits and dashes: with the project's it still fits a bucket's."
  }
}

variable "ranges" {
  description = "Address ranges of the nodes, the pods and the Kubernetes services."
  type = object({
    nodes    = optional(string, "10.0.0.0/20")
    pods     = optional(string, "10.4.0.0/14")
    services = optional(string, "10.8.0.0/20")
  })
  nullable = false
  default  = {}

  validation {
    condition     = alltrue([for range in values(var.ranges) : can(cidrhost(range, 0))])
    error_message = "Each range is written as 10.0.0.0/20."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to destroy the cluster."
  type        = bool
  nullable    = false
  default     = true
}
