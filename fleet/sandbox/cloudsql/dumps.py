"""export, import and backupRuns: takes Google's requests, gives operations that really dump and restore, never half
an object."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

from fleet.sandbox.cloudsql.buckets import Buckets
from fleet.sandbox.cloudsql.databases import Databases
from fleet.sandbox.cloudsql.http import ApiError, Json, Request, invalid
from fleet.sandbox.cloudsql.operations import Failure, Operations, now
from fleet.sandbox.cloudsql.programs import Programs
from fleet.sandbox.cloudsql.settings import Settings

_SQL = ("SQL", 1, None, "")  # the client may send an enum's number; none given means SQL


class Dumps:
    """Exports and imports between the instance and the buckets."""

    def __init__(self, databases: Databases, operations: Operations, buckets: Buckets, programs: Programs) -> None:
        self._databases, self._operations = databases, operations
        self._buckets, self._programs = buckets, programs

    def export(self, request: Request) -> Json:
        """Dump one database to an object; the end `.gz` of its name has it packed, as on Google."""
        context = request.json().get("exportContext") or {}
        names = [str(name) for name in context.get("databases") or []]
        if context.get("fileType") not in _SQL:
            raise invalid("The sandbox exports SQL only (fileType SQL).")
        if len(names) != 1:
            raise invalid("An export as SQL wants exactly one database.")
        database, uri = self._known(names[0]), str(context.get("uri") or "")
        target, options = self._buckets.path(uri), _export_options(context.get("sqlExportOptions") or {})

        def work() -> None:
            with self._buckets.writing(target) as temporary:
                self._programs.dump_sql(database, temporary, options, uri.endswith(".gz"))

        said = {"kind": "sql#exportContext", "uri": uri, "databases": names, "fileType": "SQL"}
        return self._operations.begin("EXPORT", work, exportContext=said)

    def import_(self, request: Request) -> Json:
        """Run an object's SQL in one database, which exists; as `importUser` where one is named."""
        context = request.json().get("importContext") or {}
        if context.get("fileType") not in _SQL:
            raise invalid("The sandbox imports SQL only (fileType SQL).")
        database, uri = self._known(str(context.get("database") or "")), str(context.get("uri") or "")
        source, role = self._buckets.path(uri), str(context.get("importUser") or "")
        if not source.is_file():
            raise ApiError(404, "notFound", f"The file {uri} does not exist.")

        def work() -> None:
            self._programs.run_sql(database, source, role, uri.endswith(".gz"))

        said = {"kind": "sql#importContext", "uri": uri, "database": database, "fileType": "SQL"}
        return self._operations.begin("IMPORT", work, importContext=said)

    def _known(self, name: str) -> str:
        if name not in self._databases.names():
            raise ApiError(404, "notFound", f'Not Found: database "{name}" does not exist.')
        return name


def _export_options(asked: Json) -> tuple[str, ...]:
    if asked.get("parallel"):
        raise invalid("The sandbox exports one file (no parallel export).")
    postgres = asked.get("postgresExportOptions") or {}
    return (
        *(["--schema-only"] if asked.get("schemaOnly") else []),
        *(["--clean"] if postgres.get("clean") else []),
        *(["--if-exists"] if postgres.get("ifExists") else []),
        *(f"--table={table}" for table in asked.get("tables") or []),
    )


class BackupRuns:
    """Backups of the whole instance on demand: an archive of each database, in a folder per run."""

    def __init__(self, settings: Settings, databases: Databases, operations: Operations, programs: Programs) -> None:
        self._settings, self._databases = settings, databases
        self._operations, self._programs = operations, programs
        self._root = Path(settings.data) / "backups"
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Give up the runs that a stopped server left undone."""
        for run in self._all():
            if run["status"] == "RUNNING":
                self._write(run | {"status": "FAILED", "endTime": now()})

    def insert(self, request: Request) -> Json:
        with self._lock:
            number = max([time.time_ns() // 1_000_000, *(int(run["id"]) + 1 for run in self._all())])
            run = self._resource(str(number), str(request.json().get("description") or ""))
            context = {"kind": "sql#backupContext", "backupId": run["id"]}
            return self._operations.begin("BACKUP_VOLUME", lambda: self._work(run), backupContext=context)

    def index(self, _: Request) -> Json:
        newest = sorted(self._all(), key=lambda run: int(run["id"]), reverse=True)
        return {"kind": "sql#backupRunsList", "items": newest}

    def get(self, request: Request) -> Json:
        found = next((run for run in self._all() if run["id"] == request.parts["id"]), None)
        if found is None:
            raise ApiError(404, "backupRunDoesNotExist", "The specified backup run does not exist.")
        return found

    def delete(self, request: Request) -> Json:
        folder = self._root / str(self.get(request)["id"])
        return self._operations.at_once("DELETE_BACKUP", lambda: shutil.rmtree(folder))

    def _work(self, run: Json) -> None:
        folder = self._root / run["id"]
        folder.mkdir()
        self._write(run)
        try:
            for name in self._databases.names():
                self._dump(name, folder / f"{name}.dump")
        except Failure:
            self._write(run | {"status": "FAILED", "endTime": now()})
            raise
        self._write(run | {"status": "SUCCESSFUL", "endTime": now()})

    def _dump(self, name: str, path: Path) -> None:
        """A database's archive; nothing of one that is dropped meanwhile."""
        try:
            self._programs.dump_archive(name, path)
        except Failure:
            if name in self._databases.names():
                raise

    def _resource(self, number: str, description: str) -> Json:
        settings, moment = self._settings, now()
        base = f"{settings.url}/sql/v1beta4/projects/{settings.project}/instances/{settings.instance}"
        return {
            "kind": "sql#backupRun", "id": number, "status": "RUNNING", "type": "ON_DEMAND", "description": description,
            "instance": settings.instance, "enqueuedTime": moment, "startTime": moment, "backupKind": "SNAPSHOT",
            "selfLink": f"{base}/backupRuns/{number}",
        }  # fmt: skip

    def _write(self, run: Json) -> None:
        path = self._root / run["id"] / "run.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(run))
        temporary.replace(path)

    def _all(self) -> list[Json]:
        return [json.loads(path.read_text()) for path in self._root.glob("*/run.json")]
