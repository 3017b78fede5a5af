"""A tiny JSON patch (RFC 6902): `test`, `add`, `replace`, `remove`, on a copy."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any


def apply(document: Any, operations: Iterable[Mapping[str, Any]]) -> Any:
    """The document after all operations, which all have to fit."""
    made = copy.deepcopy(document)
    for each in operations:
        *above, last = [part.replace("~1", "/").replace("~0", "~") for part in each["path"].split("/")[1:]]
        place = made
        for part in above:
            place = place[int(part)] if isinstance(place, list) else place[part]
        _one(place, last, each)
    return made


def _one(place: Any, last: str, operation: Mapping[str, Any]) -> None:
    key: Any = int(last) if isinstance(place, list) and last != "-" else last
    if operation["op"] == "remove":
        del place[key]
    elif operation["op"] == "test":
        assert place[key] == operation["value"]
    elif operation["op"] == "replace":
        assert place[key] is not operation  # has to be there
        place[key] = copy.deepcopy(operation["value"])
    elif isinstance(place, list):
        place.insert(len(place) if key == "-" else key, copy.deepcopy(operation["value"]))
    else:
        place[key] = copy.deepcopy(operation["value"])
