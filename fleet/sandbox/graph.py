"""Dependent work in parallel: takes tasks with what they need, runs each when that is done, never runs one twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from fleet.errors import FleetError


@dataclass(frozen=True)
class Task:
    """Work with a name; ``heavy`` work (compilers) shares a bounded number of slots."""

    name: str
    run: Callable[[], None]
    needs: tuple[str, ...] = ()
    heavy: bool = False


def run_all(tasks: Sequence[Task], heavy_slots: int = 2) -> None:
    """Run every task once, as early as what it needs allows.

    After a failure nothing new begins; what is under way is waited for, and then the first failure is raised.

    Raises:
        FleetError: a task needs one that does not exist, or tasks need each other in a circle.
        Exception: whatever the first failing task raised.
    """
    order(tasks)
    slots = threading.Semaphore(heavy_slots)
    waiting, done, running = list(tasks), set[str](), dict[Future[None], Task]()
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=max(1, len(tasks))) as pool:
        try:
            while running or (waiting and failure is None):
                if failure is None:
                    ready = [task for task in waiting if done.issuperset(task.needs)]
                    waiting = [task for task in waiting if task not in ready]
                    running |= {pool.submit(_run, task, slots): task for task in ready}
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    done.add(running.pop(future).name)
                    failure = failure or future.exception()
        finally:
            pool.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure


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


def _run(task: Task, slots: threading.Semaphore) -> None:
    if not task.heavy:
        return task.run()
    with slots:
        return task.run()
