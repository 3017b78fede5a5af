"""Two states of a resource: takes a change of Terraform's plan, gives the attributes that differ, never says what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleet.drivers.terraform_look import Change

# The provider's own marks first; this is for what a provider forgot to mark.
_SECRET_NAMES = re.compile(r"password|secret|token|private_key|credential")
_NO_SECRETS = re.compile(
    r"_version$|_policy$|_enabled$|_allowed$|_lifespan$|_tokens?$|_regenerate|token_(exchange|scope)"
)


@dataclass(frozen=True)
class Difference:
    """One attribute in two states; ``secret``: neither value may be shown.

    Args:
        field: its path; blocks that stand alone have no number in it.
    """

    field: str
    before: Any
    after: Any
    secret: bool


def differences(change: Change) -> list[Difference]:
    """The attributes in which the two states differ, but for those that nobody knows before an apply."""
    return list(_walk((), change.before, change.after, change.unknown, change.secret))


def _walk(
    path: tuple[str, ...], before: Any, after: Any, unknown: Any, secret: tuple[Any, Any]
) -> Iterator[Difference]:
    if unknown is True or _same(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and True not in secret:
        for key in sorted(before.keys() | after.keys()):
            marks = (_inside(secret[0], key), _inside(secret[1], key))
            yield from _walk((*path, key), before.get(key), after.get(key), _inside(unknown, key), marks)
    elif _blocks(before) and _blocks(after) and len(before) == len(after) and True not in secret:
        for place, pair in enumerate(zip(before, after, strict=True)):
            marks = (_inside(secret[0], place), _inside(secret[1], place))
            step = path if len(before) == 1 else (*path, str(place))
            yield from _walk(step, *pair, _inside(unknown, place), marks)
    elif not _marked(unknown):
        yield Difference(".".join(path), before, after, any(map(_marked, secret)) or any(map(_named_so, path)))


def _same(before: Any, after: Any) -> bool:
    """Providers give what is not set now as null, now as empty."""
    return before == after or (not before and not after and None in (before, after))


def _blocks(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, Mapping) for each in value)


def _inside(marks: Any, key: str | int) -> Any:
    """Terraform's marks have the form of what they mark; one `true` stands for all below it."""
    if isinstance(marks, Mapping):
        return marks.get(key, False)
    if isinstance(marks, list) and isinstance(key, int):
        return marks[key] if key < len(marks) else False
    return marks is True


def _marked(marks: Any) -> bool:
    inner = marks.values() if isinstance(marks, Mapping) else marks if isinstance(marks, list) else ()
    return marks is True or any(map(_marked, inner))


def _named_so(name: str) -> bool:
    return bool(_SECRET_NAMES.search(name)) and not _NO_SECRETS.search(name)
