output "name" {
  description = "Name of the database."
  value       = postgresql_database.this.name
}

output "schema" {
  description = "Name of the schema."
  value       = postgresql_schema.this.name
}

output "role" {
  description = "Name of the role."
  value       = postgresql_role.this.name
}
