"""What a look at a layer gives: findings of known kinds, and what could not be looked at. Values only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from fleet.drift.mend import Mend

# What `--layer` takes, in the order of the report.
Layer = Literal["terraform", "helm", "database", "sso", "orphans"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
# `info`: nothing is broken by it. `warning`: not as it was promised. `critical`: a wall is open, or something does not run.
Severity = Literal["info", "warning", "critical"]
_SHORT = 120  # characters of a value in a report


@dataclass(frozen=True)
class Kind:
    """A kind of finding: the reference (`docs/reference/drift.md`) is made from these.

    Args:
        name: `layer.what`, as reports and ignore rules have it.
        layer: the layer that tells it; `rules` for what is wrong with ignore rules.
        meaning: one sentence, without a full stop: what is no longer so.
        heals: how `--heal` puts it right; empty where it does not.
        remedy: what a person does, with `{team}` for the team's name; needed where ``heals`` is empty.
    """

    name: str
    layer: Layer | Literal["rules"]
    severity: Severity
    meaning: str
    heals: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as the inventory says.

    Args:
        team: the instance's name, or ``platform``.
        address: the thing itself: a Terraform address, `Deployment airflow-x/airflow-scheduler`, `role data_science`.
        field: what of it, as a path; empty where the thing itself is gone or was never declared.
        expected: how it should be, shown; empty where it should not be.
        found: how it is, shown; empty where it is not there. Secrets are masked before they get here.
        who: who did it, where the source tells (a field manager, an administrator of Keycloak).
        when: when, ISO 8601 in UTC, where the source tells.
        twins: `address|field` of Terraform's findings that tell the same, with the address below the team's module
            (`module.database.postgresql_role.this|connection_limit`); a field of `*` stands for all of them.
        mend: how `--heal` puts it right; None: it does not.
        remedy: what a person does instead; the kind's where empty.
        empties: an apply of the stack would destroy it, or make it anew and empty: nothing of that stack is applied again.
    """

    kind: Kind
    team: str
    address: str
    field: str = ""
    expected: str = ""
    found: str = ""
    who: str = ""
    when: str = ""
    twins: tuple[str, ...] = ()
    mend: Mend | None = None
    remedy: str = ""
    empties: bool = False

    @property
    def layer(self) -> str:
        """The layer that tells it."""
        return self.kind.layer

    @property
    def severity(self) -> Severity:
        """The kind's."""
        return self.kind.severity

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same finding at the next look, whatever was found."""
        return (self.team, self.kind.name, self.address, self.field)

    @property
    def place(self) -> str:
        """The thing and what of it, for a reader."""
        return f"{self.address} · {self.field}" if self.field else self.address

    @property
    def advice(self) -> str:
        """What to do about it, in a line."""
        if self.mend is not None:
            return f"fleet drift --heal --team {self.team}"
        return (self.remedy or self.kind.remedy).format(team=self.team)


@dataclass(frozen=True)
class Unseen:
    """Something that could not be looked at: an error of the report, never "no drift"."""

    layer: str
    what: str
    hint: str = ""
    team: str = ""  # empty: the whole layer


@dataclass(frozen=True)
class Looked:
    """What one layer gives."""

    findings: tuple[Finding, ...] = ()
    unseen: tuple[Unseen, ...] = field(default_factory=tuple)

    @classmethod
    def of(cls, findings: Iterable[Finding], unseen: Iterable[Unseen] = ()) -> Looked:
        """From whatever gives them one by one."""
        return cls(tuple(findings), tuple(unseen))


def shown(value: Any) -> str:
    """A value for a report: in a line, and not endlessly long."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    text = text.replace("\n", "\\n")
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
