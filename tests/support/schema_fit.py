"""Takes two JSON schemas, gives where the narrower one says what the wider one does not know, never validates values."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def misfits(narrow: Schema, wide: Schema) -> list[str]:
    """Lines of ``path: reason`` for every key of ``narrow`` (drafts 7, local ``$ref``) that ``wide`` lacks or types otherwise.

    A key fits when ``wide`` lists it, or declares a schema for unlisted keys, and accepts every type that ``narrow`` accepts.
    An object of ``wide`` that says nothing of its keys proves nothing: keys below it are misfits.
    """
    return _Comparison(narrow, wide).at("", narrow, wide)


class _Comparison:
    def __init__(self, narrow: Schema, wide: Schema) -> None:
        self._roots = {"narrow": narrow, "wide": wide}

    def at(self, path: str, narrow: Schema, wide: Schema) -> list[str]:
        narrow, wide = self._resolved("narrow", narrow), self._resolved("wide", wide)
        if "oneOf" in narrow and "properties" not in narrow:
            return [line for choice in narrow["oneOf"] for line in self._any(path, choice, wide)]
        if "oneOf" in wide and "properties" not in wide:
            apart = [{**narrow, "type": one} for one in sorted(_types(narrow))]
            return [line for choice in apart for line in self._any(path, choice, wide)]
        extra = _types(narrow) - _types(wide)
        if extra:
            return [f"{path or '(top)'}: {sorted(extra)} is not among the official {sorted(_types(wide))}"]
        return self._keys(path, narrow, wide) + self._items(path, narrow, wide)

    def _any(self, path: str, narrow: Schema, wide: Schema) -> list[str]:
        tries = [self.at(path, narrow, choice) for choice in wide.get("oneOf", [wide])]
        return min(tries, key=len)

    def _keys(self, path: str, narrow: Schema, wide: Schema) -> list[str]:
        found: list[str] = []
        for key, value in narrow.get("properties", {}).items():
            theirs = wide.get("properties", {}).get(key, wide.get("additionalProperties"))
            if isinstance(theirs, dict):
                found += self.at(f"{path}.{key}".lstrip("."), value, theirs)
            else:
                found.append(f"{path}.{key}".lstrip(".") + ": unknown officially")
        free, theirs = narrow.get("additionalProperties"), wide.get("additionalProperties")
        if isinstance(free, dict):
            found += (
                self.at(f"{path}.*", free, theirs) if isinstance(theirs, dict) else [f"{path}.*: not free officially"]
            )
        return found

    def _items(self, path: str, narrow: Schema, wide: Schema) -> list[str]:
        if "items" not in narrow:
            return []
        if "items" not in wide:
            return [f"{path}[]: officially untyped"]
        return self.at(f"{path}[]", narrow["items"], wide["items"])

    def _resolved(self, side: str, node: Schema) -> Schema:
        if "$ref" not in node:
            return node
        target: Any = self._roots[side]
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return self._resolved(side, {**target, **beside})


def _types(node: Schema) -> set[str]:
    types = node.get("type", [])
    found = {types} if isinstance(types, str) else set(types)
    # Every integer is a number.
    return (found | {"integer"}) if "number" in found else found
