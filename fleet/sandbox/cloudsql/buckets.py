"""Cloud Storage as a folder: takes bucket and object names, gives files and their metadata, never a path outside of it."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from fleet.sandbox.cloudsql.http import ApiError, Json, Request, invalid

# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][-a-z0-9_.]{1,61}[a-z0-9]")
_PARTIAL = ".partial"  # no bucket has such a name


class Buckets:
    """All buckets below ``root``, a folder each. Buckets are made by hand: the API makes none."""

    def __init__(self, root: Path) -> None:
        self._root = root
        (root / _PARTIAL).mkdir(parents=True, exist_ok=True, mode=0o700)

    def clean(self) -> None:
        """Delete what a killed server left half-written."""
        for path in (self._root / _PARTIAL).iterdir():
            path.unlink()

    def path(self, uri: str) -> Path:
        """File of ``gs://bucket/object``, whether it exists or not.

        Raises:
            ApiError: the URI is wrong, or there is no such bucket.
        """
        parts = urlsplit(uri)
        if parts.scheme != "gs" or parts.query or parts.fragment:
            raise invalid(f"`{uri}` is no address of Cloud Storage (gs://bucket/object).")
        return self._file(parts.netloc, parts.path.removeprefix("/"))

    @contextmanager
    def writing(self, target: Path) -> Iterator[Path]:
        """A file to write to, which becomes ``target`` when all went well: an object is there whole or not at all."""
        handle, name = tempfile.mkstemp(dir=self._root / _PARTIAL)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def get(self, request: Request) -> Json | bytes:
        """objects.get: metadata, or with ``alt=media`` the content."""
        bucket, name = request.parts["bucket"], request.parts["object"]
        path = self._file(bucket, name)
        if not path.is_file():
            raise ApiError(404, "notFound", f"No such object: {bucket}/{name}")
        return path.read_bytes() if request.query.get("alt") == "media" else _metadata(bucket, name, path)

    def index(self, request: Request) -> Json:
        """objects.list, in one page."""
        bucket, prefix = request.parts["bucket"], request.query.get("prefix", "")
        root = self._bucket(bucket)
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        named = [(path.relative_to(root).as_posix(), path) for path in paths]
        items = [_metadata(bucket, name, path) for name, path in named if name.startswith(prefix)]
        return {"kind": "storage#objects", "items": items}

    def insert(self, request: Request) -> Json:
        """objects.insert with ``uploadType=media``."""
        bucket, name = request.parts["bucket"], request.query.get("name", "")
        if request.query.get("uploadType") != "media":
            raise invalid("The sandbox takes uploadType=media only.")
        path = self._file(bucket, name)
        if request.query.get("ifGenerationMatch") == "0" and path.exists():
            raise ApiError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
        with self.writing(path) as temporary:
            temporary.write_bytes(request.data)
        return _metadata(bucket, name, path)

    def delete(self, request: Request) -> bytes:
        """objects.delete."""
        bucket, name = request.parts["bucket"], request.parts["object"]
        path = self._file(bucket, name)
        if not path.is_file():
            raise ApiError(404, "notFound", f"No such object: {bucket}/{name}")
        path.unlink()
        return b""

    def _file(self, bucket: str, name: str) -> Path:
        parts = name.split("/")
        if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
            raise invalid(f"`{name}` is a name that the sandbox's folder cannot hold.")
        return self._bucket(bucket).joinpath(*parts)

    def _bucket(self, name: str) -> Path:
        folder = self._root / name
        if not _BUCKET.fullmatch(name) or not folder.is_dir():
            raise ApiError(404, "notFound", "The specified bucket does not exist.")
        return folder


def _metadata(bucket: str, name: str, path: Path) -> Json:
    status = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "md5").digest()  # Cloud Storage's own choice, against accidents
    moment = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "kind": "storage#object", "bucket": bucket, "name": name, "size": str(status.st_size),
        # Every writing makes a new file, and so a new generation; in microseconds, as Google's are.
        "generation": str(status.st_mtime_ns // 1000), "md5Hash": base64.b64encode(digest).decode(),
        "timeCreated": moment, "updated": moment,
    }  # fmt: skip
