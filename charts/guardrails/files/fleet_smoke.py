"""A task that does nothing: fleet runs it after an upgrade, to see that this Airflow still brings a task to its end.

It comes with fleet and not with the team's DAGs. Run it whenever you like; it touches nothing.
"""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(
    dag_id="fleet_smoke",
    schedule=None,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=16,
    tags=["fleet"],
    doc_md=__doc__,
)
def fleet_smoke() -> None:
    # A pool of its own: it runs while an upgrade holds the team's tasks back, and takes no slot from them.
    @task(pool="fleet_smoke")
    def nothing() -> None:
        """Done as soon as it runs."""

    nothing()


fleet_smoke()
