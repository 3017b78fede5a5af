"""Configuration files: takes a template of sandbox/config and values, gives a written file, never a half-written one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fleet.paths import asset


def render(template: str, **values: object) -> str:
    """Text of ``sandbox/config/<template>.j2``; an unknown name in it is an error."""
    return _environment().get_template(f"{template}.j2").render(**values)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """Put the text at ``path`` unless it is there already; atomically, so that a reader sees old or new."""
    if path.is_file() and path.read_text() == text:
        path.chmod(mode)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    temporary.replace(path)
    return path


@cache
def _environment() -> Environment:
    # These are configuration files, not HTML: escaping would break them.
    return Environment(
        loader=FileSystemLoader(asset("sandbox") / "config"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )
