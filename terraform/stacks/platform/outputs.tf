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

output "portal" {
  description = "The portal's sign-on client: client_id, redirect_uri; null where there is no portal."
  value = var.portal == null ? null : {
    client_id    = module.portal[0].client_id
    redirect_uri = module.portal[0].redirect_uri
  }
}

output "drift" {
  description = "The client of the look at drift: client_id, roles; null where there is no such look."
  value = var.drift == null ? null : {
    client_id = module.drift[0].client_id
    roles     = module.drift[0].roles
  }
}

output "gcp" {
  description = "On Google Cloud: the database server and the log bucket; else null."
  value = var.cloud == "gcp" ? {
    database   = module.gcp[0].database
    log_bucket = module.gcp[0].log_bucket
  } : null
}
