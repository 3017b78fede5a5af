"""Plain data: takes a tree of YAML nodes, gives dicts, lists and scalars with the line of each, never knows a key's meaning.

What YAML 1.1 and 1.2 read differently (`on`, `010`, `1_000`, a date) is refused: people, editors and tools would not agree
on what it says.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from fleet.inventory.document import Keys
from fleet.inventory.problems import Problem, shorten

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+][0-9]+)?")
# Numbers of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), and the two letters that are booleans in YAML 1.1 though
# not for PyYAML.
_ELSEWHERE = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[yYnN]")
_IMPLICIT = yaml.SafeLoader.yaml_implicit_resolvers


class Ambiguous(ValueError):
    """A plain scalar that YAML's readers do not agree on."""


def scalar(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means.

    Raises:
        Ambiguous: it depends on the reader.
    """
    if text and text[0] not in _IMPLICIT:  # nearly all text ends here
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if _ELSEWHERE.fullmatch(text) or any(regexp.match(text) for _, regexp in _IMPLICIT.get(text[0], ())):
        raise Ambiguous(text)
    return text


class Reader:
    """Reads one tree; the results are in the three attributes."""

    def __init__(self, root: yaml.MappingNode) -> None:
        self.lines: dict[Keys, int] = {(): root.start_mark.line + 1}
        self.problems: list[Problem] = []
        self.data: dict[str, Any] = self._mapping(root, ())

    def _value(self, node: yaml.Node, keys: Keys) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, keys)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*keys, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.ScalarNode) or node.style:
            return node.value
        try:
            return scalar(node.value)
        except Ambiguous:
            what = f"`{shorten(node.value)}` is not the same to all readers of YAML"
            self.problems.append(Problem(what, keys, node.start_mark.line + 1, _quote(node.value)))
            return node.value

    def _item(self, node: yaml.Node, keys: Keys) -> Any:
        self.lines[keys] = node.start_mark.line + 1
        return self._value(node, keys)

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                what = "a key that is itself a list or a mapping"
                self.problems.append(Problem(what, keys, line, "write `key: value`; `{{ … }}` needs quotes"))
                continue
            key = key_node.value
            path = (*keys, key)
            if problem := self._key_problem(key_node, path, line, key in found):
                self.problems.append(problem)
            if key not in found:
                self.lines[path] = line
                found[key] = self._value(value_node, path)
        return found

    def _key_problem(self, node: yaml.ScalarNode, path: Keys, line: int, twice: bool) -> Problem | None:
        if twice:
            return Problem(f"is already in line {self.lines[path]}", path, line, "remove one of the two")
        if node.style:
            return None
        if node.value == "<<":
            return Problem("merge keys are not for an inventory", path, line, "use `defaults` and `sizes`")
        try:
            if isinstance(scalar(node.value), str):
                return None
        except Ambiguous:
            pass
        return Problem(f"`{shorten(node.value)}` is not text to YAML", path, line, _quote(node.value))


def _quote(value: str) -> str:
    return f'write "{shorten(value)}" for text' + _BOOLEAN_HINT.get(value.lower(), "")


_BOOLEAN_HINT = {
    **dict.fromkeys(("y", "yes", "on"), ", `true` for yes"),
    **dict.fromkeys(("n", "no", "off"), ", `false` for no"),
}
