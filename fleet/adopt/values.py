"""Values of a chart, compared: takes what fleet makes and what a release has, gives the overrides that make them equal,
never reads a release.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

Values = Mapping[str, Any]
_NOTHING: Any = object()

# Keys of either chart, sections of airflow.cfg and variables that hold a secret itself; `…SecretName` only names one.
_SECRET_KEY = re.compile(
    r"(?i)(pass(word)?|fernet_?key|jwt_?secret|client_?secret|ssh_?key|api_?secret_?key|webserver_?secret_?key|^secret_key"
    r"|brokerUrl|_token)$"
)
_URL_WITH_PASSWORD = re.compile(r"[a-z0-9+]+://[^/@\s]*:[^/@\s]+@")
# In a text, such as webserver_config.py: given as a word in quotes, not taken out of the environment.
_GIVEN = re.compile(r"""(?i)(client_?secret|password)["']?\s*[:=]\s*["'][^"']+["']""")


def coalesced(defaults: Values, values: Values) -> dict[str, Any]:
    """What a chart sees: Helm's way, in which null takes a default away. A null that takes nothing away is left out."""
    seen = {key: value for key, value in defaults.items() if value is not None}
    for key, value in values.items():
        below = seen.get(key)
        if value is None:
            seen.pop(key, None)
        elif isinstance(value, Mapping):
            seen[key] = coalesced(below if isinstance(below, Mapping) else {}, value)
        else:
            seen[key] = value
    return {key: coalesced(value, {}) if isinstance(value, Mapping) else value for key, value in seen.items()}


def overrides(made: Values, defaults: Values, wanted: Values) -> dict[str, Any]:
    """The least to lay over ``made`` so that the chart sees ``wanted``.

    Args:
        made: what fleet makes.
        defaults: the chart's own values.
        wanted: what the chart saw (:func:`coalesced`).
    """
    found: dict[str, Any] = {}
    for key in {**made, **defaults, **wanted}:
        ours, default, theirs = (each.get(key, _NOTHING) for each in (made, defaults, wanted))
        if _seen(default, ours) == theirs:
            continue
        if _seen(default, _NOTHING) == theirs or theirs is _NOTHING:
            found[key] = None
        elif isinstance(theirs, Mapping):
            found[key] = overrides(_mapping(ours), _mapping(default), theirs)
        else:
            found[key] = theirs
    return found


def _seen(default: Any, value: Any) -> Any:
    """What the chart sees at one key."""
    key = "value"
    both = ({} if each is _NOTHING else {key: each} for each in (default, value))
    return coalesced(*both).get(key, _NOTHING)


def _mapping(value: Any) -> Values:
    return value if isinstance(value, Mapping) else {}


def secrets_in(values: Values, known: Collection[str], path: str = "") -> Iterator[str]:
    """Paths of values that look like secrets, or quote one of those that are known: an inventory is no place for them."""
    for key, value in values.items():
        where = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            yield from secrets_in(value, known, where)
        elif isinstance(value, list):
            yield from secrets_in(dict(_items(value)), known, where)
        elif isinstance(value, str) and value and _is_secret(str(key), value, known):
            yield where


def _items(values: list[Any]) -> Iterator[tuple[str, Any]]:
    """The items of a list by number; a variable by its name."""
    for number, item in enumerate(values):
        variable = isinstance(item, Mapping) and isinstance(item.get("value"), str) and "name" in item
        yield (str(item["name"]), item["value"]) if variable else (str(number), item)


def _is_secret(key: str, value: str, known: Collection[str]) -> bool:
    looks = _SECRET_KEY.search(key) or _URL_WITH_PASSWORD.search(value) or _GIVEN.search(value)
    return bool(looks) or any(secret in value for secret in known)


def leaves(values: Values) -> int:
    """How many single values there are."""
    return sum(leaves(value) if isinstance(value, Mapping) and value else 1 for value in values.values())


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Paths at which two plain values differ. Names alone, since what stands there may be a secret."""
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, pair in enumerate(zip(before, after, strict=True)):
            name = pair[0].get("name", number) if isinstance(pair[0], Mapping) else number
            yield from differences(*pair, f"{path}[{name}]")
    else:
        yield path or "everything"
