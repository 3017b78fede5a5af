"""instances.get, list, patch and update: takes Google's requests, gives the one instance, never makes or deletes one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from psycopg import sql

from fleet.sandbox.cloudsql.http import ApiError, Json, Request, invalid
from fleet.sandbox.cloudsql.instance_settings import FRESH, flags, patched, replaced
from fleet.sandbox.cloudsql.operations import Operations
from fleet.sandbox.cloudsql.server import Server
from fleet.sandbox.cloudsql.settings import Settings

_VERSION = sql.SQL("select current_setting('server_version_num')::int / 10000")
_FLAGS = sql.SQL("select name from pg_settings where context not in ('internal', 'postmaster')")
_SIZES = sql.SQL("select sum(pg_database_size(oid)) from pg_database")
_GIB = 1024**3
_GOOGLES = "cloudsql."  # flags of Cloud SQL's own, which no PostgreSQL knows


class Instances:
    """The instance, its settings kept in a file."""

    def __init__(self, settings: Settings, server: Server, operations: Operations) -> None:
        self._settings, self._server, self._operations = settings, server, operations
        self._file = Path(settings.data) / "instance.json"

    def check(self, request: Request) -> None:
        """ApiError unless the path names this project and this instance."""
        settings = self._settings
        if request.parts.get("project") != settings.project:
            raise ApiError(403, "notAuthorized", "The client is not authorized to make this request.")
        if request.parts.get("instance", settings.instance) != settings.instance:
            raise ApiError(404, "instanceDoesNotExist", "The Cloud SQL instance does not exist.")

    def index(self, request: Request) -> Json:
        return {"kind": "sql#instancesList", "items": [self.get(request)]}

    def get(self, _: Request) -> Json:
        settings, (version,), current = self._settings, self._server.rows(_VERSION)[0], self._current()
        kinds = ["PRIVATE", *(["PRIMARY"] if current["ipConfiguration"]["ipv4Enabled"] else [])]
        base = f"{settings.url}/sql/v1beta4/projects/{settings.project}/instances/{settings.instance}"
        return {
            "kind": "sql#instance", "name": settings.instance, "project": settings.project, "region": "sandbox",
            "state": "RUNNABLE", "databaseVersion": f"POSTGRES_{version}", "backendType": "SECOND_GEN",
            "instanceType": "CLOUD_SQL_INSTANCE", "selfLink": base,
            "connectionName": f"{settings.project}:sandbox:{settings.instance}",
            "ipAddresses": [{"type": kind, "ipAddress": settings.address} for kind in kinds],
            "settings": {"kind": "sql#settings", "activationPolicy": "ALWAYS", "storageAutoResize": False,
                         "dataDiskSizeGb": str(self._disk()), **current},
        }  # fmt: skip

    def _disk(self) -> int:
        """As if all that the databases have and could still get on this machine were a disk of their own."""
        ((taken,),) = self._server.rows(_SIZES)
        return (int(taken) + shutil.disk_usage(self._settings.data).free) // _GIB

    def patch(self, request: Request) -> Json:
        """Change some settings; flags reach the server at once."""
        asked = request.json().get("settings") or {}
        return self._operations.at_once("UPDATE", lambda: self._apply(patched(self._current(), asked)))

    def update(self, request: Request) -> Json:
        """Give all settings anew, as they were read: an empty list can be said in no other way."""
        asked = request.json().get("settings") or {}
        return self._operations.at_once("UPDATE", lambda: self._replace(asked))

    def _replace(self, asked: Json) -> None:
        if str(asked.get("settingsVersion")) != self._current()["settingsVersion"]:
            raise ApiError(412, "staleData", "The settings have changed since they were read (settingsVersion).")
        self._apply(replaced(asked))

    def _apply(self, after: Json) -> None:
        before = self._current()
        if flags(after) != flags(before):
            self._set_flags(flags(before), flags(after))
        version = int(before["settingsVersion"]) + 1
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps({**after, "settingsVersion": str(version)}))
        temporary.replace(self._file)

    def _set_flags(self, before: dict[str, str], after: dict[str, str]) -> None:
        known = {str(name) for (name,) in self._server.rows(_FLAGS)}
        own = {name: value for name, value in after.items() if not name.startswith(_GOOGLES)}
        for name in sorted(own.keys() - known):
            raise invalid(f"Invalid flag: {name} is unknown, or needs a restart, which the sandbox does not do.")
        for name, value in own.items():
            statement = sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(value))
            self._server.run(f"set flag {name}", statement)
        for name in (before.keys() - after.keys()) & known:
            self._server.run(f"reset flag {name}", sql.SQL("alter system reset {}").format(sql.Identifier(name)))
        self._server.rows(sql.SQL("select pg_reload_conf()"))

    def _current(self) -> Json:
        changed: Json = json.loads(self._file.read_text()) if self._file.is_file() else {}
        return {**FRESH, "settingsVersion": "1", **changed}
