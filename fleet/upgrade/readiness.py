"""Tries another Airflow on what an instance has: takes it as it is to be, gives what would be migrated and what would break,
never changes anything.

One Job with the new image in the pod of the running DAG processor: its settings, its way to the DAGs, its rights. Its sessions
in the database are read-only.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from typing import Any

from fleet.apply import Tell, step
from fleet.backup import source
from fleet.desired import DesiredInstance, naming
from fleet.drivers.kubernetes import Cluster, Manifest, core, group
from fleet.drivers.metadata import Metadata
from fleet.drivers.world import World
from fleet.errors import ExitCode, FleetError
from fleet.upgrade.evidence import masked
from fleet.upgrade.preflight import room
from fleet.upgrade.trial import BEGIN, END, ORDERS
from fleet.wait import wait_for_job

_COMPONENT = "dag-processor"
_DEADLINE_SECONDS = 600
_KEPT_SECONDS = 300  # of a Job that fleet could not delete, because it was killed
_SHOWN = 300  # characters of an error
_NOT_IN_A_JOB = ("command", "ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")


@dataclass(frozen=True)
class Readiness:
    """What the new Airflow says of the instance.

    Args:
        revisions: part (`airflow`, `fab`) → the migrations that will run, oldest first: id and title.
        newer: parts whose database the image does not know: a later Airflow has migrated it.
        sql: all that they will run.
        lint: settings that it does not know any more.
        new_import_errors: file → error, of DAGs that import now and would not any more.
        untried: why the DAGs could not be tried; empty where they were.
    """

    revisions: Mapping[str, Sequence[tuple[str, str]]]
    newer: Sequence[str]
    sql: str
    lint: Sequence[str]
    new_import_errors: Mapping[str, str]
    untried: str = ""

    @property
    def blocking(self) -> list[str]:
        """Why the upgrade is not to be begun."""
        return [
            *(f"the database is newer than the image ({part}'s migrations)" for part in self.newer),
            *([f"the DAGs could not be tried: {self.untried}"] if self.untried else []),
            *(f"{file} would not import any more: {error}" for file, error in self.new_import_errors.items()),
        ]

    @property
    def lines(self) -> list[str]:
        """All that a reader of the report has to know."""
        return [
            *(
                f"migration of {part}: {name} {title}"
                for part, found in self.revisions.items()
                for name, title in found
            ),
            *(f"setting: {line}" for line in self.lint),
            *(f"DAG file {file}: {error}" for file, error in self.new_import_errors.items()),
        ]

    def __str__(self) -> str:
        count = sum(map(len, self.revisions.values()))
        return f"{count} migrations, {len(self.lint)} settings to mend, {len(self.new_import_errors)} DAG files would break"


async def check(desired: DesiredInstance, world: World, tell: Tell) -> Readiness:
    """Try the image that ``desired`` names, as a step of its own.

    Raises:
        FleetError: there is nothing to try it on, or the trial itself failed.
    """
    found: list[Readiness] = []

    async def work() -> str:
        found.append(await _check(desired, world))
        return str(found[0])

    await step(desired.name, "readiness", work(), tell)
    return found[0]


async def _check(desired: DesiredInstance, world: World) -> Readiness:
    where = await source(desired.name, world)
    database = Metadata(where.login, where.database)
    processor = await _processor(world.cluster, desired)
    made = job(desired, processor, await database.revisions())
    # Beside a running Airflow: a pod that the quota refuses would be waited for in vain.
    for quota in await world.cluster.list(core("resourcequotas", desired.namespace)):
        if found := list(room("trial", made, quota)):
            raise FleetError(
                found[0].what, where=desired.name, hint="make room in its `quota` (docs/reference/inventory.md)"
            )
    return read(await _run(world.cluster, made), await database.import_errors())


async def _processor(cluster: Cluster, desired: DesiredInstance) -> Manifest:
    labels = f"tier=airflow,component={_COMPONENT}"
    found = await cluster.list(group("apps/v1", "deployments", desired.namespace), labels=labels)
    if not found:
        raise FleetError("is not applied", where=desired.name, hint="`fleet apply` first", exit_code=ExitCode.REFUSED)
    template: Manifest = found[0]["spec"]["template"]
    return template


def job(desired: DesiredInstance, processor: Mapping[str, Any], revisions: Mapping[str, str]) -> dict[str, Any]:
    """The Job: the DAG processor's pod with another image, which runs the trial instead."""
    # Of its labels those by which network policies choose: no Deployment is to take it for its own.
    labels = {"tier": "airflow", "component": _COMPONENT, naming.INSTANCE_LABEL: desired.name}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"fleet-readiness-{secrets.token_hex(3)}",
            "namespace": desired.namespace,
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": _DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(desired, processor["spec"], revisions)},
        },
    }


