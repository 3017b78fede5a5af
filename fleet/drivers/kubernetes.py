"""Talks to one Kubernetes API server: takes paths and manifests, gives plain JSON objects, never decides.

The official client does the connection: kubeconfig, TLS, credential plug-ins, pooling. Its typed models are left out: they
cost more to build than the request itself, and fleet reads few fields (ADR 0008).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from fleet import __version__
from fleet.drivers import tools
from fleet.errors import ExitCode, FleetError

Manifest = dict[str, Any]
Body = Manifest | list[Manifest]  # a JSON patch is a list
T = TypeVar("T")

FIELD_MANAGER = "fleet"
# Named as a context, it stands for the account of the pod that this runs in; nothing falls back to it unnamed.
IN_CLUSTER = "in-cluster"
# One request; a LIST of 1,000 namespaces takes well under a second.
_TIMEOUT_SECONDS = (5.0, 60.0)
_PAGE = 500  # objects per page of a LIST, as kubectl has it
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class Answer:
    """What a Service answered."""

    status: int
    location: str
    text: str


class ApiError(FleetError):
    """The API server refused a request.

    Args:
        status: HTTP status.
    """

    def __init__(self, status: int, what: str) -> None:
        super().__init__(f"Kubernetes: {what}", hint=_HINTS.get(status, ""))
        self.status = status


class _Passing(Exception):
    """A fault that passes by itself: no connection, or the server is busy."""


_HINTS = {
    401: "the credentials of this kubeconfig context are refused: sign in again",
    403: "this kubeconfig context lacks the right to do so",
}


def core(kind: str, namespace: str = "", name: str = "") -> str:
    """Path of objects of the core group, for example ``core("secrets", "fleet-system", "keys-marketing")``."""
    return _path("/api/v1", kind, namespace, name)


def group(api: str, kind: str, namespace: str = "", name: str = "") -> str:
    """Path of objects of a named group, for example ``group("apps/v1", "deployments")``."""
    return _path(f"/apis/{api}", kind, namespace, name)


def _path(root: str, kind: str, namespace: str, name: str) -> str:
    parts = [root, *(["namespaces", namespace] if namespace else []), kind, *([name] if name else [])]
    return "/".join(parts)


class Cluster:
    """One cluster, by kubeconfig context.

    Raises:
        FleetError: there is no such context.
    """

    def __init__(self, context: str) -> None:
        from kubernetes import config

        self.context = context
        try:
            self._api = _client(context)
        except config.ConfigException as error:
            raise FleetError(
                f"there is no Kubernetes context `{context}`: {error}",
                hint="`fleet sandbox up` makes `fleet-sandbox`; `kubectl config get-contexts` lists the others",
                exit_code=ExitCode.REFUSED,
            ) from error
        # Who did it, for the API server's audit log; the process is part of the run's name in `fleet history`.
        self._api.user_agent = f"fleet/{__version__} (process {os.getpid()})"

    async def list(
        self, path: str, *, labels: str = "", fields: str = "", metadata_only: bool = False
    ) -> list[Manifest]:
        """All objects below ``path``, page by page.

        Args:
            labels: label selector.
            fields: field selector.
            metadata_only: leave out everything but `metadata` (what Secrets hold is then never read).
        """
        items: list[Manifest] = []
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        query = {"limit": str(_PAGE), **{key: value for key, value in selectors.items() if value}}
        accept = _METADATA_ONLY if metadata_only else "application/json"
        while True:
            page = await self._json("GET", path, query=query, accept=accept)
            items += page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                return items
            query["continue"] = token

    async def get(self, path: str) -> Manifest | None:
        """One object, or None where there is none."""
        try:
            return await self._json("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def create(self, path: str, manifest: Manifest, *, dry_run: bool = False) -> bool:
        """Create an object; False where one of its name exists already (which is left alone).

        Args:
            dry_run: let the API server check it and keep nothing.
        """
        try:
            await self._json("POST", path, body=manifest, query={"dryRun": "All"} if dry_run else None)
        except ApiError as error:
            if error.status == 409:
                return False
            raise
        return True

    async def ask(self, path: str, review: Manifest) -> Manifest:
        """What the API server answers to an object that is a question and is not kept (the reviews of authorization.k8s.io)."""
        return await self._json("POST", path, body=review)

    async def apply(self, path: str, manifest: Manifest) -> Manifest:
        """Server-side apply: create the object or make our fields of it so. ``path`` names the object."""
        return await self._json(
            "PATCH", path, body=manifest, query={"fieldManager": FIELD_MANAGER, "force": "true"},
            content_type="application/apply-patch+yaml",
        )  # fmt: skip

    async def would_be(self, path: str, manifest: Manifest, manager: str) -> Manifest:
        """What an object would be if ``manager`` made these fields of it so; nothing is kept."""
        return await self._json(
            "PATCH", path, body=manifest, query={"fieldManager": manager, "force": "true", "dryRun": "All"},
            content_type="application/apply-patch+yaml",
        )  # fmt: skip

    async def warnings(self, path: str, change: Manifest) -> tuple[str, ...]:
        """What the API server warns of at a change, which is not made."""

        def once() -> tuple[str, ...]:
            form = "application/merge-patch+json"
            response = self._open("PATCH", path, {"dryRun": "All"}, change, "application/json", form, _TIMEOUT_SECONDS)
            data: bytes = response.read() or b""
            if response.status >= 400:
                raise ApiError(response.status, _message(response.status, data))
            # RFC 7234, 5.5: code, agent, text in quotes.
            found = re.findall(r'299 \S+ "((?:[^"\\]|\\.)*)"', response.getheader("Warning") or "")
            return tuple(each.replace('\\"', '"') for each in found)

        return await _patiently(once, self.context)

    async def patch(self, path: str, change: Manifest) -> Manifest:
        """Change some fields and own none (merge patch, RFC 7396): None removes a key."""
        return await self._json("PATCH", path, body=change, content_type="application/merge-patch+json")

    async def json_patch(self, path: str, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """Change some fields of an object by JSON patch (RFC 6902), all or none.

        Raises:
            ApiError: an operation does not fit the object as it is now (422), or there is none (404).
        """
        body = [dict(each) for each in operations]
        return await self._json("PATCH", path, body=body, content_type="application/json-patch+json")

    async def replace(self, path: str, manifest: Manifest) -> Manifest:
        """Put an object in the place of the version that ``manifest`` names; 409 if there is a newer one."""
        return await self._json("PUT", path, body=manifest)

    async def delete(self, path: str) -> bool:
        """Delete an object and, in the background, what it owns; False where there is none."""
        try:
            await self._json("DELETE", path, query={"propagationPolicy": "Background"})
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def text(self, path: str, **query: str) -> str:
        """What a path answers, as text: a pod's log, or a Service through the API server's proxy."""
        return (await self._request("GET", path, query=query)).decode(errors="replace")

    async def answer(self, path: str) -> Answer:
        """What a Service answers through the API server's proxy, whatever it is; a redirect is not followed.

        Raises:
            FleetError: the API server itself does not answer.
        """

        def once() -> Answer:
            request = self._api.param_serialize("GET", path, auth_settings=["BearerToken"])
            with self._reaching():
                pool = self._api.rest_client.pool_manager  # the client itself would follow
                got = pool.request("GET", request[1], headers=request[2], redirect=False, timeout=_TIMEOUT_SECONDS[1])
            return Answer(got.status, got.headers.get("Location", ""), got.data.decode(errors="replace"))

        return await _patiently(once, self.context)

    async def follow(self, path: str, **query: str) -> AsyncIterator[str]:
        """The lines of a path that goes on answering (a followed log), as they come."""
        response = await asyncio.to_thread(self._open, "GET", path, query, None, "application/json", "", (5.0, None))
        try:
            lines = iter(response.response)
            while (line := await asyncio.to_thread(next, lines, None)) is not None:
                yield line.decode(errors="replace").rstrip("\n")
        finally:
            # Its thread may wait for a line for hours, and the program's end would wait for the thread.
            with suppress(RuntimeError):  # the answer came to its end
                response.response.shutdown()

    async def _json(
        self, method: str, path: str, *, body: Body | None = None, query: Mapping[str, str] | None = None,
        accept: str = "application/json", content_type: str = "application/json",
    ) -> Manifest:  # fmt: skip
        data = await self._request(method, path, query=query or {}, body=body, accept=accept, content_type=content_type)
        answer: Manifest = json.loads(data)
        return answer

    async def _request(
        self, method: str, path: str, *, query: Mapping[str, str], body: Body | None = None,
        accept: str = "application/json", content_type: str = "application/json",
    ) -> bytes:  # fmt: skip
        def once() -> bytes:
            response = self._open(method, path, query, body, accept, content_type, _TIMEOUT_SECONDS)
            data: bytes = response.read() or b""
            if response.status == 429 or response.status >= 500:
                raise _Passing(_message(response.status, data))
            if response.status >= 400:
                raise ApiError(response.status, _message(response.status, data))
            return data

        return await _patiently(once, self.context)

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Body | None,
        accept: str,
        content_type: str,
        timeout: tuple[float, float | None],
    ) -> Any:
        request = self._api.param_serialize(
            method, path, query_params=list(query.items()), auth_settings=["BearerToken"],
            header_params={"Accept": accept, **({"Content-Type": content_type} if body is not None else {})},
            # An apply patch is YAML, which JSON is; the client passes a string through as it is.
            body=json.dumps(body) if content_type.endswith("yaml") else body,
        )  # fmt: skip
        with self._reaching():
            return self._api.call_api(*request, _request_timeout=timeout)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        import urllib3

        try:
            yield
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _Passing(f"{self._api.configuration.host} does not answer ({type(error).__name__})") from error


def _client(context: str) -> Any:
    from kubernetes import client, config

    if context == IN_CLUSTER:
        settings = client.Configuration()
        config.load_incluster_config(settings)
        return client.ApiClient(settings)
    file = tools.kubeconfig(context)
    return config.new_client_from_config(config_file=str(file) if file else None, context=context)


async def _patiently(call: Callable[[], T], context: str) -> T:
    """Call in a thread; try again while the fault is one that passes: seven times, over at least 30 s."""
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(_Passing), stop=stop_after_attempt(7),
            wait=wait_exponential(multiplier=0.5, max=8), reraise=True,
        ):  # fmt: skip
            with attempt:
                return await asyncio.to_thread(call)
    except _Passing as error:
        raise FleetError(
            f"Kubernetes: {error}",
            where=context,
            hint="start the cluster (`fleet sandbox up`), or correct `kubernetes.context`",
        ) from error
    raise AssertionError("unreachable: tenacity returns or raises")


def _message(status: int, data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {status}"
