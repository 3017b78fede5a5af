output "client_id" {
  description = "Client id that the look at drift signs in as."
  value       = keycloak_openid_client.this.client_id
}

output "roles" {
  description = "Roles of realm-management that its account has."
  value       = sort([for role in keycloak_openid_client_service_account_role.this : role.role])
}
