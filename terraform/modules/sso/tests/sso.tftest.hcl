mock_provider "keycloak" {
  mock_data "keycloak_group" {
    defaults = { id = "group-id" }
  }

  mock_data "keycloak_user" {
    defaults = { id = "user-id" }
  }

  mock_data "keycloak_openid_client_scope" {
    defaults = { id = "scope-id" }
  }
}

variables {
  realm                 = "fleet"
  client_id             = "airflow-marketing"
  display_name          = "Airflow of marketing"
  base_url              = "https://marketing.example.com"
  group                 = "marketing"
  client_secret         = "a secret of some length"
  client_secret_version = 1
}

run "makes_a_confidential_client_with_one_way_to_sign_in" {
  command = plan

  assert {
    condition     = keycloak_openid_client.this.access_type == "CONFIDENTIAL" && keycloak_openid_client.this.pkce_code_challenge_method == "S256"
    error_message = "The client is not confidential, or does without PKCE."
  }

  assert {
    condition = keycloak_openid_client.this.standard_flow_enabled && !anytrue([
      keycloak_openid_client.this.implicit_flow_enabled,
      keycloak_openid_client.this.direct_access_grants_enabled,
      keycloak_openid_client.this.service_accounts_enabled,
      keycloak_openid_client.this.use_refresh_tokens,
      keycloak_openid_client.this.full_scope_allowed,
    ])
    error_message = "The client can do more than the standard flow, or its tokens carry other clients' roles."
  }

  assert {
    condition     = keycloak_openid_client.this.valid_redirect_uris == toset(["https://marketing.example.com/auth/oauth-authorized/keycloak"])
    error_message = "Keycloak would send people elsewhere than to this instance."
  }

  assert {
    condition     = keycloak_openid_client.this.valid_post_logout_redirect_uris == toset(["https://marketing.example.com/"])
    error_message = "Keycloak would send people elsewhere after signing out."
  }

  assert {
    condition     = toset(keys(keycloak_role.this)) == toset(["admin", "op", "user", "viewer"])
    error_message = "The client's roles are not the four."
  }
}

run "asks_nothing_of_keycloak_beyond_who_somebody_is" {
  command = plan

  assert {
    condition     = length(keycloak_openid_client.this.authorization) == 0 && length(keycloak_openid_client.this.authentication_flow_binding_overrides) == 0
    error_message = "FAB's client has rights or a flow of its own."
  }
}

run "leaves_decisions_to_keycloak_where_its_manager_is_chosen" {
  variables {
    manager         = "keycloak"
    browser_flow_id = "flow-id"
  }

  assert {
    condition     = keycloak_openid_client.this.valid_redirect_uris == toset(["https://marketing.example.com/auth/login_callback"]) && keycloak_openid_client.this.valid_post_logout_redirect_uris == toset(["https://marketing.example.com/auth/logout_callback"])
    error_message = "Keycloak would send people elsewhere than the manager waits for them."
  }

  assert {
    condition     = one(keycloak_openid_client.this.authorization).policy_enforcement_mode == "ENFORCING" && one(keycloak_openid_client.this.authentication_flow_binding_overrides).browser_id == "flow-id"
    error_message = "Keycloak does not decide, or lets in whoever has no role."
  }

  assert {
    condition = keycloak_openid_client.this.use_refresh_tokens && keycloak_openid_client.this.service_accounts_enabled && keycloak_openid_client.this.standard_flow_enabled && !anytrue([
      keycloak_openid_client.this.implicit_flow_enabled,
      keycloak_openid_client.this.direct_access_grants_enabled,
      keycloak_openid_client.this.full_scope_allowed,
    ])
    error_message = "The client can do less than the manager needs, or more."
  }

  assert {
    condition     = toset(keys(output.roles)) == toset(["admin", "op", "user", "viewer"])
    error_message = "The roles are not told."
  }
}

run "refuses_another_manager" {
  command = plan
  variables { manager = "simple" }
  expect_failures = [var.manager]
}

run "refuses_the_keycloak_manager_without_a_flow" {
  command = plan
  variables { manager = "keycloak" }
  expect_failures = [var.browser_flow_id]
}

run "puts_the_clients_own_roles_into_the_id_token" {
  command = plan

  assert {
    condition = alltrue([
      keycloak_openid_user_client_role_protocol_mapper.roles.claim_name == "roles",
      keycloak_openid_user_client_role_protocol_mapper.roles.client_id_for_role_mappings == "airflow-marketing",
      keycloak_openid_user_client_role_protocol_mapper.roles.multivalued,
      keycloak_openid_user_client_role_protocol_mapper.roles.add_to_id_token,
      keycloak_openid_user_client_role_protocol_mapper.roles.add_to_userinfo,
      !keycloak_openid_user_client_role_protocol_mapper.roles.add_to_access_token,
    ])
    error_message = "The claim roles is not where Airflow reads it, or is where it should not be."
  }
}

run "lets_each_role_into_the_scope_that_the_portal_reads" {
  assert {
    condition = toset(keys(keycloak_generic_role_mapper.roles)) == toset(["admin", "op", "user", "viewer"]) && alltrue([
      for role, mapping in keycloak_generic_role_mapper.roles :
      mapping.client_scope_id == "scope-id" && mapping.role_id == keycloak_role.this[role].id
    ])
    error_message = "The portal would not see who may enter here."
  }
}

