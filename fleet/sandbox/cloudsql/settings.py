"""What the API server is told at its start: takes a JSON file, gives typed settings, never a password (libpq reads it from
PGPASSWORD by itself)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

# Answers 200 when the server serves; no path of Google's.
READY = "/readyz"


@dataclass(frozen=True)
class Settings:
    """Where the server listens and works.

    ``programs`` holds pg_dump, psql and pg_restore. ``owner`` owns the databases that the API makes, as `cloudsqlsuperuser`
    does on Google. ``protected`` databases and users are the sandbox's own. ``data`` keeps operations and backups,
    ``buckets`` a folder for each bucket. ``code`` changes with the server's code, so that `up` restarts it.
    """

    address: str
    port: int
    project: str
    instance: str
    database_port: int
    superuser: str
    owner: str
    protected: tuple[str, ...]
    programs: str
    data: str
    buckets: str
    code: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def text(self) -> str:
        """The JSON that :func:`load` reads."""
        return json.dumps(asdict(self), indent=2)


def load(path: Path) -> Settings:
    """The settings in a file that :meth:`Settings.text` wrote."""
    data = json.loads(path.read_text())
    return Settings(**{**data, "protected": tuple(data["protected"])})
