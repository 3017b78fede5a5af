output "database" {
  description = "The server: host, private address, connection name (for the Auth Proxy) and service account."
  value = {
    host            = var.database.host
    address         = google_sql_database_instance.this.private_ip_address
    connection_name = google_sql_database_instance.this.connection_name
    service_account = google_sql_database_instance.this.service_account_email_address
  }
}

output "log_bucket" {
  description = "The bucket for task logs, as gs://name."
  value       = google_storage_bucket.logs.url
}
