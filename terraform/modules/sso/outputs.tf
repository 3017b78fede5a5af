output "client_id" {
  description = "Client id of the instance."
  value       = keycloak_openid_client.this.client_id
}

output "client_uuid" {
  description = "Keycloak's own id of the client, as its admin API uses it."
  value       = keycloak_openid_client.this.id
}

output "redirect_uri" {
  description = "Where Keycloak sends people after they signed in."
  value       = one(keycloak_openid_client.this.valid_redirect_uris)
}

output "roles" {
  description = "The client's roles: name -> Keycloak's own id."
  value       = { for name, role in keycloak_role.this : name => role.id }
}
