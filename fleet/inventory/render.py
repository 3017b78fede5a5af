"""Rendering: takes plain data, gives YAML text that every reader reads alike, never knows where it will stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from fleet.inventory.document import Keys
from fleet.inventory.plain import Ambiguous, scalar
from fleet.inventory.problems import Problem
from fleet.inventory.yamltext import MAX_DEPTH


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper without aliases, and with quotes wherever a reader might not see text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)  # lists one step in, as most formatters have it

    def _text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


_Dumper.add_representer(str, _Dumper._text)


def block(data: dict[str, Any], column: int, step: int) -> str:
    """Lines of block style, each ending in a newline, `column` spaces in and `step` spaces per level."""
    text = _dump(data, flow=False, step=step)
    return "".join(" " * column + line if line.strip() else line for line in text.splitlines(keepends=True))


def flow(data: dict[str, Any]) -> str:
    """One line of flow style, without the outer braces."""
    return _dump(data, flow=True, step=2).strip().removeprefix("{").removesuffix("}")


def word(value: str | bool) -> str:
    """A text or a truth value that stands alone after its key, on the same line."""
    return flow({"x": value}).removeprefix("x: ")


def unwritable(value: Any, keys: Keys) -> Iterator[Problem]:
    """What in `value` is not plain data that YAML's readers agree on."""
    if len(keys) > MAX_DEPTH:
        yield Problem("is nested too deep, or in itself", keys[:4], hint="is it really a team's entry?")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                yield Problem(f"the key `{key}` is not text", keys, hint=f'write "{key}"')
            yield from unwritable(item, (*keys, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unwritable(item, (*keys, index))
    elif not _is_plain(value):
        yield Problem(f"`{value}` is not text, number or boolean to all readers of YAML", keys, hint="put it in quotes")


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return all(ord(character) < 0xD800 or ord(character) > 0xDFFF for character in value)
    if value is None or isinstance(value, bool):
        return True
    try:
        return isinstance(value, int | float) and scalar(yaml.safe_dump(value).split("\n")[0]) == value
    except (Ambiguous, ValueError):
        return False


def _style(text: str) -> str | None:
    if len(text) > 1 and "\n" in text.rstrip("\n") and _is_literal(text):
        return "|"
    try:
        return None if text.isprintable() and scalar(text) == text else '"'
    except Ambiguous:
        return '"'


def _is_literal(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    return (
        not text[0].isspace()
        and all(line.isprintable() and line == line.rstrip() for line in lines)
        and lines[-1] != ""
    )


def _dump(data: dict[str, Any], *, flow: bool, step: int) -> str:
    # Without a width nothing is folded.
    dumped = yaml.dump(
        data, Dumper=_Dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, indent=step, width=2**31
    )
    return str(dumped)
