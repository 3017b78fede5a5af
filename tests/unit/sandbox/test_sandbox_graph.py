"""Tasks run after what they need, each once; what leans on a failure is left out and the rest still runs."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import FleetError, FleetErrors
from fleet.sandbox.graph import Task, order, run_all


@st.composite
def task_sets(draw: st.DrawFn) -> list[tuple[str, tuple[str, ...]]]:
    """Names with needs that never form a circle, in a shuffled order."""
    names = [f"t{number}" for number in range(draw(st.integers(0, 8)))]
    edges = [(name, tuple(draw(st.sets(st.sampled_from(names[:at]))) if at else ())) for at, name in enumerate(names)]
    return draw(st.permutations(edges))


@given(task_sets())
def test_every_task_comes_after_what_it_needs(edges: list[tuple[str, tuple[str, ...]]]) -> None:
    placed = order([Task(name, lambda: None, needs) for name, needs in edges])
    seen: set[str] = set()
    for task in placed:
        assert seen.issuperset(task.needs)
        seen.add(task.name)
    assert len(placed) == len(edges)


@given(task_sets())
def test_every_task_runs_exactly_once(edges: list[tuple[str, tuple[str, ...]]]) -> None:
    ran: list[str] = []
    run_all([Task(name, partial(ran.append, name), needs) for name, needs in edges])
    assert sorted(ran) == sorted(name for name, _ in edges)


@pytest.mark.parametrize(
    "tasks",
    [[("a", ("b",)), ("b", ("a",))], [("a", ("missing",))], [("a", ("a",))]],
    ids=["circle", "unknown", "itself"],
)
def test_a_circle_or_an_unknown_need_is_refused_before_anything_runs(tasks: list[tuple[str, tuple[str, ...]]]) -> None:
    ran: list[str] = []
    with pytest.raises(FleetError, match="wait for each other"):
        run_all([Task(name, partial(ran.append, name), needs) for name, needs in tasks])
    assert ran == []


def _fail(what: str) -> None:
    raise FleetError(what)


def test_what_leans_on_a_failure_is_left_out_and_the_rest_runs() -> None:
    ran: list[str] = []
    tasks = [
        Task("bad", partial(_fail, "broken")),
        Task("leaning", partial(ran.append, "leaning"), ("bad",)),
        Task("slow", lambda: time.sleep(0.1)),
        Task("other", partial(ran.append, "other"), ("slow",)),
    ]
    with pytest.raises(FleetError, match="broken"):
        run_all(tasks)
    assert ran == ["other"]


def test_several_failures_are_all_told() -> None:
    with pytest.raises(FleetErrors) as caught:
        run_all([Task("a", partial(_fail, "one")), Task("b", partial(_fail, "two"))])
    assert sorted(error.what for error in caught.value.errors) == ["one", "two"]


def test_a_fault_of_the_program_is_not_hidden_behind_a_said_failure() -> None:
    def fault() -> None:
        raise KeyError("fault")

    with pytest.raises(KeyError):
        run_all([Task("a", partial(_fail, "one")), Task("b", fault)])


def test_heavy_work_shares_its_slots_and_light_work_does_not_wait() -> None:
    at_once, most, lock, ran = 0, 0, threading.Lock(), threading.Event()

    def heavy() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        assert ran.wait(60)  # with both slots taken, the light one gets through
        time.sleep(0.05)
        with lock:
            at_once -= 1

    run_all([*(Task(f"h{number}", heavy, heavy=True) for number in range(6)), Task("light", ran.set)], heavy_slots=2)
    assert most == 2
