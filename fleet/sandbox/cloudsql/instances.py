"""instances.get, list and patch: takes Google's requests, gives the one instance, never makes or deletes one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from psycopg import sql

from fleet.sandbox.cloudsql.http import ApiError, Json, Request, invalid
from fleet.sandbox.cloudsql.operations import Operations
from fleet.sandbox.cloudsql.server import Server
from fleet.sandbox.cloudsql.settings import Settings

_VERSION = sql.SQL("select current_setting('server_version_num')::int / 10000")
_FLAGS = sql.SQL("select name from pg_settings where context not in ('internal', 'postmaster')")
_SIZES = sql.SQL("select sum(pg_database_size(oid)) from pg_database")
_GIB = 1024**3
# What a patch may change here; everything else of the settings is Google's hardware.
_KEPT = ("userLabels", "databaseFlags", "backupConfiguration", "deletionProtectionEnabled")


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
        settings, (version,) = self._settings, self._server.rows(_VERSION)[0]
        base = f"{settings.url}/sql/v1beta4/projects/{settings.project}/instances/{settings.instance}"
        return {
            "kind": "sql#instance", "name": settings.instance, "project": settings.project, "region": "sandbox",
            "state": "RUNNABLE", "databaseVersion": f"POSTGRES_{version}", "backendType": "SECOND_GEN",
            "instanceType": "CLOUD_SQL_INSTANCE", "selfLink": base,
            "connectionName": f"{settings.project}:sandbox:{settings.instance}",
            "ipAddresses": [{"type": "PRIVATE", "ipAddress": settings.address}],
            "settings": {"kind": "sql#settings", "tier": "sandbox", "activationPolicy": "ALWAYS",
                         "storageAutoResize": False, "dataDiskSizeGb": str(self._disk()), **self._changed()},
        }  # fmt: skip

    def _disk(self) -> int:
        """As if all that the databases have and could still get on this machine were a disk of their own."""
        ((taken,),) = self._server.rows(_SIZES)
        return (int(taken) + shutil.disk_usage(self._settings.data).free) // _GIB

    def patch(self, request: Request) -> Json:
        """Change labels, flags, backup configuration or deletion protection; flags reach the server at once."""
        asked = request.json().get("settings") or {}
        if strange := sorted(set(asked) - {*_KEPT, "kind", "settingsVersion"}):
            raise invalid(f"The sandbox cannot change settings.{strange[0]}.")
        wanted = {key: value for key, value in asked.items() if key in _KEPT}
        return self._operations.at_once("UPDATE", lambda: self._apply(wanted))

    def _apply(self, wanted: Json) -> None:
        before = self._changed()
        if "databaseFlags" in wanted:
            self._set_flags(_flags(before), _flags(wanted))
        version = int(before["settingsVersion"]) + 1
        self._file.write_text(json.dumps({**before, **wanted, "settingsVersion": str(version)}))

    def _set_flags(self, before: dict[str, str], after: dict[str, str]) -> None:
        known = {str(name) for (name,) in self._server.rows(_FLAGS)}
        for name in sorted(after.keys() - known):
            raise invalid(f"Invalid flag: {name} is unknown, or needs a restart, which the sandbox does not do.")
        for name, value in after.items():
            statement = sql.SQL("alter system set {} = {}").format(sql.Identifier(name), sql.Literal(value))
            self._server.run(f"set flag {name}", statement)
        for name in before.keys() - after.keys():
            self._server.run(f"reset flag {name}", sql.SQL("alter system reset {}").format(sql.Identifier(name)))
        self._server.rows(sql.SQL("select pg_reload_conf()"))

    def _changed(self) -> Json:
        if not self._file.is_file():
            return {"settingsVersion": "1"}
        found: Json = json.loads(self._file.read_text())
        return found


def _flags(settings: Json) -> dict[str, str]:
    return {str(flag["name"]): str(flag.get("value", "")) for flag in settings.get("databaseFlags") or []}
