"""Edits: takes the path of an inventory and a team, rewrites the file with only that entry changed, never a wrong one.

The text is spliced, not dumped: what is outside of the entry stays as it is, byte by byte (docs/adr/0002).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleet.errors import ExitCode, FleetError
from fleet.inventory import loading, render, shape, splice
from fleet.inventory.document import Document, Keys
from fleet.inventory.problems import refuse_all
from fleet.inventory.replace import replacing
from fleet.inventory.source import BOM, decode, read

Data = dict[str, Any]
Change = Callable[["_Draft"], "_Draft"]
Value = str | bool | None  # None: the key is taken away


def preview_team(path: Path, name: str, entry: Data) -> Document:
    """The document as it would be with the team added; the file stays as it is.

    Its digest and its lines are those of the file, which has not got the entry: `where` gives the line of `teams:` for it.

    Raises:
        FleetErrors: the file is wrong, or would be with this entry.
        FleetError: there is such a team already.
    """
    return _changed(path, read(path), _adding(name, entry))[1]


def add_team(path: Path, name: str, entry: Data, *, digest: str | None = None) -> None:
    """Write a new team's entry after the others.

    Args:
        path: the inventory.
        name: the team's name.
        entry: its keys, as plain data.
        digest: of the document that the decision was made on; the edit is refused when the file is no longer the same.

    Raises:
        FleetErrors: the file is wrong, or would be with this entry; nothing is written.
        FleetError: there is such a team already, the file changed meanwhile, or it cannot be written.
    """
    _edit(path, digest, _adding(name, entry))


def remove_team(path: Path, name: str, *, digest: str | None = None) -> None:
    """Take a team's entry out, and its name out of the waves; a wave that names nobody else goes too.

    Raises:
        FleetErrors: the file is wrong, or would be.
        FleetError: no such team, the file changed meanwhile, or it cannot be written.
    """
    _edit(path, digest, _removing(name))


def preview_values(path: Path, changes: Mapping[Keys, Value]) -> Document:
    """The document as it would be with these values; the file stays as it is. Digest and lines are those of the file.

    Raises:
        FleetErrors: the file is wrong, or would be with a value.
        FleetError: an entry that one belongs to is not there.
    """
    return _changed(path, read(path), _setting(changes))[1]


def set_value(path: Path, keys: Keys, value: Value) -> None:
    """Write a value at a key path, such as `("teams", "marketing", "airflow")`, whatever else the file says by now.

    Raises:
        FleetErrors: the file is wrong, or would be with this value; nothing is written.
        FleetError: there is no such entry, or the file cannot be written.
    """
    _edit(path, None, _setting({keys: value}))


@dataclass(frozen=True)
class _Draft:
    """A text and what it means, while steps are made on both."""

    path: Path
    text: str
    data: Data

    def cut(self, keys: Keys) -> _Draft:
        data = copy.deepcopy(self.data)
        parent: Any = data
        for key in keys[:-1]:
            parent = parent[key]
        del parent[keys[-1]]
        return self._checked(splice.without(self.text, keys), data)

    def add(self, name: str, entry: Data) -> _Draft:
        teams = {**self.data.get("teams", {}), name: entry}
        return self._checked(splice.with_team(self.text, name, entry), {**self.data, "teams": teams})

    def put(self, keys: Keys, value: Value) -> _Draft:
        data = copy.deepcopy(self.data)
        parent: Any = data
        for key in keys[:-1]:
            parent = parent[key]
        if value is None:
            return self.cut(keys) if keys[-1] in parent else self
        parent[keys[-1]] = value
        return self._checked(splice.with_scalar(self.text, keys, value), data)

    def _checked(self, text: str, data: Data) -> _Draft:
        """The next draft, if its text says just this: YAML has more layouts than the splicing knows."""
        try:
            written = loading.plain(text, self.path)
        except FleetError:
            written = None
        # As JSON, because Python takes 1 for True and does not look at the order of keys.
        if written is None or written.problems or json.dumps(written.data) != json.dumps(data):
            raise self.refused("is laid out in a way that fleet cannot edit", "edit the entry by hand")
        return replace(self, text=text, data=data)

    def refused(self, what: str, hint: str) -> FleetError:
        return FleetError(what, where=str(self.path), hint=hint, exit_code=ExitCode.REFUSED)


def _adding(name: str, entry: Data) -> Change:
    def change(draft: _Draft) -> _Draft:
        if name in draft.data.get("teams", {}):
            raise draft.refused(f"there is a team `{name}` already", "edit its entry, or choose another name")
        problems = [*render.unwritable(entry, ("teams", name))]
        if wrong := shape.name_problem(name, ("teams", name)):
            problems.append(wrong)
        if problems:
            raise refuse_all(str(draft.path), problems, {})
        return draft.add(name, entry)

    return change


def _removing(name: str) -> Change:
    def change(draft: _Draft) -> _Draft:
        if name not in draft.data.get("teams", {}):
            raise draft.refused(f"there is no team `{name}`", "see the names below `teams:`")
        for keys in _in_waves(draft.data, name):
            draft = draft.cut(keys)
        return draft.cut(("teams", name))

    return change


def _setting(changes: Mapping[Keys, Value]) -> Change:
    def change(draft: _Draft) -> _Draft:
        for keys, value in changes.items():
            kind, name = map(str, keys[:2])
            if not draft.data.get(kind, {}).get(name):
                raise draft.refused(f"there is no entry `{kind}.{name}`", "see the names in the file")
            draft = draft.put(keys, value)
        return draft

    return change


def _in_waves(data: Data, name: str) -> list[Keys]:
    """What to cut from the waves, last first, so that the indexes hold."""
    found: list[Keys] = []
    for number, wave in enumerate(data.get("waves", [])):
        if name in (teams := wave.get("teams", [])):
            alone: Keys = ("waves", number)
            found.insert(0, alone if len(teams) == 1 else (*alone, "teams", teams.index(name)))
    return found


def _edit(path: Path, digest: str | None, change: Change) -> None:
    with replacing(path) as target:
        content = read(path)
        text, document = _changed(path, content, change)
        if digest is not None and digest != document.digest:
            hint = "run the command again"
            raise FleetError("was changed meanwhile", where=str(path), hint=hint, exit_code=ExitCode.REFUSED)
        target.write(content, (BOM if content.startswith(BOM) else b"") + text.encode())


def _changed(path: Path, content: bytes, change: Change) -> tuple[str, Document]:
    """The new text, and the document that it makes (with the digest and the lines of the file as it is)."""
    original = loading.parse(content, path)
    text = decode(content, str(path))
    draft = change(_Draft(path, text, loading.plain(text, path).data))
    inventory = loading.typed(draft.data, path, original.lines)
    return draft.text, replace(original, inventory=inventory)