run "keeps_a_path_in_the_redirect" {
  command = plan
  variables { base_url = "https://example.com/marketing" }

  assert {
    condition     = keycloak_openid_client.this.valid_redirect_uris == toset(["https://example.com/marketing/auth/oauth-authorized/keycloak"])
    error_message = "The path of the instance is missing."
  }
}

run "makes_a_group_per_role_below_the_instances_own" {
  assert {
    condition     = keycloak_group.instance.name == "marketing" && toset(keys(keycloak_group.role)) == toset(["admin", "op", "user", "viewer"])
    error_message = "The instance does not have the groups /marketing/<role>."
  }

  assert {
    condition = alltrue([
      for role, group in keycloak_group.role :
      group.name == role && group.parent_id == keycloak_group.instance.id &&
      keycloak_group_roles.role[role].group_id == group.id &&
      keycloak_group_roles.role[role].role_ids == toset([keycloak_role.this[role].id])
    ])
    error_message = "A group does not have exactly the role that it is named after."
  }
}

run "gives_each_member_all_its_roles_and_leaves_other_instances_alone" {
  variables {
    groups = { admin = ["owners", "/company/data"], viewer = ["owners"] }
    users  = { op = ["alice"] }
  }

  assert {
    condition     = toset(keys(keycloak_group_roles.member)) == toset(["owners", "/company/data"])
    error_message = "A group has no mapping of its own, or more than one."
  }

  assert {
    condition     = toset(local.group_roles["owners"]) == toset(["admin", "viewer"]) && local.user_roles["alice"] == tolist(["op"])
    error_message = "A member does not have exactly its roles."
  }

  assert {
    condition     = data.keycloak_group.member["owners"].group_path == "/owners" && data.keycloak_group.member["/company/data"].group_path == "/company/data"
    error_message = "A group is not looked up by its path."
  }

  assert {
    condition     = !keycloak_group_roles.member["owners"].exhaustive && !keycloak_user_roles.member["alice"].exhaustive
    error_message = "The mapping would take away roles at other instances."
  }
}

run "treats_a_right_to_some_dags_like_the_four_roles" {
  variables {
    dag_roles = ["dags-payroll"]
    groups    = { dags-payroll = ["owners"], viewer = ["owners"] }
    users     = { dags-payroll = ["dave"] }
  }

  assert {
    condition = alltrue([
      for keys in [keys(keycloak_role.this), keys(keycloak_group.role), keys(keycloak_generic_role_mapper.roles)] :
      toset(keys) == toset(["admin", "op", "user", "viewer", "dags-payroll"])
    ])
    error_message = "The right has no role, no group, or the portal would not see it."
  }

  assert {
    condition     = keycloak_group_roles.role["dags-payroll"].role_ids == toset([keycloak_role.this["dags-payroll"].id])
    error_message = "The right's group does not have its role alone."
  }

  assert {
    condition = alltrue([
      keycloak_group_roles.member["owners"].role_ids == toset([keycloak_role.this["dags-payroll"].id, keycloak_role.this["viewer"].id]),
      keycloak_user_roles.member["dave"].role_ids == toset([keycloak_role.this["dags-payroll"].id]),
    ])
    error_message = "A member does not have exactly its roles."
  }
}

run "refuses_a_right_that_is_called_like_a_role" {
  command = plan
  variables { dag_roles = ["superadmin"] }
  expect_failures = [var.dag_roles]
}

run "refuses_members_of_a_right_that_there_is_not" {
  command = plan
  variables { users = { dags-payroll = ["dave"] } }
  expect_failures = [var.users]
}

run "refuses_the_realm_master" {
  command = plan
  variables { realm = "master" }
  expect_failures = [var.realm]
}

run "refuses_a_client_id_with_a_slash" {
  command = plan
  variables { client_id = "airflow/marketing" }
  expect_failures = [var.client_id]
}

run "refuses_an_empty_display_name" {
  command = plan
  variables { display_name = " " }
  expect_failures = [var.display_name]
}

run "refuses_a_base_url_with_a_trailing_slash" {
  command = plan
  variables { base_url = "https://marketing.example.com/" }
  expect_failures = [var.base_url]
}

run "refuses_a_base_url_with_a_wildcard" {
  command = plan
  variables { base_url = "https://*.example.com" }
  expect_failures = [var.base_url]
}

run "refuses_a_group_of_the_instances_that_is_nested" {
  command = plan
  variables { group = "marketing/admin" }
  expect_failures = [var.group]
}

run "refuses_an_unknown_role_of_groups" {
  command = plan
  variables { groups = { root = ["owners"] } }
  expect_failures = [var.groups]
}

run "refuses_a_group_without_a_name" {
  command = plan
  variables { groups = { admin = ["/"] } }
  expect_failures = [var.groups]
}

run "refuses_an_unknown_role_of_users" {
  command = plan
  variables { users = { root = ["alice"] } }
  expect_failures = [var.users]
}

run "refuses_a_user_name_that_keycloak_would_not_keep" {
  command = plan
  variables { users = { admin = ["Alice"] } }
  expect_failures = [var.users]
}

run "refuses_a_short_secret" {
  command = plan
  variables { client_secret = "short" }
  expect_failures = [var.client_secret]
}

run "refuses_half_a_version" {
  command = plan
  variables { client_secret_version = 1.5 }
  expect_failures = [var.client_secret_version]
}
