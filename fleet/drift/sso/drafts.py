"""A finding before it is known who did it: takes what differs, gives it with the place by which Keycloak's events name it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fleet.drift.finding import Finding, Kind, shown
from fleet.drift.mend import Administer, Mend


@dataclass(frozen=True)
class Draft:
    """A finding, and the path of what was changed, as admin events have it."""

    finding: Finding
    place: str = ""


def draft(
    kind: Kind, team: str, address: str, field: str = "", *, expected: Any = "", found: Any = "",
    twins: tuple[str, ...] = (), mend: Mend | None = None, remedy: str = "", place: str = "",
) -> Draft:  # fmt: skip
    """Values shown as reports show them; empty stays empty."""
    return Draft(
        Finding(kind, team, address, field, _shown(expected), _shown(found), twins=twins, mend=mend, remedy=remedy),
        place,
    )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def known(drafted: Draft, who: str, when: str) -> Finding:
    """The finding, with who did it and when."""
    return replace(drafted.finding, who=who, when=when)


def delete(path: str, what: str, body: Any = None) -> Administer:
    """The mend that takes away what was added by hand."""
    return Administer("DELETE", path, body, what)


def role_body(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How Keycloak wants a role named."""
    return [{"id": role["id"], "name": role["name"]}]
