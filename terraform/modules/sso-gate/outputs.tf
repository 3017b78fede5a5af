output "flow_id" {
  description = "The browser flow, once all of it is there: a client bound to half of it would let everybody in."
  value       = keycloak_authentication_flow.browser.id
  depends_on = [
    keycloak_authentication_execution.identify,
    keycloak_authentication_execution.password,
    keycloak_authentication_execution.second_factor,
    keycloak_authentication_execution_config.without,
    keycloak_authentication_execution_config.deny,
  ]
}
