"""Texts for the inventory's tests: a valid head, and ways to load what stands in a string."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fleet.errors import FleetError, FleetErrors
from fleet.inventory import Document, load

HEAD = """\
version: 1
platform:
  domain: airflow.example.com
  kubernetes: {context: production}
  database: {host: 10.0.0.3}
  sso: {url: "https://sso.example.com"}
"""


def load_text(text: str | bytes) -> Document:
    """Load the text as `tenants.yaml`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tenants.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path)


def errors_of(text: str | bytes) -> list[FleetError]:
    """The errors that the text is refused with; none when it is valid."""
    try:
        load_text(text)
    except FleetErrors as error:
        return list(error.errors)
    return []


def line_of(error: FleetError) -> int | None:
    """The line in `…/tenants.yaml:14`."""
    place = error.where.rpartition("tenants.yaml")[2]
    return int(place.removeprefix(":")) if place else None
