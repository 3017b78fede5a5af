"""Terraform's failures: takes how a run ended, gives an error that says what to do, never runs anything."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.drivers.process import Finished
from fleet.errors import FleetError

# Two workspaces made at once, two grants at once (facts of the design), a server that is going or coming.
_PASSING = (
    "Already locked for workspace creation",
    "tuple concurrently updated",
    "connection refused",
    "connection reset by peer",
    "the database system is",  # starting up, shutting down, in recovery mode
    "terminating connection due to administrator command",
    "500 Internal Server Error",  # what Keycloak answers while its own database is away
    "503 Service Unavailable",
)


def explained(
    command: str, finished: Finished, diagnostics: Sequence[Mapping[str, Any]], directory: Path
) -> FleetError:
    """The first error of a run.

    Args:
        diagnostics: Terraform's own, of severity error, as its JSON events have them.
        directory: the stack's working directory.
    """
    if not diagnostics:
        words = (finished.stderr or finished.stdout).decode(errors="replace").strip()
        return FleetError(f"terraform {command} ended with status {finished.returncode}: {words[-2000:]}")
    first, more = diagnostics[0], f" (and {len(diagnostics) - 1} more)" if len(diagnostics) > 1 else ""
    detail = str(first.get("detail", ""))
    hint = " ".join(detail.split())
    if "state lock" in first["summary"]:
        hint = _unlock(detail, directory)
    elif "already exists" in first["summary"] + detail:
        hint = _NOT_OURS
    return FleetError(f"terraform {command}: {first['summary']}{more}", hint=hint)


_NOT_OURS = (
    "Terraform's state does not know it: it is somebody else's, or Terraform itself was killed before it wrote its state; "
    "look whose it is, remove it or choose another name, then run the same command again"
)


def _unlock(detail: str, directory: Path) -> str:
    """Who holds a state, and how to free it: a bucket keeps the lock of a run that was killed, PostgreSQL does not."""
    info = dict(re.findall(r"^\s*(ID|Path|Who|Created):\s*(\S.*?)\s*$", detail, re.MULTILINE))
    if "ID" not in info:
        return " ".join(detail.split())
    unlock = f"terraform -chdir={shlex.quote(str(directory))} force-unlock {info['ID']}"
    return (
        f"held by {info.get('Who', 'somebody')} since {info.get('Created', 'an unknown time')}; only if that run is dead: "
        f"`TF_WORKSPACE=<instance> {unlock}`, then run the same command again"
    )


def passes(error: BaseException) -> bool:
    """Whether a fault passes by itself."""
    words = str(error) + getattr(error, "hint", "")
    return any(passing in words for passing in _PASSING)
