"""HTTP as the handlers see it: takes a request, finds its route, gives JSON in Google's form, never logs a body or a query."""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# An upload is a proof of some kilobytes and a request's body is smaller; dumps never travel over HTTP.
_BODY_MAX = 16 * 1024 * 1024

Json = dict[str, Any]


class ApiError(Exception):
    """A refused request.

    Args:
        status: HTTP status.
        reason: Google's word for it (https://cloud.google.com/sql/docs/postgres/admin-api/error-messages).
        message: one line for the reader.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message

    def body(self) -> Json:
        detail = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [detail]}}


def invalid(message: str) -> ApiError:
    """The request itself is wrong."""
    return ApiError(400, "invalid", message)


@dataclass(frozen=True)
class Request:
    """One request; ``parts`` are the named parts of its path."""

    parts: Mapping[str, str]
    query: Mapping[str, str]
    data: bytes = field(repr=False)

    def json(self) -> Json:
        """The body as a JSON object; an empty body is an empty one."""
        try:
            found = json.loads(self.data or b"{}")
        except ValueError as error:
            raise ApiError(400, "parseError", "The body is not JSON.") from error
        if not isinstance(found, dict):
            raise ApiError(400, "parseError", "The body is not a JSON object.")
        return found


@dataclass(frozen=True)
class Route:
    """A method and a path with parts such as ``{name}`` (or ``{name*}``, which takes slashes as well), and who answers."""

    method: str
    path: str
    answer: Callable[[Request], Json | bytes]

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        pattern = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path))
        found = re.fullmatch(pattern, path) if method == self.method else None
        return {key: unquote(value) for key, value in found.groupdict().items()} if found else None


def serve(address: str, port: int, routes: Sequence[Route]) -> ThreadingHTTPServer:
    """A server with these routes, bound and not yet serving."""

    class Handler(_Handler):
        table = tuple(routes)

    return ThreadingHTTPServer((address, port), Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    table: tuple[Route, ...] = ()

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # the names that http.server calls

    def _serve(self) -> None:
        try:
            status, answer = 200, self._answer()
        except ApiError as error:
            status, answer = error.status, error.body()
        except Exception:
            traceback.print_exc()  # what the handlers raise quotes no secret: psycopg's errors hold no statement
            status, answer = (
                500,
                ApiError(500, "backendError", "A fault in the sandbox's API; its log says more.").body(),
            )
        self._send(status, answer)

    def _answer(self) -> Json | bytes:
        target = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > _BODY_MAX:
            self.close_connection = True
            raise ApiError(413, "uploadTooLarge", f"The body has {length} bytes; the most is {_BODY_MAX}.")
        data = self.rfile.read(length)
        for route in self.table:
            parts = route.match(self.command, target.path)
            if parts is not None:
                return route.answer(Request(parts, dict(parse_qsl(target.query, keep_blank_values=True)), data))
        raise ApiError(404, "notFound", f"There is no method {self.command} {target.path} here.")

    def _send(self, status: int, answer: Json | bytes) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if isinstance(answer, dict) else "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        print(self.log_date_time_string(), self.command, urlsplit(self.path).path, code, file=sys.stdout, flush=True)

    def log_message(self, format: str, *_: object) -> None:
        """Nothing: what http.server has to say of a broken connection helps nobody."""
