"""Runs of pytest that share their tests: each test is run once, and nothing beside what it does not get on with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest

from tests.__main__ import SUMMARY, Run
from tests.support.side_by_side import Group, groups, shared

NEEDS = ("", "teams", "fleet", "teams", "", "fleet", "teams", "") * 3 + ("",) * 12


def test_every_group_falls_to_one_run_and_never_beside_what_it_does_not_bear(tmp_path: Path) -> None:
    waiting = [Group(f"tests/{number}", need, ()) for number, need in enumerate(NEEDS)]
    at_work, done, seen, guard = Counter[str](), Counter[str](), set[tuple[str, ...]](), Lock()
    with_others_left = set[int]()  # how many that need nothing there were while others had not begun

    def work(_: int) -> None:
        for group in shared(waiting, tmp_path):
            with guard:
                at_work[group.need] += 1
                done[group.name] += 1
                seen.add(tuple(sorted(at_work.elements())))
                if any(each.need and not done[each.name] for each in waiting):
                    with_others_left.add(at_work[""])
            time.sleep(0.02)
            with guard:
                at_work[group.need] -= 1

    with ThreadPoolExecutor(3) as runs:
        list(runs.map(work, range(3)))
    assert done == Counter(group.name for group in waiting)
    assert not any(each.count("fleet") > 1 or {"fleet", "teams"} <= set(each) for each in seen)
    assert max(each.count("teams") for each in seen) == 2 and any(len(each) > 2 for each in seen)
    assert max(with_others_left) == 1 and max(each.count("") for each in seen) > 1


def test_what_is_to_stay_apart_waits_and_lets_others_pass(tmp_path: Path) -> None:
    doors = frozenset({"doors"})
    waiting = [Group("first", "fleet", (), doors), Group("second", "", (), doors), Group("third", "", ())]
    one, other = shared(waiting, tmp_path), shared(waiting, tmp_path)
    assert (next(one).name, next(other).name) == ("first", "third")
    assert list(one) == [waiting[1]]
    assert list(other) == []


def test_all_that_a_module_and_its_tests_name_is_kept_apart() -> None:
    marks = [pytest.mark.apart("doors", "windows").mark, pytest.mark.apart("roof").mark]
    item: Any = SimpleNamespace(path="house", get_closest_marker=lambda _: None, iter_markers=lambda _: marks)
    (group,) = groups([item])
    assert group.apart == {"doors", "windows", "roof"}


def test_what_takes_longest_begins_first_of_its_kind() -> None:
    def item(path: str, *marks: str) -> Any:
        return SimpleNamespace(path=path, get_closest_marker=lambda name: name in marks, iter_markers=lambda _: ())

    made = groups([item("a"), item("b", "teams"), item("c", "long"), item("d", "teams", "long"), item("e", "fleet")])
    assert [group.name.split()[0] for group in made] == ["e", "d", "b", "c", "a"]


def test_what_a_run_had_when_it_died_is_not_run_and_stands_in_nobodys_way(tmp_path: Path) -> None:
    waiting = [Group("first", "fleet", ()), Group("second", "teams", ())]
    dying = shared(waiting, tmp_path)
    assert next(dying).name == "first"
    dying.close()
    assert [group.name for group in shared(waiting, tmp_path)] == ["second"]


def test_a_module_has_a_name_of_its_own() -> None:
    """Of two with one name, in folders that are no packages, pytest cannot collect both."""
    names = Counter(file.name for file in Path(__file__).parents[2].rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_runs_last_words_are_what_failed_and_how_it_ended(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    for body, words in (
        ("...", ("1 passed",)),
        ("assert 1 == 2", (SUMMARY, "test_it.py::test_a", "1 failed")),
    ):
        test.write_text(f"def test_a(): {body}")
        run = Run("", f"--rootdir={tmp_path}", "--override-ini=addopts=", str(test))
        run.end()
        assert [word in line for word, line in zip(words, run.summary, strict=True)] == [True] * len(words), run.summary


CONFTEST = """
import itertools, pathlib, pytest
from tests.support import side_by_side

pytest_runtestloop = pytest.hookimpl(tryfirst=True)(lambda session: side_by_side.run(session, pathlib.Path("share")) or True)
numbers = itertools.count(1)

@pytest.fixture(scope="session")
def number():
    return next(numbers)
"""
MODULES = {
    "test_a.py": "import pytest\n@pytest.mark.teams\ndef test_a(number): assert number == 2\n",
    "test_b.py": "import pytest\npytestmark = pytest.mark.together('x')\ndef test_b(): ...\n",
    "test_c.py": "import pytest\n@pytest.mark.fleet\ndef test_c(number): assert number == 1\n"
    "def test_d(number): assert number == 3\n",
    "test_e.py": "import pytest\npytestmark = pytest.mark.together('x')\ndef test_e(): ...\ndef test_f(): assert False\n",
}


def test_pytest_runs_groups_in_their_order_and_each_makes_what_it_shares_anew(tmp_path: Path) -> None:
    for name, text in {**MODULES, "conftest.py": CONFTEST, "pytest.ini": "[pytest]\n"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "share").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"]

    def run() -> tuple[int, list[str]]:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done.returncode, re.findall(r"^test_.\.py::(\w+) (?:PASSED|FAILED)", done.stdout, re.MULTILINE)

    assert run() == (1, ["test_c", "test_a", "test_b", "test_e", "test_f", "test_d"])
    assert run() == (0, [])  # nothing is left
