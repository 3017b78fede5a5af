"""Which backups are kept: takes the names of what lies in an instance's folder, gives those that may go, never deletes one.

Only names that `fleet backup` gives are looked at: a moment, and `.sql.gz` for the dump or `.proof.json` for its proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from fleet import proof

# A backup that is under way has no proof yet. None takes as long as this (`OPERATION_SECONDS` of Cloud SQL's driver).
_UNPROVEN = timedelta(days=1)
_MOMENT = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(rf"(\d{{8}}T\d{{6}}Z)({re.escape(proof.DUMP_END)}|{re.escape(proof.PROOF_END)})")


def name(moment: datetime) -> str:
    """A dump's name, without its folder."""
    return f"{moment:{_MOMENT}}{proof.DUMP_END}"


def superfluous(folder: str, uris: Iterable[str], keep: int, now: datetime) -> list[str]:
    """Objects that may go, in the order in which to delete them: a proof goes before its dump, so that none speaks of nothing.

    Args:
        folder: the instance's own, with a slash at its end.
        keep: how many of the newest proven dumps stay; at least one.
    """
    ends: dict[str, set[str]] = {}
    for uri in uris:
        if uri.startswith(folder) and (found := _NAME.fullmatch(uri.removeprefix(folder))):
            ends.setdefault(found[1], set()).add(found[2])
    proven = sorted(moment for moment, both in ends.items() if len(both) == 2)
    going = {*proven[: -max(keep, 1)], *(moment for moment in ends if moment not in proven and _old(moment, now))}
    return [f"{folder}{moment}{end}" for moment in sorted(going) for end in sorted(ends[moment])]


def _old(moment: str, now: datetime) -> bool:
    try:
        return now - datetime.strptime(moment, _MOMENT).replace(tzinfo=UTC) > _UNPROVEN
    except ValueError:
        return False  # digits that are no moment: not fleet's
