"""The reference of what drift finds: takes the kinds that the layers declare, gives a page, never writes it (generate.py)."""

from __future__ import annotations

from command_reference import MADE

from fleet.drift.finding import Kind
from fleet.drift.kinds import KINDS

_LAYERS = {
    "terraform": "Terraform: what the stacks hold",
    "helm": "Helm: what the releases hold, and what stands in the teams' namespaces",
    "database": "Database: roles, databases, schemas, and the server's settings",
    "sso": "Sign-on: the realm, clients, roles and groups",
    "orphans": "Orphans: what no entry explains, and entries whose things are gone",
    "rules": "Ignore rules",
}


def pages() -> dict[str, str]:
    """Path below docs, and content."""
    lines = ["# Drift", "", MADE, ""]
    lines += [
        f"The {len(KINDS)} kinds of finding that `fleet drift` tells; [how to use it](../how-to/find-drift.md). "
        "A finding has a team, a layer, a kind, the address of the thing, a field of it, what was expected, what was found, "
        "and who did it when, where the source tells.",
        "",
        "Severities: `critical` (a wall is open, or something does not run), `warning` (not as it was promised), `info` "
        "(nothing is broken by it). `--heal` puts a kind right where its row says how; "
        "where a finding is of a sort that it cannot, the report says so and names the command.",
        "",
    ]
    for layer, title in _LAYERS.items():
        lines += [
            f"## {title}",
            "",
            "| kind | severity | what is so | `--heal` | otherwise |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [_row(kind) for kind in KINDS if kind.layer == layer]
        lines.append("")
    return {"reference/drift.md": "\n".join(lines)}


def _row(kind: Kind) -> str:
    remedy = kind.remedy.format(team="TEAM") if kind.remedy else ""
    return f"| `{kind.name}` | {kind.severity} | {kind.meaning} | {kind.heals or 'no'} | {remedy} |".replace(
        "|  |", "| |"
    )
