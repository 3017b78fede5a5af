"""The script behind the probes, against the real server with the columns of Airflow's `job` table."""

from __future__ import annotations

import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from fleet.paths import asset
from tests.support.sandbox import Sandbox

SCRIPT = asset("charts") / "airflow" / "files" / "heartbeat.py"


@pytest.fixture
def database(sandbox: Sandbox) -> Iterator[str]:
    """A database of its own; Airflow's columns that the script reads (airflow/jobs/job.py, 3.3.2)."""
    name = f"heart_{uuid.uuid4().hex[:8]}"
    with sandbox.admin() as server:
        server.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
        try:
            # Open to all it would be a hole for `fleet verify`, which another test may be running.
            server.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')  # type: ignore[arg-type]
            with sandbox.admin(name) as connection:
                connection.execute(
                    "CREATE TABLE job (job_type varchar(30), state varchar(20), hostname varchar(500),"
                    " latest_heartbeat timestamptz)"
                )
            yield name
        finally:
            server.execute(f'DROP DATABASE "{name}"')  # type: ignore[arg-type]


def beats(
    sandbox: Sandbox, database: str, job_type: str, scheme: str = "postgresql"
) -> subprocess.CompletedProcess[str]:
    secret = sandbox.platform
    who = f"{secret['database-admin-username']}:{quote(secret['database-admin-password'])}"
    url = f"{scheme}://{who}@{sandbox.environment['PGHOST']}:{sandbox.environment['PGPORT']}/{database}"
    return subprocess.run(
        [sys.executable, "-I", SCRIPT, job_type],
        env={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url, "PATH": ""},
        capture_output=True,
        text=True,
    )


def insert(sandbox: Sandbox, database: str, job_type: str, state: str, host: str, age_seconds: int) -> None:
    with sandbox.admin(database) as connection:
        connection.execute(
            "INSERT INTO job VALUES (%s, %s, %s, now() - make_interval(secs => %s))",
            (job_type, state, host, age_seconds),
        )


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2"])
def test_a_fresh_beat_of_this_host_is_life(sandbox: Sandbox, database: str, scheme: str) -> None:
    insert(sandbox, database, "SchedulerJob", "running", socket.gethostname(), age_seconds=20)
    assert beats(sandbox, database, "SchedulerJob", scheme).returncode == 0


@pytest.mark.parametrize(
    ("job_type", "state", "host", "age"),
    [
        ("TriggererJob", "running", "", 20),
        ("SchedulerJob", "success", "", 20),
        ("SchedulerJob", "running", "another-pod", 20),
        ("SchedulerJob", "running", "", 200),
    ],
)
def test_nothing_else_is(sandbox: Sandbox, database: str, job_type: str, state: str, host: str, age: int) -> None:
    insert(sandbox, database, job_type, state, host or socket.gethostname(), age)
    done = beats(sandbox, database, "SchedulerJob")
    assert done.returncode == 1
    assert "no SchedulerJob" in done.stderr


def test_a_database_that_is_away_is_not_life_and_the_password_stays_unsaid(sandbox: Sandbox) -> None:
    done = beats(sandbox, "nowhere", "SchedulerJob")
    assert done.returncode != 0
    assert sandbox.platform["database-admin-password"] not in done.stdout + done.stderr
