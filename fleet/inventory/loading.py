"""From bytes to a document: takes a file's content, gives a `Document` or all of its errors, never reads a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fleet.inventory import checks, shape
from fleet.inventory.document import Document
from fleet.inventory.plain import Reader
from fleet.inventory.problems import refuse_all
from fleet.inventory.source import decode
from fleet.inventory.yamltext import compose


def parse(content: bytes, path: Path) -> Document:
    """The checked inventory in `content`.

    Raises:
        FleetErrors: everything that is wrong with it; what is no YAML at all stops at the first fault.
    """
    read = Reader(compose(decode(content, str(path)), str(path)))
    inventory = shape.check(read.data)
    problems = [*read.problems, *(inventory if isinstance(inventory, list) else []), *checks.check(read.data)]
    if problems or isinstance(inventory, list):
        raise refuse_all(str(path), problems, read.lines)
    return Document(path, inventory, hashlib.sha256(content).hexdigest(), read.lines)
