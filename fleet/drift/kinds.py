"""Every kind of finding: the layers' own, and those of the ignore rules. The reference is made from this."""

from __future__ import annotations

from fleet.drift import database, helm, orphans, rules, sso, terraform
from fleet.drift.finding import Kind

KINDS: tuple[Kind, ...] = (
    *terraform.KINDS,
    *helm.KINDS,
    *database.KINDS,
    *sso.KINDS,
    *orphans.KINDS,
    *rules.KINDS,
)
