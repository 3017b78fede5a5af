"""The inventory: takes the path of a `tenants.yaml`, gives a typed `Document` or all of its errors, never looks at the world.

Importing this package is cheap: pydantic and PyYAML load with the first call.
"""

from __future__ import annotations

from pathlib import Path

from fleet.inventory.document import Document

__all__ = ["Document", "load"]


def load(path: Path) -> Document:
    """Read and check one `tenants.yaml`.

    Raises:
        FleetErrors: everything that is wrong with it, in the order of its lines, with exit code `REFUSED`.
    """
    from fleet.inventory.loading import parse
    from fleet.inventory.source import read

    return parse(read(path), path)
