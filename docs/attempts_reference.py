"""The attempts' reference: takes what `fleet verify` tries, gives a page, never writes it (generate.py does)."""

from __future__ import annotations

from command_reference import MADE

from fleet.verify.attempts import ATTEMPTS, Attempt

_AREAS = {
    "pod": "Pods",
    "kubernetes": "Kubernetes",
    "database": "Database",
    "airflow": "Airflow",
    "sign-on": "Sign-on",
    "network": "Network",
}
_PLACES = {
    "task": "a task's pod",
    "airflow": "a pod of Airflow's own",
    "admission": "a dry run",
    "outside": "where fleet runs",
    "judged": "judged",
}


def pages() -> dict[str, str]:
    """Path below docs, and content."""
    lines = ["# Attempts", "", MADE, ""]
    lines += [
        f"The {len(ATTEMPTS)} kinds of attempt that `fleet verify` makes; "
        "[what the walls are](../how-to/prove-the-walls.md) says what the places mean.",
        "",
    ]
    for area, title in _AREAS.items():
        lines += [f"## {title}", "", "| attempt | a team … | against | made from |", "| --- | --- | --- | --- |"]
        lines += [_row(each) for each in ATTEMPTS if each.area == area]
        lines.append("")
    return {"reference/attempts.md": "\n".join(lines)}


def _row(attempt: Attempt) -> str:
    against = "every other team" if attempt.each else "its own walls"
    only = f" ({attempt.executor} only)" if attempt.executor else ""
    only += f" (`sso.manager: {attempt.manager}` only)" if attempt.manager else ""
    return f"| `{attempt.id}` | {attempt.what}{only} | {against} | {_PLACES[attempt.place]} |"
