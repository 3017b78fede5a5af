output "database" {
  description = "Names of the database, its schema and its role."
  value = {
    name   = module.database.name
    schema = module.database.schema
    role   = module.database.role
  }
}

output "sso" {
  description = "The sign-on client."
  value = {
    client_id    = module.sso.client_id
    client_uuid  = module.sso.client_uuid
    redirect_uri = module.sso.redirect_uri
  }
}

output "gcp" {
  description = "What is on Google Cloud; null without it."
  value = var.gcp == null ? null : {
    service_account = module.gcp[0].service_account
    logs            = module.gcp[0].logs
    database_user   = module.gcp[0].database_user
  }
}
