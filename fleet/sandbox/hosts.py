"""The front's names on this machine: takes /etc/hosts, gives it a marked block of lines, and takes exactly that away again.

Browsers know by themselves that names below `localhost` are this machine; other programs ask here. A resolver knows no
wildcard, so only the platform's own names are there, not the instances'.
"""

from __future__ import annotations

import re
from pathlib import Path

from fleet.sandbox.layout import DOMAIN, SSO_HOST

_FILE = Path("/etc/hosts")
_BEGIN, _END = "# fleet-sandbox: begin", "# fleet-sandbox: end"
_BLOCK = re.compile(rf"^{_BEGIN}\n.*?^{_END}\n", re.MULTILINE | re.DOTALL)


def up(file: Path = _FILE) -> None:
    """Put the block at the end, unless it is there."""
    block = f"{_BEGIN}\n127.0.0.1 {DOMAIN} {SSO_HOST}\n{_END}\n"
    text = file.read_text()
    if block not in text:
        rest = _BLOCK.sub("", text)
        _write(file, rest + ("" if not rest or rest.endswith("\n") else "\n") + block)


def down(file: Path = _FILE) -> None:
    """Take the block away."""
    text = file.read_text()
    if _BLOCK.search(text):
        _write(file, _BLOCK.sub("", text))


def _write(file: Path, text: str) -> None:
    # In place: in a container the file is a mount of its own, over which nothing can be renamed.
    file.write_text(text)
