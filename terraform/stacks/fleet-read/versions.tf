terraform {
  required_version = ">= 1.11.0" # write-only arguments

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "7.45.0"
    }
    keycloak = {
      source  = "keycloak/keycloak"
      version = "5.9.0"
    }
    postgresql = {
      source  = "cyrilgdn/postgresql"
      version = "1.26.0"
    }
  }
}
