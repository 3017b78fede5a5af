"""YAML syntax: takes text, gives one tree of nodes with their places, never gives meaning to a node.

libyaml's events are put together here instead of by PyYAML's composer, because that one recurses in C without a bound (a
file of brackets ends the process) and expands aliases.
"""

from __future__ import annotations

from typing import Any, NoReturn

import yaml

from fleet.inventory.problems import Problem, refuse

# A pod template in `values` nests some fifteen deep.
MAX_DEPTH = 64
# 1,000 teams with twenty lines each are 50,000 nodes.
MAX_NODES = 500_000

Pair = tuple[yaml.Node, yaml.Node]

# libyaml's words, and what they mean to a person.
_SAID = [
    ("did not find expected ',' or", "a bracket is not closed", "close it, or put a comma between its items"),
    ("did not find expected node content", "a bracket is not closed", "close it, or remove the empty place"),
    (
        "mapping values are not allowed",
        "a `: ` where no key can be",
        "mend the indentation, or put the value in quotes",
    ),
    ("could not find expected ':'", "a line that is neither a key nor a value", "write `key: value`"),
    ("did not find expected key", "the indentation fits no line above", "indent it like its neighbours"),
    ("expected '-' indicator", "a key in the middle of a list", "mend the indentation"),
    ("unexpected end of stream", "a quote is not closed", "close it"),
    ("unexpected document indicator", "a quote is not closed", "close it"),
    ("tab character", "a tab where YAML wants spaces", "indent with spaces"),
    ("escape c", "an unknown escape in double quotes", "write `\\\\` for a backslash, or use single quotes"),
]


def compose(text: str, name: str) -> yaml.MappingNode:
    """The root mapping of the only document in `text`.

    Raises:
        FleetErrors: no YAML, not one mapping, anchors, aliases, tags, too deep, too many nodes.
    """
    loader = yaml.CSafeLoader(text)
    try:
        root = _Composer(name).run(loader)
    except yaml.MarkedYAMLError as error:
        raise refuse(name, _syntax(error, text)) from None
    finally:
        loader.dispose()
    if not isinstance(root, yaml.MappingNode):
        line = root.start_mark.line + 1
        raise refuse(name, Problem("an inventory is a mapping of keys", line=line, hint="begin with `version: 1`"))
    return root


class _Composer:
    """Puts events together, without recursion and within bounds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[yaml.CollectionNode] = []  # the collections that are not yet closed, outermost first
        self._keys: list[yaml.Node | None] = []  # of each of them: the key that waits for its value
        self._root: yaml.Node | None = None
        self._nodes = 0

    def run(self, loader: Any) -> yaml.Node:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.ScalarEvent):
                self._check(event)
                self._add(_leaf(event))
            elif isinstance(event, yaml.CollectionStartEvent):
                self._check(event)
                self._begin(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._keys.pop()
                self._open.pop().end_mark = event.end_mark
            elif isinstance(event, yaml.AliasEvent):
                self._refuse(
                    event,
                    f"the alias `*{event.anchor}` has no place here",
                    "write it out, or use `defaults` and `sizes`",
                )
            elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                self._refuse(event, "a second document begins", "one file has one inventory: remove the `---`")
        if self._root is None:
            raise refuse(self._name, Problem("is empty", line=1, hint="begin with `version: 1` and `platform:`"))
        return self._root

    def _check(self, event: Any) -> None:
        self._nodes += 1
        if event.anchor:
            self._refuse(
                event, f"the anchor `&{event.anchor}` has no place here", "write it out, or use `defaults` and `sizes`"
            )
        if event.tag:
            self._refuse(
                event, f"the tag `{event.tag}` has no place here", "an inventory has no tags: quotes make a text"
            )
        if self._nodes > MAX_NODES:
            self._refuse(event, f"more than {MAX_NODES} values", "is it really an inventory?")

    def _begin(self, event: Any) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._refuse(event, f"more than {MAX_DEPTH} levels", "is it really an inventory?")
        kind = yaml.MappingNode if isinstance(event, yaml.MappingStartEvent) else yaml.SequenceNode
        node = kind("", [], event.start_mark, event.end_mark, event.flow_style)
        self._add(node)
        self._open.append(node)
        self._keys.append(None)

    def _add(self, node: yaml.Node) -> None:
        if not self._open:
            self._root = node
        elif isinstance(self._open[-1], yaml.SequenceNode):
            self._open[-1].value.append(node)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = node
        else:
            self._open[-1].value.append((key, node))
            self._keys[-1] = None

    def _refuse(self, event: Any, what: str, hint: str) -> NoReturn:
        line = event.start_mark.line + 1
        raise refuse(self._name, Problem(what, line=line, hint=hint))


def _leaf(event: Any) -> yaml.ScalarNode:
    return yaml.ScalarNode("", event.value, event.start_mark, event.end_mark, event.style)


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    said = error.problem or error.context or "not readable"
    if said.startswith("found character that cannot start any token") and mark:
        return _bad_start(text, line, mark.column)
    for words, what, hint in _SAID:
        if words in said:
            # An unclosed quote or bracket is noticed far below; what the reader looks for is where it begins.
            opened = error.context_mark if "not closed" in what else None
            return Problem(what, line=opened.line + 1 if opened else line, hint=hint)
    return Problem(f"not YAML: {said}", line=line, hint="see the line and the one above")


def _bad_start(text: str, line: int, column: int) -> Problem:
    character = text.split("\n")[line - 1][column : column + 1]
    if "\t" in character or not character:
        return Problem("a tab where YAML wants spaces", line=line, hint="indent with spaces")
    return Problem(f"a value cannot begin with `{character}`", line=line, hint="put it in quotes")
