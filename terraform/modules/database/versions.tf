terraform {
  required_version = ">= 1.11.0" # write-only arguments

  required_providers {
    postgresql = {
      source  = "cyrilgdn/postgresql"
      version = "1.26.0"
    }
  }
}
