"""From bytes to a document: takes a file's content, gives a `Document` or all of its errors, never reads a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fleet.inventory import checks, shape
from fleet.inventory.document import Document, Keys
from fleet.inventory.plain import Reader
from fleet.inventory.problems import Problem, refuse_all
from fleet.inventory.source import decode
from fleet.inventory.yamltext import compose
from fleet.model import Inventory


def parse(content: bytes, path: Path) -> Document:
    """The checked inventory in `content`.

    Raises:
        FleetErrors: everything that is wrong with it; what is no YAML at all stops at the first fault.
    """
    read = plain(decode(content, str(path)), path)
    inventory = typed(read.data, path, read.lines, read.problems)
    return Document(path, inventory, hashlib.sha256(content).hexdigest(), read.lines)


def plain(text: str, path: Path) -> Reader:
    """The plain data in `text`, with its lines and problems.

    Raises:
        FleetErrors: it is no YAML, or of a kind that no inventory is.
    """
    return Reader(compose(text, str(path)))


def typed(data: dict[str, Any], path: Path, lines: Mapping[Keys, int], found: Iterable[Problem] = ()) -> Inventory:
    """The typed inventory.

    Raises:
        FleetErrors: everything that is wrong with `data`, together with what was found before.
    """
    inventory = shape.check(data)
    misfits = inventory if isinstance(inventory, list) else []
    problems = [*found, *misfits, *checks.check(data)]
    if problems or isinstance(inventory, list):
        raise refuse_all(str(path), problems, lines)
    return inventory
