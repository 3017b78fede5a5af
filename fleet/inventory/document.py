"""The loaded inventory: takes what `load` found, gives the typed inventory and the line of each key, never reads again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.model import Inventory

Key = str | int
Keys = tuple[Key, ...]


def nearest_line(lines: Mapping[Keys, int], keys: Keys) -> int:
    """Line (from 1) of the key path, or of its nearest parent that is in the file."""
    while keys and keys not in lines:
        keys = keys[:-1]
    return lines.get(keys, 1)


@dataclass(frozen=True)
class Document:
    """One checked `tenants.yaml`."""

    path: Path
    inventory: Inventory
    digest: str
    """SHA-256 of the bytes that were read: an edit refuses when the file is no longer these."""
    lines: Mapping[Keys, int] = field(repr=False)
    """Line of each key and list item, from 1; the path of a list item ends in its index."""

    def where(self, *keys: Key) -> str:
        """`tenants.yaml:14`: the line of a key path, say `where("teams", "marketing", "size")`.

        A key that the file does not have gives the line of its nearest parent.
        """
        return f"{self.path}:{nearest_line(self.lines, keys)}"
