"""databases.*: takes Google's requests, gives and makes databases, never touches the sandbox's own."""

from __future__ import annotations

from psycopg import sql

from fleet.sandbox.cloudsql.http import ApiError, Json, Request, invalid
from fleet.sandbox.cloudsql.operations import Operations
from fleet.sandbox.cloudsql.server import Server
from fleet.sandbox.cloudsql.settings import Settings

_QUERY = sql.SQL(
    "select datname, pg_encoding_to_char(encoding), datcollate from pg_database where not datistemplate order by datname"
)


class Databases:
    """The databases of the instance."""

    def __init__(self, settings: Settings, server: Server, operations: Operations) -> None:
        self._settings, self._server, self._operations = settings, server, operations

    def names(self) -> list[str]:
        return [str(name) for name, *_ in self._server.rows(_QUERY)]

    def index(self, _: Request) -> Json:
        items = [self._resource(*map(str, row)) for row in self._server.rows(_QUERY)]
        return {"kind": "sql#databasesList", "items": items}

    def get(self, request: Request) -> Json:
        name = request.parts["database"]
        found = [row for row in self._server.rows(_QUERY) if row[0] == name]
        if not found:
            raise _missing(name)
        return self._resource(*map(str, found[0]))

    def insert(self, request: Request) -> Json:
        body = request.json()
        name = str(body.get("name") or "")
        if not name:
            raise invalid("Invalid request: the database has no name.")
        statement = sql.SQL("create database {} owner {}{}{} template template0").format(
            sql.Identifier(name),
            sql.Identifier(self._settings.owner),
            _option("encoding", body.get("charset")),
            _option("locale", body.get("collation")),
        )
        return self._operations.at_once(
            "CREATE_DATABASE", lambda: self._server.run(f"create database {name}", statement)
        )

    def delete(self, request: Request) -> Json:
        name = request.parts["database"]
        if name in self._settings.protected:
            raise invalid(f"Invalid request: failed to delete database {name}. Detail: it is a system database.")
        if name not in self.names():
            raise _missing(name)
        statement = sql.SQL("drop database {}").format(sql.Identifier(name))
        return self._operations.at_once(
            "DELETE_DATABASE", lambda: self._server.run(f"delete database {name}", statement)
        )

    def _resource(self, name: str, charset: str, collation: str) -> Json:
        settings = self._settings
        base = f"{settings.url}/sql/v1beta4/projects/{settings.project}/instances/{settings.instance}"
        return {
            "kind": "sql#database", "name": name, "charset": charset, "collation": collation, "project": settings.project,
            "instance": settings.instance, "selfLink": f"{base}/databases/{name}",
        }  # fmt: skip


def _option(word: str, value: object) -> sql.Composable:
    return sql.SQL(f" {word} {{}}").format(sql.Literal(str(value))) if value else sql.SQL("")


def _missing(name: str) -> ApiError:
    return ApiError(404, "notFound", f'Not Found: database "{name}" does not exist.')
