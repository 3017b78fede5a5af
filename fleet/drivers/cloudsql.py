"""Talks to the Cloud SQL Admin API: takes databases and objects' addresses, gives nothing until the work is done, never
decides.

google-cloud-sql does the talking (v1beta4, which has REST beside gRPC, so that the sandbox can answer it). It blocks; each
call runs in a thread. Its import costs half a second, so nothing imports it before a database is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from fleet.drivers import google
from fleet.errors import FleetError
from fleet.model import CloudSql as Settings

T = TypeVar("T")

# One request; the work itself goes on behind it.
_REQUEST_SECONDS = 60.0
# An export of Airflow's metadata takes seconds to minutes; of a neglected `log` table much longer.
OPERATION_SECONDS = 3600.0
# Cloud SQL does one operation at a time per instance: a fleet's backups queue here.
QUEUE_SECONDS = 1800.0
_GIB = 1024**3  # what Cloud SQL calls a GB of disk
_PAUSE_SECONDS = (0.2, 10.0)  # between two looks at an operation: the first, and the most


@dataclass(frozen=True)
class CloudSql:
    """One Cloud SQL instance."""

    settings: Settings

    async def databases(self) -> list[str]:
        """Names of all databases."""
        answer = await self._call("SqlDatabasesServiceClient", "list", {})
        return [str(each.name) for each in answer.items]

    async def disk(self) -> int | None:
        """How many bytes the disk may have at most; None: it grows as it needs.

        That is `settings.dataDiskSizeGb`, or up to `storageAutoResizeLimit` (0: no limit) where `storageAutoResize` lets it
        grow (https://cloud.google.com/sql/docs/postgres/instance-settings).
        """
        settings = (await self._call("SqlInstancesServiceClient", "get", {})).settings
        size, limit = settings.data_disk_size_gb, int(settings.storage_auto_resize_limit or 0)
        if size is None or (settings.storage_auto_resize and not limit):
            return None
        return (max(int(size), limit) if settings.storage_auto_resize else int(size)) * _GIB

    async def instance(self) -> dict[str, Any]:
        """The instance and its settings in the API's own words (`instances.get`); enums by name.

        Raises:
            FleetError: the API does not answer, or refuses.
        """
        from google.protobuf.json_format import MessageToDict

        found = await self._call("SqlInstancesServiceClient", "get", {})
        told: dict[str, Any] = MessageToDict(type(found).pb(found))  # type: ignore[no-untyped-call]
        return told

    async def patch(self, settings: Mapping[str, Any]) -> None:
        """Change some of the instance's settings, and wait for the end of it.

        All of them are sent, as they were read but for these (`instances.update`): an empty list, as of flags, cannot be said
        by `instances.patch`. Somebody's change in between is refused by the API.

        Args:
            settings: in the API's words; objects are merged, lists replaced.

        Raises:
            FleetError: the API does not answer, or refuses.
        """
        from google.protobuf.json_format import ParseDict

        found = await self._call("SqlInstancesServiceClient", "get", {})
        ParseDict(dict(settings), type(found.settings).pb(found.settings))  # type: ignore[no-untyped-call]
        body = {"settings": found.settings}
        await self._work("a change of settings", "SqlInstancesServiceClient", "update", {"body": body})

    async def create_database(self, name: str) -> None:
        """Make an empty database."""
        await self._work(f"create database {name}", "SqlDatabasesServiceClient", "insert", {"body": {"name": name}})

    async def delete_database(self, name: str) -> None:
        """Delete a database with everything in it; no session may be open in it."""
        await self._work(f"delete database {name}", "SqlDatabasesServiceClient", "delete", {"database": name})

    async def export(self, database: str, uri: str) -> None:
        """Dump a database as SQL.

        Args:
            uri: ``gs://bucket/object``; with `.gz` at its end the dump is packed, and so has a checksum.

        Raises:
            FleetError: the API refused or failed; what it says is in the error.
        """
        context = {"uri": uri, "databases": [database], "file_type": "SQL"}
        body = {"export_context": context}
        await self._work(f"export of {database} to {uri}", "SqlInstancesServiceClient", "export", {"body": body})

    async def load(self, uri: str, database: str) -> None:
        """Run a dump's SQL in a database, which should be empty."""
        body = {"import_context": {"uri": uri, "database": database, "file_type": "SQL"}}
        await self._work(f"import of {uri} into {database}", "SqlInstancesServiceClient", "import_", {"body": body})

    async def _work(self, doing: str, service: str, method: str, request: dict[str, Any]) -> None:
        """Ask for long work, in turn with others', and wait for its end."""
        end = time.monotonic() + QUEUE_SECONDS
        pauses = _Pauses()
        while True:
            try:
                operation = await self._call(service, method, request)
                break
            except _Busy as error:
                if time.monotonic() > end:
                    raise self._error(f"{doing}: the instance was busy for {QUEUE_SECONDS:.0f} s") from error
                await pauses.next()
        await self._finished(doing, operation)

    async def _finished(self, doing: str, operation: Any) -> None:
        end, pauses = time.monotonic() + OPERATION_SECONDS, _Pauses()
        while operation.status.name != "DONE":
            if time.monotonic() > end:
                raise self._error(
                    f"{doing} has not ended within {OPERATION_SECONDS:.0f} s (operation {operation.name})"
                )
            await pauses.next()
            request = {"operation": operation.name}
            operation = await self._call("SqlOperationsServiceClient", "get", request, with_instance=False)
        if errors := list(operation.error.errors):
            said = "; ".join(f"{each.code}: {each.message}" for each in errors)
            raise self._error(f"{doing} failed: {said}")

    async def _call(self, service: str, method: str, request: dict[str, Any], *, with_instance: bool = True) -> Any:
        where = {"project": self.settings.project, **({"instance": self.settings.instance} if with_instance else {})}

        def once() -> Any:
            return getattr(self._client(service), method)(request={**where, **request}, timeout=_REQUEST_SECONDS)

        return await self._patiently(once)

    async def _patiently(self, call: Callable[[], T]) -> T:
        """Call in a thread; try again while the fault is one that passes: six times within about 20 s."""
        faults = await asyncio.to_thread(google.passing_faults)
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(lambda error: isinstance(error, faults)), stop=stop_after_attempt(6),
                wait=wait_exponential(multiplier=0.5, max=8), reraise=True,
            ):  # fmt: skip
                with attempt:
                    return await asyncio.to_thread(call)
        except FleetError:
            raise
        except faults as error:
            raise self._error(
                f"{self.settings.admin_api} does not answer ({type(error).__name__})",
                "start it (`fleet sandbox up`), or correct `platform.database.cloud_sql.admin_api`; then run this again",
            ) from error
        except Exception as error:
            raise self._refusal(error) from error
        raise AssertionError("unreachable: tenacity returns or raises")

    def _refusal(self, error: Exception) -> FleetError:
        from google.api_core.exceptions import GoogleAPICallError

        if not isinstance(error, GoogleAPICallError):
            return self._error(f"{type(error).__name__}: {error}")
        details = [each for each in error.errors if isinstance(each, dict)]
        said = "; ".join(str(each["message"]) for each in details if each.get("message")) or str(error.message)
        if any(each.get("reason") == "operationInProgress" for each in details):
            return _Busy(f"Cloud SQL: {said}", where=self._where)
        return self._error(said, _HINTS.get(int(error.code or 0), ""))

    def _error(self, what: str, hint: str = "") -> FleetError:
        return FleetError(f"Cloud SQL: {what}", where=self._where, hint=hint)

    @property
    def _where(self) -> str:
        return f"{self.settings.project}/{self.settings.instance}"

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            from google.api_core.client_options import ClientOptions
            from google.cloud import sqladmin_v1beta4

            endpoint = self.settings.admin_api
            self._clients[service] = getattr(sqladmin_v1beta4, service)(
                credentials=google.credentials(endpoint),
                transport="rest",
                client_options=ClientOptions(api_endpoint=endpoint),
            )
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}


class _Busy(FleetError):
    """Another operation runs on the instance."""


class _Pauses:
    """Each pause half as long again as the one before, up to the longest."""

    def __init__(self) -> None:
        self._seconds, self._most = _PAUSE_SECONDS

    async def next(self) -> None:
        await asyncio.sleep(self._seconds)
        self._seconds = min(self._seconds * 1.5, self._most)


_HINTS = {
    401: "Google's credentials are refused: sign in again",
    403: "these credentials lack a right: roles/cloudsql.editor, and for the bucket roles/storage.objectAdmin",
    404: "`platform.database.cloud_sql` says where fleet looks",
}
