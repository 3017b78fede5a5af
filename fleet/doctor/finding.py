"""What an examination finds: takes nothing, gives the type that all examiners return, never examines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from fleet.errors import FleetError, FleetErrors

Area = Literal["machine", "cluster", "platform", "fleet"]
Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: what was looked at, in a word or two.
        what: how it is, in one line and without a secret.
        mend: the command, or the deed, that mends it; empty where nothing needs mending.
    """

    area: Area
    check: str
    verdict: Verdict
    what: str
    mend: str = ""


async def guarded(area: Area, check: str, look: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """What ``look`` finds; where it stumbles, the stumbling is the finding."""
    try:
        return await look()
    except FleetError as error:
        return failures(area, check, error)


def failures(area: Area, check: str, error: FleetError) -> list[Finding]:
    """An error, or each of several, as findings."""
    errors = error.errors if isinstance(error, FleetErrors) else (error,)
    return [Finding(area, check, "fail", str(each), each.hint) for each in errors]
