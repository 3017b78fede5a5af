"""Edits: the entry is as asked, everything else stays byte by byte, and the file is whole at every moment."""

from __future__ import annotations

import contextlib
import stat
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from fleet.errors import FleetError, FleetErrors
from fleet.inventory import edit, load
from fleet.inventory.replace import replacing
from tests.unit.inventory.strategies import entries, inventories, names
from tests.unit.inventory.test_any_text import mutated
from tests.unit.inventory.texts import HEAD

ENTRY = {"owner": "new@example.com", "airflow": "3.3.2", "access": {"groups": {"admin": ["leads", "on"]}}}


@contextlib.contextmanager
def file_with(text: str) -> Any:
    """A `tenants.yaml` with this text, line ends as they are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tenants.yaml"
        path.write_bytes(text.encode())
        yield path
        assert [file.name for file in Path(folder).iterdir()] == ["tenants.yaml"]


def is_insertion(before: str, after: str) -> bool:
    """Whether `after` is `before` with one piece put in."""
    same = _common(before, after)
    return same + _common(before[same:][::-1], after[same:][::-1]) == len(before)


def _common(one: str, other: str) -> int:
    """Length of the common beginning."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


EXAMPLES = {
    "no teams, with a comment": (
        "teams: {}  # none yet\n# end\n",
        "teams:  # none yet\n  b:\n    owner: x\n# end\n",
    ),
    "no teams, with an example below": (
        "teams: {}\n  # a:\n  #   owner: example\n\nwaves: []\n",
        "teams:\n  # a:\n  #   owner: example\n  b:\n    owner: x\n\nwaves: []\n",
    ),
    "no teams, on a line of its own": (
        "teams:\n  {}  # none\nwaves: []\n",
        "teams:  # none\n  b:\n    owner: x\nwaves: []\n",
    ),
    "no key at all": ("waves: []\n", "waves: []\n\nteams:\n  b:\n    owner: x\n"),
    "no key, no line end": ("# end", "# end\n\nteams:\n  b:\n    owner: x\n"),
    "after the last, before the comment of what follows": (
        "teams:\n  a:\n    owner: y2  # why\n\n# The waves\nwaves: []\n",
        "teams:\n  a:\n    owner: y2  # why\n  b:\n    owner: x\n\n# The waves\nwaves: []\n",
    ),
    "after a commented-out team": (
        "teams:\n  a: {owner: z}\n  # c:\n  #   owner: later\n\nwaves: []\n",
        "teams:\n  a: {owner: z}\n  # c:\n  #   owner: later\n  b:\n    owner: x\n\nwaves: []\n",
    ),
    "set off like the others": (
        "teams:\n  a: {owner: z}\n\n  # c is new\n  c: {owner: z}\n",
        "teams:\n  a: {owner: z}\n\n  # c is new\n  c: {owner: z}\n\n  b:\n    owner: x\n",
    ),
    "indented like the others": (
        "teams:\n    a:\n        owner: z\n",
        "teams:\n    a:\n        owner: z\n    b:\n        owner: x\n",
    ),
    "in braces": ("teams: {a: {owner: z},}  # end\n", "teams: {a: {owner: z}, b: {owner: x},}  # end\n"),
    "Windows": ("teams:\r\n  a: {owner: z}\r\n", "teams:\r\n  a: {owner: z}\r\n  b:\r\n    owner: x\r\n"),
    "after a text of several lines": (
        "teams:\n  a:\n    owner: z\n    values:\n      x: |\n        one\n\nwaves: []\n",
        "teams:\n  a:\n    owner: z\n    values:\n      x: |\n        one\n  b:\n    owner: x\n\nwaves: []\n",
    ),
    "after a text that keeps its blank lines": (
        "teams:\n  a:\n    owner: z\n    values:\n      x: |+\n        one\n\nwaves: []\n",
        "teams:\n  a:\n    owner: z\n    values:\n      x: |+\n        one\n\n  b:\n    owner: x\nwaves: []\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_team_is_added_where_one_would_write_it(before: str, after: str) -> None:
    head = HEAD.replace("\n", "\r\n") if "\r" in before else HEAD
    with file_with(head + before) as path:
        edit.add_team(path, "b", {"owner": "x"})
        assert path.read_bytes().decode() == head + after


REMOVALS = {
    "the only one": ("teams:  # all\n  b: {owner: x}\n", "teams: {}  # all\n"),
    "in braces": ("teams: {a: {owner: z}, b: {owner: x}}\n", "teams: {a: {owner: z}}\n"),
    "with what is inside of it, not with what is beside it": (
        "teams:\n  # a\n  a: {owner: z}\n\n  # b\n  b:\n    owner: x\n    # inside\n\n  # c\n  c: {owner: z}\n",
        "teams:\n  # a\n  a: {owner: z}\n\n  # b\n\n  # c\n  c: {owner: z}\n",
    ),
    "with the blank line that set it off": (
        "teams:\n  a: {owner: z}\n\n  b: {owner: x}\n\nwaves: []\n",
        "teams:\n  a: {owner: z}\n\nwaves: []\n",
    ),
    "from a wave": (
        "waves:\n  - name: one  # first\n    teams: [a, b]\nteams: {a: {owner: z}, b: {owner: x}}\n",
        "waves:\n  - name: one  # first\n    teams: [a]\nteams: {a: {owner: z}}\n",
    ),
    "from a wave in lines": (
        "waves:\n  - name: one\n    teams:\n      - b  # B\n      - a  # A\nteams: {a: {owner: z}, b: {owner: x}}\n",
        "waves:\n  - name: one\n    teams:\n      - a  # A\nteams: {a: {owner: z}}\n",
    ),
    "with a wave of its own": (
        "waves:\n  - name: one\n    teams: [b]\n  - {name: two, percent: 9}\nteams: {b: {owner: x}}\n",
        "waves:\n  - {name: two, percent: 9}\nteams: {}\n",
    ),
    "with the only wave": ("waves:\n- name: one\n  teams: [b]\nteams: {b: {owner: x}}\n", "waves: []\nteams: {}\n"),
}


@pytest.mark.parametrize(("before", "after"), REMOVALS.values(), ids=REMOVALS.keys())
def test_a_team_is_removed_with_all_that_is_its_own(before: str, after: str) -> None:
    with file_with(HEAD + before) as path:
        edit.remove_team(path, "b")
        assert path.read_text() == HEAD + after


@given(inventories(), names, entries)
@settings(max_examples=100)
def test_adding_adds_the_entry_and_touches_nothing_else(text: str, name: str, entry: dict[str, Any]) -> None:
    with file_with(text) as path:
        before = load(path).inventory
        if name in before.teams:
            return
        edit.add_team(path, name, entry)
        after = load(path).inventory
        assert [*after.teams] == [*before.teams, name]
        assert after.teams[name].model_dump(exclude_unset=True) == entry
        assert after.model_copy(update={"teams": before.teams}) == before
        written = path.read_bytes().decode()
        if before.teams or "teams:" not in text:
            assert is_insertion(text, written)
        else:  # `{}` had to go
            key, closed = text.index("teams:"), text.index("}", text.index("teams:"))
            assert written.startswith(text[:key] + "teams:")
            assert is_insertion(text[closed + 1 :], written[key + len("teams:") :])


@given(inventories(), names, entries)
@settings(max_examples=100)
def test_removing_what_was_added_gives_the_same_bytes(text: str, name: str, entry: dict[str, Any]) -> None:
    with file_with(text) as path:
        before = load(path).inventory
        if name in before.teams or "teams:" not in text or "teams:\n  {}" in text.replace("\r", ""):
            return
        edit.add_team(path, name, entry)
        edit.remove_team(path, name)
        assert load(path).inventory == before
        written = path.read_bytes().decode()
        assert written.rstrip() == text.rstrip() or "{ }" in text


@given(inventories(least=1))
@settings(max_examples=100)
def test_removing_removes_one_piece(text: str) -> None:
    with file_with(text) as path:
        before = load(path).inventory
        for name in before.teams:
            path.write_bytes(text.encode())
            edit.remove_team(path, name)
            assert load(path).inventory.teams == {other: team for other, team in before.teams.items() if other != name}
            written = path.read_bytes().decode()
            if len(before.teams) > 1:
                assert is_insertion(written, text)


@given(mutated(), names, entries)
@settings(max_examples=200)
def test_an_edit_of_any_text_succeeds_whole_or_leaves_the_file(text: str, name: str, entry: dict[str, Any]) -> None:
    with file_with(text) as path:
        try:
            edit.add_team(path, name, entry)
        except FleetError:
            assert path.read_bytes() == text.encode()
        else:
            assert name in load(path).inventory.teams


@pytest.mark.parametrize(
    ("name", "entry", "cause"),
    [
        ("a", ENTRY, "there is a team `a` already"),
        ("B", ENTRY, "teams.B: `B` is not a name"),
        ("postgres", ENTRY, "teams.postgres: PostgreSQL keeps this name"),
        ("b", {}, "teams.b.owner: is missing"),
        ("b", {**ENTRY, "siez": "small"}, "teams.b.siez: is no known key"),
        ("b", {**ENTRY, "size": "smal"}, "teams.b.size: there is no size `smal`"),
        ("b", {**ENTRY, "values": {"x": float("nan")}}, "teams.b.values.x: `nan` is not text"),
        ("b", {**ENTRY, "values": {"x": {1, 2}}}, "is not text, number or boolean"),
        ("b", {**ENTRY, "values": {"x": "\ud800"}}, "is not text, number or boolean"),
        ("b", {**ENTRY, "values": {"x": 10**30}}, "is not text, number or boolean"),
        ("b", {**ENTRY, "values": {8080: "x"}}, "the key `8080` is not text"),
    ],
)
def test_a_wrong_entry_is_refused_and_the_file_stays(name: str, entry: dict[str, Any], cause: str) -> None:
    text = HEAD + "teams:\n  a: {owner: z}\nwaves: []\n"
    with file_with(text) as path:
        for attempt in (edit.add_team, edit.preview_team):
            with pytest.raises(FleetError) as caught:
                attempt(path, name, entry)
            errors = caught.value.errors if isinstance(caught.value, FleetErrors) else [caught.value]
            assert any(cause in error.what for error in errors)
            assert all(error.where.startswith(str(path)) for error in errors)
        assert path.read_text() == text


def test_an_entry_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["x"] = loop
    with file_with(HEAD + "teams: {}\n") as path, pytest.raises(FleetErrors, match="1 errors"):
        edit.add_team(path, "b", {**ENTRY, "values": loop})


def test_an_error_of_an_entry_that_is_not_written_names_a_line_that_is_there() -> None:
    with file_with(HEAD + "teams:\n  a: {owner: z}\n") as path, pytest.raises(FleetErrors) as caught:
        edit.preview_team(path, "b", {"owner": "x", "size": "huge"})
    assert caught.value.errors[0].where == f"{path}:7"


def test_a_preview_shows_the_team_and_writes_nothing() -> None:
    with file_with(HEAD + "teams: {}\n") as path:
        document = edit.preview_team(path, "b", ENTRY)
        assert document.inventory.teams["b"].owner == ENTRY["owner"]
        assert load(path).inventory.teams == {}
        assert document.digest == load(path).digest


def test_a_file_that_is_wrong_is_not_edited() -> None:
    with file_with(HEAD + "teams: {a: {}}\n") as path:
        with pytest.raises(FleetErrors):
            edit.add_team(path, "b", ENTRY)
        with pytest.raises(FleetErrors):
            edit.remove_team(path, "a")


def test_a_layout_that_cannot_be_spliced_is_refused_not_spoilt() -> None:
    text = HEAD + "? teams\n: ? a\n  : owner: x\n"
    with file_with(text) as path:
        assert load(path).inventory.teams["a"].owner == "x"
        with pytest.raises(FleetError, match="laid out in a way"):
            edit.add_team(path, "b", ENTRY)
        assert path.read_text() == text


def test_a_file_that_changed_since_it_was_loaded_is_refused() -> None:
    with file_with(HEAD + "teams: {}\n") as path:
        seen = load(path).digest
        edit.add_team(path, "first", ENTRY, digest=seen)
        with pytest.raises(FleetError, match="was changed meanwhile"):
            edit.add_team(path, "second", ENTRY, digest=seen)
        with pytest.raises(FleetError, match="was changed meanwhile"):
            edit.remove_team(path, "first", digest=seen)
        assert [*load(path).inventory.teams] == ["first"]


def test_a_file_that_an_editor_changes_during_the_edit_is_refused() -> None:
    with file_with(HEAD + "teams: {}\n") as path:
        before = path.read_bytes()
        path.write_text("saved by an editor")
        with pytest.raises(FleetError, match="was changed meanwhile"), replacing(path) as target:
            target.write(before, b"edited by fleet")
        assert path.read_text() == "saved by an editor"


def test_edits_at_the_same_time_are_all_kept() -> None:
    with file_with(HEAD + "teams: {}\n") as path:
        threads = [threading.Thread(target=edit.add_team, args=(path, f"t{number}", ENTRY)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(load(path).inventory.teams) == 12


def test_mode_and_link_stay(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "fleet.yaml"
    real.parent.mkdir()
    real.write_text(HEAD + "teams: {}\n")
    real.chmod(0o640)
    link = tmp_path / "tenants.yaml"
    link.symlink_to("elsewhere/fleet.yaml")
    edit.add_team(link, "b", ENTRY)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [*load(real).inventory.teams] == ["b"]
    assert [file.name for file in real.parent.iterdir()] == ["fleet.yaml"]


def test_a_byte_order_mark_stays() -> None:
    with file_with("\ufeff" + HEAD + "teams: {}\n") as path:
        edit.add_team(path, "b", {"owner": "x"})
        assert path.read_bytes().decode() == "\ufeff" + HEAD + "teams:\n  b:\n    owner: x\n"


def test_a_missing_file_or_folder_is_an_error_of_fleet(tmp_path: Path) -> None:
    for path in (tmp_path / "tenants.yaml", tmp_path / "nowhere" / "tenants.yaml"):
        with pytest.raises(FleetError):
            edit.add_team(path, "b", ENTRY)


# A value of an entry.

VALUES = {
    "there already": ("a:\n    airflow: 3.2.2  # why\n    owner: z\n", "a:\n    airflow: 3.3.2  # why\n    owner: z\n"),
    "in quotes": ('a:\n    owner: z\n    airflow: "3.2.2" # why\n', "a:\n    owner: z\n    airflow: 3.3.2 # why\n"),
    "not there": ("a:\n    owner: z  # why\n", "a:\n    owner: z  # why\n    airflow: 3.3.2\n"),
    "in braces": ("a: {owner: z, airflow: 3.2.2}\n", "a: {owner: z, airflow: 3.3.2}\n"),
    "not in the braces": ("a: {owner: z}  # why\n", "a: {owner: z, airflow: 3.3.2}  # why\n"),
}


@pytest.mark.parametrize(("before", "after"), VALUES.values(), ids=VALUES)
def test_a_value_is_put_in_its_place_and_nothing_else_moves(before: str, after: str) -> None:
    with file_with(f"{HEAD}teams:\n  {before}") as path:
        edit.set_value(path, ("teams", "a", "airflow"), "3.3.2")
        assert path.read_text() == f"{HEAD}teams:\n  {after}"
        assert load(path).inventory.teams["a"].airflow == "3.3.2"


@given(inventories(least=1))
@settings(max_examples=100)
def test_any_teams_version_can_be_set_and_touches_nothing_else(text: str) -> None:
    with file_with(text) as path:
        before = load(path).inventory
        for name in before.teams:
            edit.set_value(path, ("teams", name, "airflow"), "3.3.2")
        assert load(path).inventory.teams == {
            name: team.model_copy(update={"airflow": "3.3.2"}) for name, team in before.teams.items()
        }


def test_a_value_that_is_wrong_is_refused_and_nothing_is_written() -> None:
    with file_with(f"{HEAD}teams:\n  a: {{owner: z}}\n") as path:
        before = path.read_bytes()
        with pytest.raises(FleetErrors):
            edit.set_value(path, ("teams", "a", "airflow"), "latest")
        with pytest.raises(FleetError, match=r"no entry `teams\.b`"):
            edit.set_value(path, ("teams", "b", "airflow"), "3.3.2")
        assert path.read_bytes() == before


def test_a_preview_changes_the_document_and_not_the_file() -> None:
    with file_with(f"{HEAD}teams:\n  a: {{owner: z}}\n  b: {{owner: z}}\n") as path:
        before = path.read_bytes()
        found = edit.preview_values(path, {("teams", name, "airflow"): "3.2.2" for name in ("a", "b")}).inventory
        assert {team.airflow for team in found.teams.values()} == {"3.2.2"}
        assert path.read_bytes() == before


SUSPENDED = {
    "last": ("a:\n    owner: z  # why\n", "a:\n    owner: z  # why\n    suspended: true\n"),
    "in braces": ("a: {owner: z}  # why\n", "a: {owner: z, suspended: true}  # why\n"),
    "before others": (
        "a:\n    owner: z  # why\n  # next\n  b: {owner: x}\n",
        "a:\n    owner: z  # why\n    suspended: true\n  # next\n  b: {owner: x}\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), SUSPENDED.values(), ids=SUSPENDED)
def test_a_key_comes_and_goes_and_leaves_no_trace(before: str, after: str) -> None:
    keys = ("teams", "a", "suspended")
    with file_with(f"{HEAD}teams:\n  {before}") as path:
        edit.set_value(path, keys, True)
        assert path.read_text() == f"{HEAD}teams:\n  {after}"
        assert load(path).inventory.teams["a"].suspended
        for _ in range(2):  # what is gone can be taken away again
            edit.set_value(path, keys, None)
            assert path.read_text() == f"{HEAD}teams:\n  {before}"


@given(inventories(least=1))
@settings(max_examples=100)
def test_any_team_can_be_suspended_and_resumed(text: str) -> None:
    with file_with(text) as path:
        before = load(path).inventory
        for value in (True, None):
            for name in before.teams:
                edit.set_value(path, ("teams", name, "suspended"), value)
            wanted = {name: team.model_copy(update={"suspended": bool(value)}) for name, team in before.teams.items()}
            assert load(path).inventory.teams == wanted
