output "rights" {
  description = "What each role may do beyond those below it: role -> resource#scope."
  value = {
    for role in local.ladder : role => flatten([
      for permission in local.permissions :
      [for pair in setproduct(permission.resources, permission.scopes) : join("#", pair)] if permission.from == role
    ])
  }
}
