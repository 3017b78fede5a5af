"""Writes the pages that are made from the code: `python docs/generate.py`. A test fails when one of them is out of date."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))  # for the modules beside this one, when it is not run as a script

import attempts_reference  # noqa: E402
import command_reference  # noqa: E402
import drift_reference  # noqa: E402
import inventory_reference  # noqa: E402


def pages() -> dict[str, str]:
    """Path below docs, and content, of every page that is made."""
    return {
        **inventory_reference.pages(),
        **command_reference.pages(),
        **attempts_reference.pages(),
        **drift_reference.pages(),
        "adr/README.md": _decisions(),
    }


def _decisions() -> str:
    lines = ["# Decisions", "", command_reference.MADE, ""]
    lines += [
        "One page per decision that somebody would otherwise ask about: the situation, what was decided, what follows from it."
    ]
    lines += [
        "A decision that no longer holds is not rewritten: a new page says so, and the old one's status names it.",
        "",
    ]
    lines += ["| number | decision | status |", "| --- | --- | --- |"]
    for page in sorted((DOCS / "adr").glob("[0-9]*.md")):
        text = page.read_text().splitlines()
        number, _, title = text[0].removeprefix("# ").partition(". ")
        status = next(line.removeprefix("Status: ") for line in text if line.startswith("Status: "))
        lines.append(f"| {number} | [{title}]({page.name}) | {status} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    for path, content in pages().items():
        (DOCS / path).write_text(content)
