output "service_account" {
  description = "E-mail of the Google service account that the pods are."
  value       = google_service_account.this.email
}

output "logs" {
  description = "Where the logs lie: gs://bucket/instance."
  value       = "gs://${var.log_bucket}/${var.instance}"
}

output "database_user" {
  description = "Name of the service account as a database user; null without IAM database authentication."
  value       = one(google_sql_user.this[*].name)
}
