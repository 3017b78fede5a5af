"""What the attempts came to: nothing that could not be tried counts as refused, and the worst word counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import ExitCode
from fleet.verify.attempts import ATTEMPTS, BY_ID
from fleet.verify.inside import read
from fleet.verify.matrix import VERDICTS, Cell, Try, cell, exit_code, holes, lines, settle, unknowns
from fleet.verify.probe import AIRFLOW, TASK
from fleet.verify.words import rows, text

TRIES = st.builds(Try, st.sampled_from(sorted(BY_ID)), st.sampled_from(["a", "b"]), st.sampled_from(["", "c"]))
CELLS = st.builds(cell, TRIES, st.sampled_from([*VERDICTS, "nonsense"]), st.sampled_from(["x", "y"]))


@given(st.lists(TRIES), st.lists(CELLS))
def test_every_try_has_one_cell_and_only_what_refused_is_refused(tries: list[Try], said: list[Cell]) -> None:
    cells = settle(tries, said)
    assert [each.tried for each in cells] == list(dict.fromkeys(tries))
    for each in cells:
        words = {one.verdict for one in said if one.tried == each.tried}
        assert (each.verdict == "refused") == (words == {"refused"})
        assert (each.verdict == "hole") == ("hole" in words)


@given(st.lists(TRIES, min_size=1), st.lists(CELLS))
def test_the_exit_code_is_0_only_where_all_is_refused(tries: list[Try], said: list[Cell]) -> None:
    cells = settle(tries, said)
    code = exit_code(cells)
    assert (code is ExitCode.DONE) == all(each.verdict == "refused" for each in cells)
    assert (code is ExitCode.REFUSED) == bool(holes(cells))


def test_nothing_tried_proves_nothing() -> None:
    assert exit_code([]) is ExitCode.FAILED


@given(st.lists(TRIES, min_size=1), st.lists(CELLS))
def test_the_matrix_counts_every_cell_once(tries: list[Try], said: list[Cell]) -> None:
    cells = settle(tries, said)
    found = lines(cells)
    assert sum(line.tried for line in found) == len(cells)
    assert sum(line.holes for line in found) == len(holes(cells))
    assert sum(line.unknown for line in found) == len(unknowns(cells))
    assert all(line.refused + line.holes + line.unknown == line.tried for line in found)


def test_a_hole_is_named() -> None:
    cells = [cell(Try("db-connect", "marketing", "finance"), "hole", "signed in")]
    assert text(cells).splitlines()[:2] == [
        "HOLE     db-connect  marketing → finance: connects to another team's database and reads its catalog",
        "         signed in",
    ]
    assert rows(cells)[0] | {"how": ""} == {
        "attempt": "db-connect", "a team": BY_ID["db-connect"].what, "tried": 1, "refused": 0, "how": "",
    }  # fmt: skip


def test_what_a_pod_says_between_its_results_is_passed_over() -> None:
    log = "\n".join([
        "Traceback: something of the image", "[]", "{}", '{"fleet-verify": "no-such-attempt", "against": ""}',
        '{"fleet-verify": "db-become", "against": "finance", "verdict": "refused", "how": "no"}',
        '{"fleet-verify": "db-queries", "against": "finance", "verdict": "fine"}',
    ])  # fmt: skip
    assert list(read(log, "marketing")) == [
        Cell("db-become", "marketing", "finance", "refused", "no"),
        Cell("db-queries", "marketing", "finance", "unknown", ""),
    ]


def test_every_attempt_from_inside_has_its_probe_and_the_other_way_round() -> None:
    for place, (alone, against) in (("task", TASK), ("airflow", AIRFLOW)):
        wanted = [each for each in ATTEMPTS if each.place == place]
        assert set(alone) == {each.id for each in wanted if not each.each}
        assert set(against) == {each.id for each in wanted if each.each}


def test_there_are_many_kinds_and_each_says_what_it_is() -> None:
    assert len(BY_ID) == len(ATTEMPTS) >= 25
    assert all(each.what and not each.what.endswith(".") for each in ATTEMPTS)
