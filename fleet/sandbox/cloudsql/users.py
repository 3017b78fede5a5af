"""users.*: takes Google's requests, gives and makes roles that may sign in, never gives or logs a password."""

from __future__ import annotations

from psycopg import sql

from fleet.sandbox.cloudsql.http import ApiError, Json, Request, invalid
from fleet.sandbox.cloudsql.operations import Operations
from fleet.sandbox.cloudsql.server import Server
from fleet.sandbox.cloudsql.settings import Settings

_QUERY = sql.SQL("select rolname from pg_roles where rolcanlogin order by rolname")


class Users:
    """The roles of the instance."""

    def __init__(self, settings: Settings, server: Server, operations: Operations) -> None:
        self._settings, self._server, self._operations = settings, server, operations

    def index(self, _: Request) -> Json:
        return {"kind": "sql#usersList", "items": [self._resource(name) for name in self._names()]}

    def get(self, request: Request) -> Json:
        return self._resource(self._known(request.parts["user"]))

    def insert(self, request: Request) -> Json:
        body = request.json()
        name, password = str(body.get("name") or ""), str(body.get("password") or "")
        if not name or not password:
            raise invalid("Invalid request: a user needs a name and a password.")
        if name in self._names():
            raise ApiError(409, "alreadyExists", f'Invalid request: user "{name}" already exists.')
        # A user made by the API is a member of the administrators, as on Google.
        statement = sql.SQL("create role {} login createdb createrole in role {} password {}").format(
            sql.Identifier(name), sql.Identifier(self._settings.owner), sql.Literal(password)
        )
        return self._operations.at_once("CREATE_USER", lambda: self._server.run(f"create user {name}", statement))

    def update(self, request: Request) -> Json:
        name, password = self._own(request), str(request.json().get("password") or "")
        if not password:
            raise invalid("Invalid request: the sandbox changes a user's password only.")
        statement = sql.SQL("alter role {} password {}").format(sql.Identifier(name), sql.Literal(password))
        return self._operations.at_once("UPDATE_USER", lambda: self._server.run(f"update user {name}", statement))

    def delete(self, request: Request) -> Json:
        name = self._own(request)
        statement = sql.SQL("drop role {}").format(sql.Identifier(name))
        return self._operations.at_once("DELETE_USER", lambda: self._server.run(f"delete user {name}", statement))

    def _own(self, request: Request) -> str:
        name = self._known(request.query.get("name", ""))
        if name in (*self._settings.protected, self._settings.superuser, self._settings.owner):
            raise invalid(f'Invalid request: user "{name}" is the sandbox\'s own.')
        return name

    def _known(self, name: str) -> str:
        if name not in self._names():
            raise ApiError(404, "notFound", f'Not Found: user "{name}" does not exist.')
        return name

    def _names(self) -> list[str]:
        return [str(name) for (name,) in self._server.rows(_QUERY)]

    def _resource(self, name: str) -> Json:
        settings = self._settings
        return {
            "kind": "sql#user",
            "name": name,
            "host": "",
            "instance": settings.instance,
            "project": settings.project,
        }
