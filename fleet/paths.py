"""Where things lie: takes a name, gives a path, never creates or reads anything."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def asset(name: str) -> Path:
    """Folder of shipped, non-Python files: ``terraform``, ``charts``, ``images`` or ``sandbox``.

    In a wheel they travel as package data under ``fleet/_assets``; in a checkout they are its top-level folders.
    """
    packaged = _PACKAGE / "_assets" / name
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


def cache_dir() -> Path:
    """``$XDG_CACHE_HOME/fleet`` (default ``~/.cache/fleet``): what can be built again, keyed by version."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def state_dir() -> Path:
    """``$XDG_STATE_HOME/fleet`` (default ``~/.local/state/fleet``): what this machine must remember between runs."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, default: str) -> Path:
    # The XDG base directory specification says that a relative path in these variables is to be ignored.
    value = os.environ.get(variable, "")
    base = Path(value) if Path(value).is_absolute() else Path.home() / default
    return base / "fleet"
