"""Decides whether an instance is as good as it was: takes it and the world, gives nothing when it is, says why when it is not,
never mends it.

Three gates, in this order: Airflow calls itself healthy, a task comes to its end, people can sign in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from fleet.apply import Tell, step
from fleet.backup import Source, source
from fleet.desired import DesiredInstance, migration, naming, signon, smoke
from fleet.drivers.kubernetes import core, group
from fleet.drivers.metadata import Metadata
from fleet.drivers.openid import Realm
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.wait import HEALTHY_SECONDS, wait_for_job, wait_until_healthy

_PAUSE_SECONDS = 1.0


class _Unanswered(FleetError):
    """A server says that it cannot answer now: HTTP 5xx, its own or that of what leads to it."""


async def hold(desired: DesiredInstance, world: World, tell: Tell, seconds: float = HEALTHY_SECONDS) -> None:
    """Go through the gates, each a step of its own. A suspended instance has none.

    Args:
        seconds: how long a gate may stay shut.

    Raises:
        FleetError: a gate is shut; those after it were not tried.
    """
    if desired.suspended:
        return
    await step(desired.name, "healthy", _healthy(desired, world, seconds), tell)
    # A release that `fleet` rolled before it had that DAG may be what an upgrade goes back to.
    if smoke.is_in(desired.parts["airflow"]["values"]):
        await step(desired.name, "smoke", _smoke(desired, world, seconds), tell)
    await step(desired.name, "sign-on", _sign_on(desired, world, seconds), tell)


async def _healthy(desired: DesiredInstance, world: World, seconds: float) -> str:
    await wait_until_healthy(world.cluster, desired, seconds)
    return "every pod is ready, Airflow calls itself healthy"


async def _smoke(desired: DesiredInstance, world: World, seconds: float) -> str:
    found, started = await source(desired.name, world), datetime.now(UTC)
    run = f"fleet__{started:%Y-%m-%dT%H:%M:%SZ}"
    await _ready(found, seconds)
    command = ["airflow", "dags", "trigger", smoke.DAG, "--run-id", run]
    await _run(migration.another(desired.migration_job, f"fleet-smoke-{started:%Y%m%d%H%M%S}", command), world)
    await _succeeded(found, run, seconds)
    return f"{smoke.DAG} run {run} succeeded"


async def _ready(found: Source, seconds: float) -> None:
    """Until Airflow knows the DAG. It is fleet's own, so nobody's pause and no drain holds it.

    Raises:
        FleetError: not within ``seconds``.
    """
    from psycopg import sql

    known = sql.SQL("update dag set is_paused = false where dag_id = %s and not is_stale returning 1")
    end = time.monotonic() + seconds
    await Metadata(found.login, found.database).make_pool(smoke.POOL, smoke.SLOTS, smoke.PURPOSE)
    async with found.login.connected(found.database) as connection:
        while await (await connection.execute(known, [smoke.DAG])).fetchone() is None:
            if time.monotonic() > end:
                raise FleetError(
                    f"Airflow does not know the DAG {smoke.DAG} after {seconds:.0f} s", where=found.instance,
                    hint=f"`fleet logs {found.instance} --component dag-processor` shows what it reads",
                )  # fmt: skip
            await asyncio.sleep(_PAUSE_SECONDS)


async def _run(job: Mapping[str, Any], world: World) -> None:
    """Run a Job to its end; it is deleted whatever came of it."""
    namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
    await world.cluster.create(group("batch/v1", "jobs", namespace), dict(job))
    try:
        await wait_for_job(world.cluster, namespace, name)
    finally:
        with suppress(FleetError):  # it goes by itself within a day
            await world.cluster.delete(group("batch/v1", "jobs", namespace, name))


async def _succeeded(found: Source, run: str, seconds: float) -> None:
    """Until the run is a success.

    Raises:
        FleetError: it failed, or did not end within ``seconds``.
    """
    query = """
        select r.state, coalesce(string_agg(t.state, ', '), 'none')
        from dag_run r left join task_instance t on t.dag_id = r.dag_id and t.run_id = r.run_id
        where r.dag_id = %s and r.run_id = %s group by r.state
    """
    end, state, task = time.monotonic() + seconds, "gone", "gone"
    while time.monotonic() < end and state != "failed":
        async with found.login.connected(found.database) as connection:
            row = await (await connection.execute(query, [smoke.DAG, run])).fetchone()
        state, task = row or ("gone", "gone")
        if state == "success":
            return
        await asyncio.sleep(_PAUSE_SECONDS)
    limit = "" if state == "failed" else f" after {seconds:.0f} s"
    raise FleetError(
        f"no task comes to its end: {smoke.DAG} run {run} is {state}{limit}, its task {task or 'none'}",
        where=found.instance,
        hint=f"`fleet logs {found.instance} --component scheduler` shows what the executor says",
    )


async def _sign_on(desired: DesiredInstance, world: World, seconds: float) -> str:
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(_Unanswered), stop=stop_after_delay(seconds), wait=wait_fixed(_PAUSE_SECONDS),
        reraise=True,
    ):  # fmt: skip
        with attempt:
            return await _signs_on(desired, world)
    raise AssertionError("unreachable: tenacity returns or raises")


async def _signs_on(desired: DesiredInstance, world: World) -> str:
    told = desired.parts["terraform"]["variables"]
    realm = Realm(told["sso"]["url"], told["sso"]["realm"], await world.authority())
    manager = signon.manager(told)
    status, wrong = await (_fab_page(desired, world) if manager == "fab" else _leads_to(desired, world, realm))
    if wrong:
        raise _failure(status)(f"nobody can sign in: {wrong}", where=desired.name)
    client, back = naming.client_id(desired.name), f"{desired.url}{signon.SIGNED_IN[manager]}"
    answer = await realm.begin(client, back)
    if answer.status != 200:
        raise _failure(answer.status)(
            f"nobody can sign in: Keycloak refuses {client} and {back}: {answer.error or f'HTTP {answer.status}'}",
            where=desired.name, hint=f"`fleet apply {desired.name} --refresh` makes the client what it should be",
        )  # fmt: skip
    return f"{manager}, {client}"


def _failure(status: int) -> type[FleetError]:
    return _Unanswered if status >= 500 else FleetError


async def _fab_page(desired: DesiredInstance, world: World) -> tuple[int, str]:
    """HTTP status of FAB's page, and what is wrong with it; empty where it offers Keycloak."""
    page = await world.cluster.answer(_proxied(desired, "/auth/login/"))
    if page.status != 200:
        return page.status, f"the page answers HTTP {page.status}"
    return page.status, "" if "btn-signin-keycloak" in page.text else "the page does not offer Keycloak"


async def _leads_to(desired: DesiredInstance, world: World, realm: Realm) -> tuple[int, str]:
    """As :func:`_fab_page`: the Keycloak manager has no page, it sends people on."""
    page = await world.cluster.answer(_proxied(desired, "/auth/login"))
    if page.location.startswith(realm.url.rstrip("/") + "/"):
        return page.status, ""
    said = f"Airflow answers HTTP {page.status} and sends people {page.location or 'nowhere'}, not to Keycloak"
    return page.status, said


def _proxied(desired: DesiredInstance, path: str) -> str:
    """A path of the instance, as the Kubernetes API server leads to it."""
    service = core("services", desired.namespace, f"http:{naming.API_SERVER}:{naming.API_PORT}")
    return f"{service}/proxy{urlsplit(desired.url).path}{path}"
