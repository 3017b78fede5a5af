output "teams" {
  description = "The instances that are read: name -> database and sign-on client."
  value       = { for name, team in module.team : name => { database = team.database.name, client = team.sso.client_id } }
}
