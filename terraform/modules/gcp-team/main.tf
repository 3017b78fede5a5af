# What one instance has on Google Cloud: a service account, which its pods are without any key (Workload Identity), and a
# folder of its own in the log bucket. Kubernetes' side, the annotation of the service accounts, is the chart's.

resource "google_service_account" "this" {
  project      = var.project
  account_id   = var.service_account
  display_name = "Airflow of ${var.instance}"
}

# https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity: whoever may be these Kubernetes service accounts
# may be this Google service account.

resource "google_service_account_iam_member" "pods" {
  for_each = var.kubernetes_service_accounts

  service_account_id = google_service_account.this.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/${each.key}]"
}

# A folder with rights of its own: no right on the bucket, and so none on another team's logs. Objects outlive the folder,
# until the bucket's own rule deletes them.

resource "google_storage_managed_folder" "logs" {
  bucket        = var.log_bucket
  name          = "${var.instance}/"
  force_destroy = true
}

resource "google_storage_managed_folder_iam_member" "logs" {
  bucket         = google_storage_managed_folder.logs.bucket
  managed_folder = google_storage_managed_folder.logs.name
  role           = "roles/storage.objectUser"
  member         = google_service_account.this.member
}

# Optional: the service account is a database user too, by a token instead of a password, and a member of the instance's role.

resource "google_sql_user" "this" {
  count = var.database_server == "" ? 0 : 1

  project        = var.project
  instance       = var.database_server
  name           = trimsuffix(google_service_account.this.email, ".gserviceaccount.com") # as PostgreSQL's users are named
  type           = "CLOUD_IAM_SERVICE_ACCOUNT"
  database_roles = [var.database_role]
}

resource "google_project_iam_member" "database" {
  for_each = var.database_server == "" ? toset([]) : toset(["roles/cloudsql.client", "roles/cloudsql.instanceUser"])

  project = var.project
  role    = each.key
  member  = google_service_account.this.member

  # Only this server, not every one of the project.
  condition {
    title      = "server-${var.database_server}"
    expression = "resource.name == 'projects/${var.project}/instances/${var.database_server}' && resource.service == 'sqladmin.googleapis.com'"
  }
}
