output "client_id" {
  description = "Client id of the portal."
  value       = keycloak_openid_client.this.client_id
}

output "redirect_uri" {
  description = "Where Keycloak sends people after they signed in."
  value       = one(keycloak_openid_client.this.valid_redirect_uris)
}
