# One instance's database: a role, a database that only this role may enter, and in it a schema that the role owns.
#
# The database itself stays with the administrator (docs/adr/0010): its owner could open it to others again, and only its
# owner can close it, so on a managed server, whose administrator is no superuser, nobody else could build the wall.
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
  name = var.name
}

# An empty list of privileges is how the provider says REVOKE ALL.

resource "postgresql_grant" "public_database" {
  role        = "public"
  database    = postgresql_database.this.name
  object_type = "database"
  privileges  = []
}

resource "postgresql_grant" "database" {
  role        = postgresql_role.this.name
  database    = postgresql_database.this.name
  object_type = "database"
  privileges  = ["CONNECT", "TEMPORARY"]

  depends_on = [postgresql_grant.public_database]
}

# The scheduled look at drift (docs/adr/0092) enters and reads the catalogues. fleet lets it read the migrations' revisions, after
# each migration; nothing else of the team's is its to read.

resource "postgresql_grant" "reader" {
  count = var.reader == null ? 0 : 1

  role        = var.reader
  database    = postgresql_database.this.name
  object_type = "database"
  privileges  = ["CONNECT"]

  depends_on = [postgresql_grant.database]
}

resource "postgresql_schema" "this" {
  name     = var.schema
  database = postgresql_database.this.name
  owner    = postgresql_role.this.name

  # Destroying the instance destroys its tables too; without this, Terraform stops halfway.
  drop_cascade = true

  depends_on = [postgresql_grant.database, postgresql_grant.reader]
}

resource "postgresql_grant" "public_schema" {
  role        = "public"
  database    = postgresql_database.this.name
  schema      = "public"
  object_type = "schema"
  privileges  = []

  depends_on = [postgresql_schema.this]
}
