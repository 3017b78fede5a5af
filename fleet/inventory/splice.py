"""Splicing: takes the text of an inventory, gives it with one entry more or less, never touches what is outside of the entry.

It finds places and joins strings; whether the result means what it should is for the caller to check (`edit`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from fleet.inventory.document import Keys
from fleet.inventory.render import block, flow, word
from fleet.inventory.yamltext import compose


def with_team(text: str, name: str, entry: dict[str, Any]) -> str:
    """The text with a team after the last one, and after the comments that stand below that one."""
    root = compose(text, "")
    teams = _find(root, ("teams",))
    if teams is None:
        return _with_key(text, root, {"teams": {name: entry}})
    if teams.children:
        return _after(text, teams.children[-1], {name: entry}, among=teams)
    start, end = teams.value.start_mark.index, teams.value.end_mark.index
    if root.flow_style or text[start + 1 : end - 1].strip():  # a comment between the braces stays there
        return text[: start + 1] + flow({name: entry}) + text[start + 1 :]
    head, step = text[:start].rstrip(" "), _step(root)
    if (above := head.rstrip()).endswith(":"):  # the braces may stand on a line of their own
        head = above
    emptied = head + text[end:]
    below = _past_comments(emptied, _next_line(emptied, len(head)), 1)
    return _insert(emptied, below, block({name: entry}, step, step))


def without(text: str, keys: Keys) -> str:
    """The text without the entry at a key path; a block that gets empty is written `{}` or `[]`."""
    root = compose(text, "")
    parent, place = _find(root, keys[:-1]), _find(root, keys)
    if parent is None or place is None:
        raise KeyError(keys)
    if parent.value.flow_style:
        return _cut_flow(text, parent.children, parent.children.index(place))
    cut = _cut_lines(text, place)
    if len(parent.children) > 1 or parent.key is None:
        return cut
    colon = text.index(":", parent.key.end_mark.index) + 1
    return cut[:colon] + (" {}" if isinstance(parent.value, yaml.MappingNode) else " []") + cut[colon:]


def with_scalar(text: str, keys: Keys, value: str | bool) -> str:
    """The text with a value at a key path whose parent is there and not empty: in the place of the one before, or after the
    last of its siblings."""
    root = compose(text, "")
    parent, place = _find(root, keys[:-1]), _find(root, keys)
    if parent is None:
        raise KeyError(keys)
    if place is None:
        return _after(text, parent.children[-1], {str(keys[-1]): value}, among=parent)
    return text[: place.value.start_mark.index] + word(value) + text[place.value.end_mark.index :]


@dataclass(frozen=True)
class _Place:
    """A value in the tree, with its key where it is in a mapping."""

    key: Any
    value: Any

    @property
    def start(self) -> int:
        return int((self.value if self.key is None else self.key).start_mark.index)

    @property
    def column(self) -> int:
        return int((self.value if self.key is None else self.key).start_mark.column)

    @property
    def children(self) -> list[_Place]:
        if isinstance(self.value, yaml.MappingNode):
            return [_Place(key, value) for key, value in self.value.value]
        return [_Place(None, item) for item in self.value.value]

    def end(self, text: str) -> int:
        """Where the value's own text ends: a block has no end mark of its own, it ends with its last child."""
        node = self.value
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            return self.children[-1].end(text)
        start, end = node.start_mark.index, int(node.end_mark.index)
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">") and "+" not in text[start:].split("\n", 1)[0]:
            end = _next_line(text, start + len(text[start:end].rstrip("\r\n")))
        return end


def _find(root: yaml.Node, keys: Keys) -> _Place | None:
    place = _Place(None, root)
    for key in keys:
        if isinstance(key, int):
            found = place.children[key : key + 1]
        else:
            found = [child for child in place.children if child.key is not None and child.key.value == key]
        if not found:
            return None
        place = found[0]
    return place


def _with_key(text: str, root: yaml.MappingNode, data: dict[str, Any]) -> str:
    whole = _Place(None, root)
    if root.flow_style:
        return _after(text, whole.children[-1], data, among=whole)
    blank = "" if text[: root.end_mark.index].endswith(("\n\n", "\n\r\n")) else "\n"
    return _insert(text, root.end_mark.index, blank + block(data, whole.children[0].column, _step(root)))


def _after(text: str, last: _Place, data: dict[str, Any], *, among: _Place) -> str:
    """Put `data` after the last child, in the manner of its siblings."""
    end = last.end(text)
    if among.value.flow_style:
        return f"{text[:end]}, {flow(data)}{text[end:]}"
    below = _past_comments(text, _next_line(text, end), last.column)
    lines = block(data, last.column, _step(among.value))
    spaced = len(among.children) > 1 and _is_blank(
        _line_above(text, _past_comments_up(text, _line_start(text, last.start)))
    )
    return _insert(text, below, "\n" + lines if spaced else lines)


def _insert(text: str, index: int, lines: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = lines.replace("\n", newline)
    if index and text[index - 1] != "\n":  # the file's last line had no end
        lines = newline + lines
    return text[:index] + lines + text[index:]


def _cut_lines(text: str, place: _Place) -> str:
    start = _line_start(text, place.start)
    indent = _indent(text[start:])
    end = _past_comments(text, _next_line(text, place.end(text)), indent + 1)
    head, tail = text[:start], text[end:]
    below = tail.split("\n", 1)[0]
    if _is_blank(above := _line_above(text, start)) and (not below.strip() or _indent(below) < indent):
        head = head[: len(head) - len(above)]  # the blank line that set the entry off
    return head + tail


def _cut_flow(text: str, children: list[_Place], index: int) -> str:
    start, end = children[index].start, children[index].end(text)
    if index + 1 < len(children):
        end = children[index + 1].start
    elif index:
        start = children[index - 1].end(text)
    elif text[end:].lstrip().startswith(","):
        end = text.index(",", end) + 1
    return text[:start] + text[end:]


def _step(node: yaml.Node) -> int:
    """Spaces per level, as the first nested block below this one has it; two where there is none."""
    for child in _Place(None, node).children:
        if isinstance(child.value, yaml.MappingNode) and not child.value.flow_style:
            return child.children[0].column - child.column
    return 2


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _next_line(text: str, index: int) -> int:
    """Where the line after `index` begins; `index` itself when it is at the beginning of a line."""
    if index and text[index - 1] == "\n":
        return index
    newline = text.find("\n", index)
    return len(text) if newline < 0 else newline + 1


def _past_comments(text: str, index: int, column: int) -> int:
    """Past the comments that are indented by at least `column`, with the blank lines between them."""
    past = index
    while index < len(text):
        end = _next_line(text, index + 1) if text[index] != "\n" else index + 1
        line = text[index:end]
        if line.lstrip().startswith("#") and _indent(line) >= column:
            past = end
        elif line.strip():
            break
        index = end
    return past


def _past_comments_up(text: str, start: int) -> int:
    while (above := _line_above(text, start)).lstrip().startswith("#"):
        start -= len(above)
    return start


def _line_above(text: str, start: int) -> str:
    return text[_line_start(text, start - 1) : start] if start else ""


def _is_blank(line: str) -> bool:
    return line != "" and not line.strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
