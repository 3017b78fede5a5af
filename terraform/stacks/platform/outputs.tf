output "sso" {
  description = "The realm: its name and the issuer of its tokens."
  value = {
    realm  = keycloak_realm.this.realm
    issuer = "${var.sso.url}/realms/${keycloak_realm.this.realm}"
  }
}

output "groups" {
  description = "Groups made here: name -> Keycloak's id."
  value       = { for name, group in keycloak_group.this : name => group.id }
}
