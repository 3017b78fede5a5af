"""The API's routes: takes settings, gives who answers which method and path, never answers itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fleet.sandbox.cloudsql.buckets import Buckets
from fleet.sandbox.cloudsql.databases import Databases
from fleet.sandbox.cloudsql.dumps import BackupRuns, Dumps
from fleet.sandbox.cloudsql.http import Json, Request, Route, invalid
from fleet.sandbox.cloudsql.instances import Instances
from fleet.sandbox.cloudsql.operations import Operations
from fleet.sandbox.cloudsql.programs import Programs
from fleet.sandbox.cloudsql.server import Server
from fleet.sandbox.cloudsql.settings import READY, Settings
from fleet.sandbox.cloudsql.users import Users

_PROJECT = "/sql/v1beta4/projects/{project}"
_INSTANCE = f"{_PROJECT}/instances/{{instance}}"
_BUCKET = "/storage/v1/b/{bucket}/o"

Answer = Callable[[Request], Json]


def routes(settings: Settings) -> list[Route]:
    """All routes, on the state that an earlier server left."""
    server, operations = Server(settings), Operations(settings)
    buckets, programs = Buckets(Path(settings.buckets)), Programs(settings)
    databases, users = Databases(settings, server, operations), Users(settings, server, operations)
    instances, dumps = Instances(settings, server, operations), Dumps(databases, operations, buckets, programs)
    backups = BackupRuns(settings, databases, operations, programs)
    operations.recover()
    backups.recover()
    buckets.clean()
    table: list[tuple[str, str, Answer]] = [
        ("GET", f"{_PROJECT}/instances", instances.index),
        ("GET", _INSTANCE, instances.get),
        ("PATCH", _INSTANCE, instances.patch),
        ("PUT", _INSTANCE, instances.update),
        ("POST", f"{_INSTANCE}/export", dumps.export),
        ("POST", f"{_INSTANCE}/import", dumps.import_),
        ("GET", f"{_INSTANCE}/databases", databases.index),
        ("POST", f"{_INSTANCE}/databases", databases.insert),
        ("GET", f"{_INSTANCE}/databases/{{database}}", databases.get),
        ("DELETE", f"{_INSTANCE}/databases/{{database}}", databases.delete),
        ("GET", f"{_INSTANCE}/users", users.index),
        ("POST", f"{_INSTANCE}/users", users.insert),
        ("PUT", f"{_INSTANCE}/users", users.update),
        ("DELETE", f"{_INSTANCE}/users", users.delete),
        ("GET", f"{_INSTANCE}/users/{{user}}", users.get),
        ("GET", f"{_INSTANCE}/backupRuns", backups.index),
        ("POST", f"{_INSTANCE}/backupRuns", backups.insert),
        ("GET", f"{_INSTANCE}/backupRuns/{{id}}", backups.get),
        ("DELETE", f"{_INSTANCE}/backupRuns/{{id}}", backups.delete),
        ("GET", f"{_PROJECT}/operations/{{operation}}", lambda request: operations.get(request.parts["operation"])),
        ("GET", f"{_PROJECT}/operations", lambda request: _list_operations(operations, request)),
    ]
    return [
        *(Route(method, path, _checked(instances, answer)) for method, path, answer in table),
        Route("GET", _BUCKET, buckets.index),
        Route("GET", f"{_BUCKET}/{{object*}}", buckets.get),
        Route("DELETE", f"{_BUCKET}/{{object*}}", buckets.delete),
        Route("POST", f"/upload{_BUCKET}", buckets.insert),
        Route("GET", READY, lambda _: {"status": "ok"}),
    ]


def _checked(instances: Instances, answer: Answer) -> Answer:
    def checked(request: Request) -> Json:
        instances.check(request)
        return answer(request)

    return checked


def _list_operations(operations: Operations, request: Request) -> Json:
    limit = request.query.get("maxResults", "0")
    if not limit.isdigit():
        raise invalid("maxResults is no number.")
    return operations.index(int(limit), request.query.get("pageToken", ""))
