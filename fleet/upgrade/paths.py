"""Ways from one Airflow to another: takes two versions, says why there is none, never looks at an instance."""

from __future__ import annotations

from fleet.diff import numbers


def problem(before: str, after: str) -> str | None:
    """Why an upgrade from ``before`` to ``after`` is none that Airflow supports; None where it is one.

    Airflow migrates its database from any release of a major version to any later one, and to the next major version only from
    the last release before it: https://airflow.apache.org/docs/apache-airflow/stable/installation/upgrading_to_airflow3.html
    """
    first, second = numbers(before), numbers(after)
    if first == second:
        return f"it is Airflow {after} already"
    if second < first:
        return f"Airflow {before} → {after} is a downgrade; `fleet rollback` goes back"
    if first[0] != second[0]:
        return f"Airflow {before} → {after} crosses a major version, which `fleet` does not do"
    return None
