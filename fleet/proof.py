"""The proof of a backup: takes row counts, gives what differs and the proof in writing, never counts a row itself.

A dump is proven when it was restored into an empty database and every table there had as many rows as the source.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fleet.errors import FleetError

Counts = Mapping[str, int]  # `schema.table` → exact number of rows

DUMP_END = ".sql.gz"
PROOF_END = ".proof.json"


@dataclass(frozen=True)
class Proof:
    """What was proven of one dump; kept beside it as JSON."""

    instance: str
    database: str
    dump: str  # gs://bucket/object
    generation: str  # Cloud Storage's, of the object that was proven
    digest: str  # `md5:…` or `crc32c:…`, likewise
    size: int  # bytes
    begun: str  # ISO 8601, UTC: the source was counted, then exported
    proven: str  # ISO 8601, UTC: the restored tables were counted
    quiet: bool  # Airflow was stopped meanwhile, and nothing moved
    keys: str  # fingerprint of the Fernet key without which the dump's connections cannot be read
    tables: Counts  # as restored
    moved: Mapping[str, tuple[int, int]]  # tables that a running Airflow wrote to meanwhile: rows before and after

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(self.tables.values())

    def text(self) -> str:
        """The proof as JSON."""
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    def summary(self) -> dict[str, Any]:
        """All but the single tables: what the cluster remembers of the newest backup."""
        return {**asdict(self), "tables": len(self.tables), "rows": self.rows, "moved": len(self.moved)}


def read(text: bytes, where: str) -> Proof:
    """The proof in writing.

    Raises:
        FleetError: it is none.
    """
    try:
        data = json.loads(text)
        moved = {name: (int(before), int(after)) for name, (before, after) in data["moved"].items()}
        tables = {str(name): int(rows) for name, rows in data["tables"].items()}
        return Proof(**{**data, "moved": moved, "tables": tables})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FleetError(f"this is no proof of a backup ({type(error).__name__})", where=where) from error


def beside(dump: str) -> str:
    """Address of a dump's proof."""
    return dump.removesuffix(DUMP_END) + PROOF_END


def moved(before: Counts, after: Counts) -> dict[str, tuple[int, int]]:
    """Tables whose number of rows changed between two counts; a table that is not there has none."""
    names = sorted(before.keys() | after.keys())
    pairs = {name: (before.get(name, 0), after.get(name, 0)) for name in names}
    gone_or_new = before.keys() ^ after.keys()
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] or name in gone_or_new}


def differences(before: Counts, after: Counts, restored: Counts) -> list[str]:
    """What tells the restored tables from the source; nothing when they agree.

    Args:
        before: the source, counted before the dump.
        after: the source, counted after it. A table that grew or shrank meanwhile may have any number in between.
        restored: the dump, restored.
    """
    found = []
    for name in sorted(before.keys() | after.keys() | restored.keys()):
        low, high = sorted((before.get(name, 0), after.get(name, 0)))
        if name not in restored:
            if name in before and name in after:
                found.append(f"{name}: missing")
        elif name not in before and name not in after:
            found.append(f"{name}: not in the source")
        elif not low <= restored[name] <= high:
            expected = str(low) if low == high else f"{low} to {high}"
            found.append(f"{name}: {restored[name]} rows, not {expected}")
    return found
