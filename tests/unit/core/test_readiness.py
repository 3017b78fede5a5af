"""The trial of another Airflow: what its outputs mean, what counts as new, and in which pod it runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fleet.desired import Contents, build
from fleet.errors import FleetError
from fleet.upgrade import readiness, trial
from tests.unit.inventory.texts import HEAD, load_text

LINT = """2026-11-22T23:35:38Z [warning  ] The workers option in [webserver] has been moved
Found issues in your airflow.cfg:
  - Changed default value of `executor` in `core` from `SequentialExecutor` to `LocalExecutor`. You currently have X set.
  - Removed deprecated `check_slas` configuration parameter from `core` section.
The SLA feature is removed in Airflow 3.0
  - `workers` configuration parameter moved from `webserver` section to `api` section as `workers`.

Please update your configuration file accordingly.
"""
SQL = """2026-11-22T23:35:38Z [info     ] Generating sql for upgrade
BEGIN;

-- Running upgrade a -> b

ALTER TABLE xcom ADD COLUMN dag_result BOOLEAN;

COMMIT;

2026-11-22T23:35:39Z [info     ] done
"""


def log(**changed: Any) -> str:
    """What a pod said."""
    found = {
        "migrations": {"airflow": {"known": True, "run": [["b", "Add one."]], "sql": "BEGIN;"}},
        "lint": [],
        "imports": {"failed": "", "errors": []},
    }
    return f"a warning\n\n{trial.BEGIN}\n{json.dumps({**found, **changed})}\n{trial.END}\nmore\n"


def test_lint_is_read_without_what_is_as_it_should_be() -> None:
    first, second = trial.issues(LINT)
    assert first == (
        "Removed deprecated `check_slas` configuration parameter from `core` section. "
        "The SLA feature is removed in Airflow 3.0"
    )
    assert second.startswith("`workers` configuration parameter moved")
    assert trial.issues("No issues found in your airflow.cfg. It is ready for Airflow 3!\n") == []


def test_sql_is_kept_without_the_log_around_it() -> None:
    kept = trial.statements(SQL)
    assert kept.startswith("BEGIN;") and kept.endswith("COMMIT;") and "ALTER TABLE" in kept


def test_only_files_that_import_today_count_as_broken() -> None:
    errors = [
        ["dags-folder", "old.py", "Traceback\nImportError: before\n"],
        ["dags-folder", "new.py", "Traceback\n  File x\nImportError: at postgresql://a:geheim@db/x\n\n"],
        ["other", "old.py", ""],
    ]
    found = readiness.read(log(imports={"failed": "", "errors": errors}), {("dags-folder", "old.py")})
    assert found.new_import_errors == {
        "new.py": "ImportError: at postgresql://***@db/x",
        "old.py": "no reason given",
    }
    assert found.revisions == {"airflow": [("b", "Add one.")]} and len(found.blocking) == 2


def test_nothing_blocks_where_nothing_breaks() -> None:
    assert readiness.read(log(lint=["mend me"]), set()).blocking == []


def test_what_could_not_be_tried_and_a_newer_database_block() -> None:
    newer = {"airflow": {"known": False, "run": [], "sql": ""}}
    found = readiness.read(log(migrations=newer, imports={"failed": "killed", "errors": []}), set())
    assert found.blocking == [
        "the database is newer than the image (airflow's migrations)",
        "the DAGs could not be tried: killed",
    ]


def test_a_pod_that_said_nothing_is_an_error_with_its_last_words() -> None:
    with pytest.raises(FleetError, match="said nothing") as caught:
        readiness.read("first\nbash: python: not found\n", set())
    assert "python: not found" in caught.value.hint


def test_it_runs_where_the_dag_processor_does_with_git_sync_before_it_and_read_only() -> None:
    desired = build(load_text(HEAD + "teams:\n  a: {owner: x}\n").inventory, Contents("p", "t", "g", "a", "c"))
    live = {
        "serviceAccountName": "airflow-dag-processor",
        "affinity": {},
        "volumes": [{"name": "dags", "emptyDir": {}}],
        "initContainers": [{"name": "git-sync-init", "image": "git-sync:v4"}],
        "containers": [
            {"name": "git-sync", "image": "git-sync:v4"},
            {
                "name": "dag-processor", "image": "old", "command": ["x"], "args": ["airflow", "dag-processor"],
                "livenessProbe": {}, "env": [{"name": "OWN", "value": "1"}], "volumeMounts": [{"name": "dags"}],
            },
        ],
    }  # fmt: skip
    template = {"metadata": {"labels": {"release": "airflow", "component": "dag-processor"}}, "spec": live}
    made = readiness.job(desired.instances["a"], template, {"airflow": "1d66"})
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == desired.instances["a"].parts["migration"]["image"] and container["args"][0] == "python"
    assert not {"command", "livenessProbe"} & set(container)
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert environment["OWN"] == "1" and environment["PGOPTIONS"] == "-c default_transaction_read_only=on"
    assert json.loads(environment[trial.ORDERS]) == {"revisions": {"airflow": "1d66"}}
    assert pod["initContainers"] == live["initContainers"] and pod["volumes"] == live["volumes"]
    assert pod["serviceAccountName"] == "airflow-dag-processor" and pod["restartPolicy"] == "Never"
    # No Deployment counts the pod for its own.
    assert "release" not in made["spec"]["template"]["metadata"]["labels"]
