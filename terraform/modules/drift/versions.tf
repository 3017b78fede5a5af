terraform {
  required_version = ">= 1.11.0" # write-only arguments

  required_providers {
    keycloak = {
      source  = "keycloak/keycloak"
      version = "5.9.0"
    }
  }
}
