"""Long work: takes it, answers at once with an Operation, and does it in a thread; never two at a time, never forgets one.

Each operation is a JSON file, so that a restarted server still answers for those of the one before.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fleet.sandbox.cloudsql.http import ApiError, Json
from fleet.sandbox.cloudsql.settings import Settings

_PAGE = 100
_KEPT = 1000


class Failure(Exception):
    """The work of an operation failed.

    Args:
        code: Google's word: ERROR_RDBMS, INVALID_STATE, …
        message: what the program or server said; never a secret.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Operations:
    """The operations of one instance."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Path(settings.data) / "operations"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._busy = threading.Lock()

    def recover(self) -> None:
        """End what a stopped server left undone: nobody works on it any more. Forget the oldest."""
        newest = sorted(self._all(), key=lambda each: str(each["insertTime"]), reverse=True)
        for operation in newest[_KEPT:]:
            (self._folder / f"{operation['name']}.json").unlink()
        for operation in newest[:_KEPT]:
            if operation["status"] != "DONE":
                stopped = Failure("INTERNAL_ERROR", "The server was stopped while this operation ran.")
                self._end(operation, stopped)

    def begin(self, kind: str, work: Callable[[], None], **context: Json) -> Json:
        """Do the work in the background; gives the operation as it is now: PENDING."""
        self._claim()
        operation = self._new(kind, **context)
        threading.Thread(target=self._run, args=(dict(operation), work), name=operation["name"]).start()
        return operation

    def at_once(self, kind: str, work: Callable[[], None], **context: Json) -> Json:
        """Short work: gives the operation when it is done. ApiError if it is refused, and then there is no operation."""
        with self._claimed():
            work()
            operation = self._new(kind, **context)
            self._end(operation, None)
            return operation

    def get(self, name: str) -> Json:
        path = self._folder / f"{name}.json"
        # A name is a UUID of ours, and no path that somebody made up.
        if path.parent != self._folder or not path.is_file():
            raise ApiError(404, "operationDoesNotExist", "The Cloud SQL operation does not exist.")
        found: Json = json.loads(path.read_text())
        return found

    def index(self, limit: int = _PAGE, token: str = "") -> Json:
        """Newest first; the page token is the name of the page's first operation."""
        newest = sorted(self._all(), key=lambda each: str(each["insertTime"]), reverse=True)
        names = [each["name"] for each in newest]
        start = names.index(token) if token in names else 0
        end = start + max(1, min(limit or _PAGE, _PAGE))
        following = {"nextPageToken": names[end]} if end < len(names) else {}
        return {"kind": "sql#operationsList", "items": newest[start:end], **following}

    def _new(self, kind: str, **context: Json) -> Json:
        name, settings = str(uuid.uuid4()), self._settings
        base = f"{settings.url}/sql/v1beta4/projects/{settings.project}"
        operation: Json = {
            "kind": "sql#operation", "name": name, "status": "PENDING", "operationType": kind, "insertTime": now(),
            "user": "sandbox@localhost", "targetProject": settings.project, "targetId": settings.instance,
            "targetLink": f"{base}/instances/{settings.instance}", "selfLink": f"{base}/operations/{name}", **context,
        }  # fmt: skip
        self._write(operation)
        return operation

    def _run(self, operation: Json, work: Callable[[], None]) -> None:
        failure = None
        try:
            self._write(operation | {"status": "RUNNING", "startTime": (started := now())})
            operation["startTime"] = started
            work()
        except Failure as said:
            failure = said
        except Exception as error:
            failure = Failure("INTERNAL_ERROR", f"{type(error).__name__} in the sandbox's API")
            raise
        finally:
            self._busy.release()  # first: whoever sees that it is done may begin the next at once
            self._end(operation, failure)

    def _end(self, operation: Json, failure: Failure | None) -> None:
        operation |= {"status": "DONE", "endTime": now()}
        if failure:
            error = {"kind": "sql#operationError", "code": failure.code, "message": failure.message}
            operation["error"] = {"kind": "sql#operationErrors", "errors": [error]}
        self._write(operation)

    def _claim(self) -> None:
        # Cloud SQL does one operation at a time per instance, and clients have to live with it.
        if not self._busy.acquire(blocking=False):
            raise ApiError(
                409, "operationInProgress", "Operation failed because another operation was already in progress."
            )

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        self._claim()
        try:
            yield
        finally:
            self._busy.release()

    def _all(self) -> Iterator[Json]:
        for path in self._folder.glob("*.json"):
            yield json.loads(path.read_text())

    def _write(self, operation: Json) -> None:
        path = self._folder / f"{operation['name']}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(operation))
        temporary.replace(path)


def now() -> str:
    """Google's form of a moment."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
