"""What became of a DAG's tasks: takes a DAG, gives the query for all their tries, and of its rows those that are wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Try(NamedTuple):
    """One of a task's, the last or an earlier one."""

    run: str
    number: int
    state: str | None
    queued: object
    begun: object
    ended: object


def query(dag: str) -> str:
    """For rows that are a :class:`Try` each. Airflow keeps the tries before the last one in a table of their own."""
    columns, of = "select run_id, try_number, state, queued_dttm, start_date, end_date from", f"where dag_id = '{dag}'"
    return f"{columns} task_instance {of} union all {columns} task_instance_history {of} order by 1, 2"


def wrong(tries: Iterable[Try]) -> list[Try]:
    """Those of a task that began twice, or that did not end well.

    One that never began does not count: what a scheduler had queued when it ended, the next one queues again.
    """
    begun = [each for each in tries if each.begun]
    times = Counter(each.run for each in begun)
    return [each for each in begun if times[each.run] > 1 or (each.ended and each.state != "success")]
