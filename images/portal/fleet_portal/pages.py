"""The pages: takes values, gives HTML, never markup that came from a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from fleet_portal.fleet import Instance
from fleet_portal.health import Health
from fleet_portal.signon import Person

# A sign beside each word: colour alone tells nothing to who does not see it.
WORDS = {
    "healthy": ("✓", "Healthy"),
    "unhealthy": ("!", "Unhealthy"),
    "silent": ("✗", "Does not answer"),
    "suspended": ("‖", "Suspended"),
    "unfinished": ("…", "Not ready yet"),
}


def overview(person: Person, open_to: Sequence[tuple[Instance, tuple[str, ...]]], health: Mapping[str, Health]) -> str:
    """What a person may enter."""
    found = [health[instance.name] for instance, _ in open_to]
    rows = [
        {"instance": instance, "roles": roles, "health": one, "word": WORDS[one.state]}
        for (instance, roles), one in zip(open_to, found, strict=True)
    ]
    summary = _summary([one.state for one in found])
    return _render("overview.html", person=person, rows=rows, summary=summary, now=_now())


def message(title: str, text: str, link: tuple[str, str] = ("/", "Try again")) -> str:
    """A page with one thing to say and one way on: its address and its words."""
    return _render("message.html", title=title, text=text, link=link)


def _summary(states: Sequence[str]) -> str:
    counts = Counter(states)
    said = [f"{counts[state]} {word.lower()}" for state, (_, word) in WORDS.items() if counts[state]]
    return f"{len(states)} Airflow{'s' * (len(states) != 1)}: {', '.join(said)}"


def _now() -> datetime:
    return datetime.now(UTC)


def _render(name: str, **values: Any) -> str:
    return _template(name).render(values)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("fleet_portal"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(name)