def _pod(desired: DesiredInstance, live: Mapping[str, Any], revisions: Mapping[str, str]) -> dict[str, Any]:
    container = {key: value for key, value in _airflow(live["containers"]).items() if key not in _NOT_IN_A_JOB}
    program = resources.files("fleet.upgrade").joinpath("trial.py").read_text(encoding="utf-8")
    container |= {
        "image": desired.parts["migration"]["image"],
        "args": ["python", "-c", program],
        "env": [
            *container.get("env", []),
            {"name": ORDERS, "value": json.dumps({"revisions": dict(revisions)})},
            # libpq's: whatever a DAG does when it is parsed, it writes nothing.
            {"name": "PGOPTIONS", "value": "-c default_transaction_read_only=on"},
        ],
    }
    rest = {key: value for key, value in live.items() if key not in ("containers", "affinity")}
    return {**rest, "restartPolicy": "Never", "containers": [container]}


def _airflow(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Airflow's own of a pod's containers; git-sync's would never end."""
    return next(each for each in containers if each["name"] == _COMPONENT)


async def _run(cluster: Cluster, made: Mapping[str, Any]) -> str:
    """What the Job's pod says; it is deleted whatever came of it."""
    namespace, name = made["metadata"]["namespace"], made["metadata"]["name"]
    await cluster.create(group("batch/v1", "jobs", namespace), dict(made))
    try:
        await wait_for_job(cluster, namespace, name)
        (pod,) = await cluster.list(core("pods", namespace), labels=f"batch.kubernetes.io/job-name={name}")
        return await cluster.text(f"{core('pods', namespace, pod['metadata']['name'])}/log", container=_COMPONENT)
    except FleetError as error:
        error.hint = masked(error.hint)
        raise
    finally:
        with suppress(FleetError):  # it goes by itself
            await cluster.delete(group("batch/v1", "jobs", namespace, name))


def read(log: str, known: Collection[tuple[str, str]]) -> Readiness:
    """What the trial printed, without the import errors that there are already.

    Args:
        known: bundle and file of those.

    Raises:
        FleetError: it printed nothing.
    """
    said = log.partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]
    if not said:
        raise FleetError("the trial of the new image said nothing", hint=masked("\n".join(log.splitlines()[-5:])))
    found = json.loads(said)
    migrations, imports = found["migrations"], found["imports"]
    return Readiness(
        revisions={part: [(name, title) for name, title in each["run"]] for part, each in migrations.items()},
        newer=[part for part, each in migrations.items() if not each["known"]],
        sql="\n\n".join(each["sql"] for each in migrations.values() if each["sql"]),
        lint=found["lint"],
        new_import_errors={
            file: _last(text) for bundle, file, text in imports["errors"] if (bundle, file) not in known
        },
        untried=masked(imports["failed"])[:_SHOWN],
    )


def _last(text: str) -> str:
    """The line of a traceback that says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return masked(lines[-1])[:_SHOWN] if lines else "no reason given"
