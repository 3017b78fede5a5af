"""Two hundred suspended teams, made once for all that is measured with them: takes nothing, gives rows."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import drift, upgrade
from tests.bench.measure import INSTANCES, Row
from tests.support.asleep import asleep
from tests.support.cloudsql import forget
from tests.support.sandbox import start


def rows() -> Iterator[Row]:
    """The look first: an upgrade changes what is looked at."""
    sandbox, teams = start(), [f"bench-{number:03d}" for number in range(INSTANCES)]
    try:
        with asleep(sandbox, *teams) as fleet:
            yield from drift.rows(fleet)
            yield from upgrade.rows(fleet)
    finally:
        for team in teams:
            forget(sandbox, team)
