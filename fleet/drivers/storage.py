"""Talks to Cloud Storage: takes objects' addresses, gives their metadata and small contents, never a dump's content.

Plain requests to the JSON API (https://cloud.google.com/storage/docs/json_api/v1): five methods do not need a library.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential

from fleet.drivers import google
from fleet.errors import FleetError

_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class StoredObject:
    """An object as it lies there."""

    uri: str
    generation: str  # changes with every writing
    digest: str  # `md5:<hex>`, or `crc32c:<base64>` where Cloud Storage has no MD5 (composed objects)
    size: int  # bytes


@dataclass(frozen=True)
class Storage:
    """Cloud Storage behind one endpoint."""

    endpoint: str

    async def find(self, uri: str) -> StoredObject | None:
        """An object's metadata, or None where there is none."""
        response = await self._request("GET", _path(uri))
        return None if response.status_code == 404 else _object(self._checked(response, uri).json())

    async def read(self, uri: str) -> bytes | None:
        """A small object's content, or None where there is none."""
        response = await self._request("GET", _path(uri), {"alt": "media"})
        return None if response.status_code == 404 else bytes(self._checked(response, uri).content)

    async def write(self, uri: str, content: bytes) -> None:
        """Make a small object."""
        bucket, name = _split(uri)
        query = {"uploadType": "media", "name": name}
        response = await self._request("POST", f"/upload/storage/v1/b/{quote(bucket)}/o", query, content)
        self._checked(response, uri)

    async def delete(self, uri: str) -> None:
        """Delete an object; one that is gone already is no fault."""
        response = await self._request("DELETE", _path(uri))
        if response.status_code != 404:
            self._checked(response, uri)

    async def list(self, uri: str) -> list[StoredObject]:
        """All objects whose address begins with ``uri``, by name."""
        bucket, prefix = _split(uri)
        found: list[StoredObject] = []
        query = {"prefix": prefix}
        while True:
            page = self._checked(await self._request("GET", f"/storage/v1/b/{quote(bucket)}/o", query), uri).json()
            found += [_object(item) for item in page.get("items", [])]
            if not page.get("nextPageToken"):
                return sorted(found, key=lambda each: each.uri)
            query["pageToken"] = page["nextPageToken"]

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> Any:
        faults = await asyncio.to_thread(google.passing_faults)

        def once() -> Any:
            url = f"{self.endpoint}{path}"
            return self._session.request(method, url, params=query, data=data, timeout=_TIMEOUT_SECONDS)

        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception(lambda error: isinstance(error, faults)), stop=stop_after_attempt(6),
                wait=wait_exponential(multiplier=0.5, max=8), reraise=True,
            ):  # fmt: skip
                with attempt:
                    return await asyncio.to_thread(once)
        except faults as error:
            raise FleetError(
                f"Cloud Storage: {self.endpoint} does not answer ({type(error).__name__})",
                hint="start it (`fleet sandbox up`), or correct `platform.database.cloud_sql.storage_api`",
            ) from error
        raise AssertionError("unreachable: tenacity returns or raises")

    def _checked(self, response: Any, uri: str) -> Any:
        if response.status_code < 400:
            return response
        try:
            said = str(response.json()["error"]["message"])
        except (ValueError, KeyError, TypeError):
            said = f"HTTP status {response.status_code}"
        raise FleetError(
            f"Cloud Storage: {said}", where=uri, hint="`platform.database.cloud_sql.bucket` names the bucket"
        )

    @cached_property
    def _session(self) -> Any:
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(google.credentials(self.endpoint))  # type: ignore[no-untyped-call]


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    if parts.scheme != "gs" or not parts.netloc:
        raise FleetError(f"`{uri}` is no address of Cloud Storage", hint="gs://bucket/object")
    return parts.netloc, parts.path.removeprefix("/")


def _path(uri: str) -> str:
    bucket, name = _split(uri)
    return f"/storage/v1/b/{quote(bucket)}/o/{quote(name, safe='')}"


def _object(item: Mapping[str, Any]) -> StoredObject:
    md5 = item.get("md5Hash")
    digest = f"md5:{base64.b64decode(md5).hex()}" if md5 else f"crc32c:{item.get('crc32c', '')}"
    uri = f"gs://{item['bucket']}/{item['name']}"
    return StoredObject(uri, str(item["generation"]), digest, int(item["size"]))
