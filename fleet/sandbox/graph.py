"""Dependent work in parallel: takes tasks with what they need, runs each when that is done, never runs one twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import SimpleQueue

from fleet.errors import FleetError, FleetErrors


@dataclass(frozen=True)
class Task:
    """Work with a name; ``heavy`` work (compilers) shares a bounded number of slots."""

    name: str
    run: Callable[[], None]
    needs: tuple[str, ...] = ()
    heavy: bool = False


_End = tuple[Task, BaseException | None]


def run_all(tasks: Sequence[Task], heavy_slots: int = 2) -> None:
    """Run every task once, as early as what it needs allows.

    What leans on a failed task is left out; everything else still runs, and then the failures are raised.

    Raises:
        FleetError: a task needs one that does not exist, or tasks need each other in a circle, or one failed so.
        FleetErrors: several failed so.
        Exception: whatever else a task raised.
    """
    waiting, done, failures = order(tasks), set[str](), list[BaseException]()
    slots, ended = threading.Semaphore(heavy_slots), SimpleQueue[_End]()
    running = 0
    while True:
        ready = [task for task in waiting if done.issuperset(task.needs)]
        waiting = [task for task in waiting if task not in ready]
        for task in ready:
            # Daemons: an interrupted program ends at once, and what it has started goes on by itself.
            threading.Thread(target=_run, args=(task, slots, ended), name=task.name, daemon=True).start()
        running += len(ready)
        if not running:
            return _raise(failures)
        task, error = ended.get()
        running -= 1
        failures += [error] if error else []
        done |= set() if error else {task.name}


def order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks so that each comes after what it needs, otherwise in the given order."""
    placed: dict[str, Task] = {}
    waiting = list(tasks)
    while waiting:
        ready = [task for task in waiting if all(need in placed for need in task.needs)]
        if not ready:
            names = ", ".join(task.name for task in waiting)
            raise FleetError(f"tasks wait for each other or for something unknown: {names}")
        placed |= {task.name: task for task in ready}
        waiting = [task for task in waiting if task.name not in placed]
    return list(placed.values())


def _raise(failures: list[BaseException]) -> None:
    said = [failure for failure in failures if isinstance(failure, FleetError)]
    if len(said) > 1 and len(said) == len(failures):
        raise FleetErrors(said)
    if failures:
        raise next((failure for failure in failures if not isinstance(failure, FleetError)), failures[0])


def _run(task: Task, slots: threading.Semaphore, ended: SimpleQueue[_End]) -> None:
    try:
        with slots if task.heavy else nullcontext():
            task.run()
    except BaseException as error:  # whatever it is, the one who waits must hear of it
        ended.put((task, error))
    else:
        ended.put((task, None))
