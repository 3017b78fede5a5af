"""Ignore rules: takes findings and the inventory's `drift.ignore`, gives what is left and what the rules themselves are
worth, never forgets one that has ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from fleet.diff import PLATFORM
from fleet.drift.finding import LAYERS, Finding, Kind
from fleet.model import IgnoreRule

_REMEDY = "edit `drift.ignore` in the inventory"
EXPIRED = Kind(
    "rules.expired", "rules", "warning", "an ignore rule has ended; what it hid is told again", remedy=_REMEDY
)
UNUSED = Kind("rules.unused", "rules", "info", "an ignore rule hides nothing", remedy=_REMEDY)
KINDS = (EXPIRED, UNUSED)


@dataclass(frozen=True)
class Ignored:
    """A finding that a rule hides."""

    finding: Finding
    rule: IgnoreRule


def sift(
    findings: Iterable[Finding], rules: Sequence[IgnoreRule], today: date, layers: Collection[str], whole: bool
) -> tuple[list[Finding], list[Ignored]]:
    """Findings that stand, with those about the rules; and findings that a rule hides.

    Args:
        today: in UTC; a rule holds to the end of its last day.
        layers: those that were looked at to the end: elsewhere nobody can say that a rule hides nothing.
        whole: whether the whole fleet was looked at; the same goes for a part of it.
    """
    standing, hidden, used = list[Finding](), list[Ignored](), set[int]()
    for finding in findings:
        matching = [number for number, rule in enumerate(rules) if matches(rule, finding)]
        used.update(matching)
        holding = [number for number in matching if rules[number].last_day >= today]
        if holding:
            hidden.append(Ignored(finding, rules[holding[0]]))
        else:
            standing.append(finding)
    for number, rule in enumerate(rules):
        if rule.last_day < today:
            standing.append(_about(EXPIRED, number, rule, f"ended {rule.until}"))
        elif whole and number not in used and (rule.layer in layers if rule.layer else set(LAYERS) <= set(layers)):
            standing.append(_about(UNUSED, number, rule, f"until {rule.until}"))
    return standing, hidden


def matches(rule: IgnoreRule, finding: Finding) -> bool:
    """Whether a rule speaks of a finding; `*` and `?` stand for any characters, `[…]` for one of some."""
    return (
        (rule.layer is None or rule.layer == finding.layer)
        and fnmatchcase(finding.team, rule.team)
        and fnmatchcase(finding.address, rule.address)
        and fnmatchcase(finding.field, rule.field)
    )


def _about(kind: Kind, number: int, rule: IgnoreRule, found: str) -> Finding:
    return Finding(
        kind, PLATFORM, f"drift.ignore[{number}]", expected="a rule that holds", found=f"{found}: {rule.reason}", who=rule.owner
    )  # fmt: skip
