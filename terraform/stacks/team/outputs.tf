output "instance" {
  description = "Name of the instance."
  value       = var.instance
}

output "database" {
  description = "Where the instance's database is: host, port, name, schema, role."
  value = merge(module.instance.database, {
    host = var.database_server.host
    port = var.database_server.port
  })
}

output "sso" {
  description = "The instance's sign-on client: issuer, client_id, client_uuid, redirect_uri."
  value = merge(module.instance.sso, {
    issuer = "${var.sso.url}/realms/${var.sso.realm}"
  })
}

output "gcp" {
  description = "On Google Cloud: service_account, logs, database_user; else null."
  value       = module.instance.gcp
}
