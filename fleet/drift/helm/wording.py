"""Values for a report: takes a difference, gives both sides short and without secrets, never the whole of a long one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from fleet.drift.finding import shown
from fleet.drift.helm.compare import MISSING, Difference

_MASK = "(masked)"
_LONG = 80  # characters of a list that is shown whole
_SECRET_NAME = re.compile(
    r"pass(word|wd)?|secret|token|credential|private|fernet|(^|[_.-])key|conn(ection)?$", re.IGNORECASE
)
_ASSIGNED = re.compile(
    r"([\w.-]*(?:password|passwd|secret|token|credential|fernet|api_?key|_key)[\w.-]*\s*[=:]\s*)\S+", re.IGNORECASE
)
# A value, and not the name of a Secret that holds it.
_PLAINLY_SECRET = re.compile(r"(password|passwd|secret|token|_?key)$", re.IGNORECASE)
_IN_URL = re.compile(r"(://[^/\s:@]*:)[^@\s]+@")


def both(kind: str, difference: Difference) -> tuple[str, str]:
    """Declared and found, as a report has them; empty for what is not there."""
    want, live = difference.want, difference.live
    if kind == "Secret" and difference.names[0] in ("data", "stringData"):
        return "" if want is MISSING else "(secret)", "" if live is MISSING else "(another secret)"
    if difference.place.name == "value" and _SECRET_NAME.search(difference.place.above):
        return tuple("" if each is MISSING else _MASK for each in (want, live))  # type: ignore[return-value]
    if isinstance(want, str) and isinstance(live, str):
        want, live = _lines(want, live)
    else:
        want, live = _narrow(want, live)
    return _side(want), _side(live)


def _side(value: Any) -> str:
    return "" if value is MISSING else shown(masked(value))


def masked(value: Any) -> Any:
    """A value without what looks like a secret in it."""
    if isinstance(value, str):
        return _IN_URL.sub(rf"\1{_MASK}@", _ASSIGNED.sub(rf"\1{_MASK}", value))
    if isinstance(value, list):
        return [masked(each) for each in value]
    if isinstance(value, Mapping):
        secret = "value" in value and _SECRET_NAME.search(str(value.get("name", "")))
        return {key: _MASK if secret and key == "value" else masked(each) for key, each in value.items()}
    return value


def _lines(want: str, live: str) -> tuple[str, str]:
    """The first line that differs, of texts of several."""
    before, after = want.splitlines(), live.splitlines()
    if max(len(before), len(after)) < 2:
        return want, live
    number = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    sides = [lines[number].strip() if number < len(lines) else "(end)" for lines in (before, after)]
    return f"line {number + 1}: {sides[0]}", f"line {number + 1}: {sides[1]}"


def _narrow(want: Any, live: Any) -> tuple[Any, Any]:
    """Only what differs of two long values."""
    if isinstance(want, Mapping) and isinstance(live, Mapping):
        parts = {
            key: _narrow(want.get(key), live.get(key)) for key in {**want, **live} if want.get(key) != live.get(key)
        }
        return tuple({key: pair[side] for key, pair in parts.items() if pair[side] is not None} for side in (0, 1))  # type: ignore[return-value]
    if isinstance(want, list) and isinstance(live, list) and max(len(_text(want)), len(_text(live))) > _LONG:
        only = [[each for each in one if each not in other] for one, other in ((want, live), (live, want))]
        if len(only[0]) == len(only[1]) == 1:
            return _narrow(only[0][0], only[1][0])
        return (only[0], only[1]) if only[0] or only[1] else (want, live)
    return want, live


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def leaf(name: str, value: Any) -> str:
    """One value of a release, by the name of its key."""
    return _MASK if isinstance(value, str) and _PLAINLY_SECRET.search(name) else shown(masked(value))
