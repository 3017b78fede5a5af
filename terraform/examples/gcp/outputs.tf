output "credentials_command" {
  description = "The command that puts the cluster into the kubeconfig."
  value       = "gcloud container clusters get-credentials ${google_container_cluster.this.name} --region ${var.region} --project ${var.project}"
}

output "context" {
  description = "Name of the kubeconfig context that it makes: platform.kubernetes.context."
  value       = "gke_${var.project}_${var.region}_${google_container_cluster.this.name}"
}

output "network" {
  description = "Name of the network: platform.gcp.network."
  value       = google_compute_network.this.name
}

output "buckets" {
  description = "Buckets: states (platform.terraform.bucket) and dumps (platform.database.cloud_sql.bucket)."
  value       = { for name, bucket in google_storage_bucket.this : name => bucket.name }
}
