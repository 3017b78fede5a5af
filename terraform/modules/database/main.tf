# One instance's database: a role, a database that the role owns, a schema in it, and nobody else let in.
#
# The resources form one chain (depends_on): parallel GRANTs on one object fail with "tuple concurrently updated"
# (cyrilgdn/terraform-provider-postgresql#178).

resource "postgresql_role" "this" {
  name                = var.role
  login               = true
  connection_limit    = var.connection_limit
  password_wo         = var.password
  password_wo_version = var.password_version

  # The only way that reaches every connection of Airflow, async and migrations included: the URL cannot carry it.
  search_path = [var.schema]
}

resource "postgresql_database" "this" {
  name  = var.name
  owner = postgresql_role.this.name
}

resource "postgresql_schema" "this" {
  name     = var.schema
  database = postgresql_database.this.name
  owner    = postgresql_role.this.name

  # Destroying the instance destroys its tables too; without this, Terraform stops halfway.
  drop_cascade = true
}

# An empty list of privileges is how the provider says REVOKE ALL.

resource "postgresql_grant" "public_database" {
  role        = "public"
  database    = postgresql_database.this.name
  object_type = "database"
  privileges  = []

  depends_on = [postgresql_schema.this]
}

resource "postgresql_grant" "database" {
  role        = postgresql_role.this.name
  database    = postgresql_database.this.name
  object_type = "database"
  privileges  = ["CONNECT", "CREATE", "TEMPORARY"]

  depends_on = [postgresql_grant.public_database]
}

resource "postgresql_grant" "public_schema" {
  role        = "public"
  database    = postgresql_database.this.name
  schema      = "public"
  object_type = "schema"
  privileges  = []

  depends_on = [postgresql_grant.database]
}

# Since PostgreSQL 15 the schema `public` belongs to this role, of which every database's owner is a member.
resource "postgresql_grant" "owner_public_schema" {
  role        = "pg_database_owner"
  database    = postgresql_database.this.name
  schema      = "public"
  object_type = "schema"
  privileges  = []

  depends_on = [postgresql_grant.public_schema]
}
