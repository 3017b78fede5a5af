"""One operator per instance: takes a cluster and a name, holds a Kubernetes Lease while the work lasts, never does the work.

The protocol is that of Kubernetes' own leader election: a holder renews; whoever wants the Lease watches it on a clock of its
own, so that two machines' clocks may differ, and takes it over when it has not been renewed for as long as it lasts.
https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from getpass import getuser

from fleet.desired import naming
from fleet.drivers.kubernetes import ApiError, Cluster, Manifest, group
from fleet.errors import ExitCode, FleetError

LASTS_SECONDS = 30
_RENEW_SECONDS = 8.0
_LOOK_SECONDS = 1.0


def holder() -> str:
    """Who this process is, for whoever finds the Lease held."""
    return f"{_here()}, process {os.getpid()}"


def _here() -> str:
    return f"{getuser()}@{socket.gethostname()}"


def _died_here(other: str) -> bool:
    """Whether the holder was a process of ours on this machine and is no more; one elsewhere has to go stale."""
    where, _, process = other.partition(", process ")
    if where != _here() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


@contextlib.asynccontextmanager
async def held(cluster: Cluster, instance: str, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Hold the instance's Lease.

    Args:
        say: told once if somebody's Lease has to be waited for.

    Raises:
        FleetError: somebody else holds it and renews it (exit code REFUSED); or it was lost amid the work, which is then
            cancelled.
    """
    path, me = group("coordination.k8s.io/v1", "leases", naming.SYSTEM_NAMESPACE, naming.lease(instance)), holder()
    await _acquire(cluster, path, instance, me, say)
    work = asyncio.current_task()
    assert work is not None  # noqa: S101 (a coroutine runs in one)
    lost: list[FleetError] = []
    renewing = asyncio.create_task(_renew(cluster, path, instance, me, work, lost))
    try:
        yield
    except asyncio.CancelledError:
        if lost and work.uncancel() == 0:
            raise lost[0] from None
        raise
    finally:
        renewing.cancel()
        with contextlib.suppress(asyncio.CancelledError, FleetError):
            await renewing
        if not lost:
            with contextlib.suppress(FleetError):  # it goes stale by itself
                await _release(cluster, path, me)


async def _acquire(cluster: Cluster, path: str, instance: str, me: str, say: Callable[[str], None]) -> None:
    seen, since = "", time.monotonic()
    while True:
        lease = await cluster.get(path)
        spec = (lease or {}).get("spec", {})
        other, renewed = spec.get("holderIdentity"), f"{spec.get('renewTime')}"
        free = not other or _died_here(other) or _stale(seen, renewed, since, spec)
        if free and await _take(cluster, path, instance, me, lease):
            return
        if seen and renewed != seen:
            raise FleetError(
                f"held by {other}, who is at work on it",
                where=instance,
                hint="wait until that run has ended, then run the same command again",
                exit_code=ExitCode.REFUSED,
            )
        if not seen:
            say(f"{instance}: held by {other}; looking whether that run is alive (up to {LASTS_SECONDS} s)")
            seen, since = renewed, time.monotonic()
        await asyncio.sleep(_LOOK_SECONDS)


def _stale(seen: str, renewed: str, since: float, spec: Manifest) -> bool:
    return seen == renewed and time.monotonic() - since > float(spec.get("leaseDurationSeconds") or LASTS_SECONDS)


async def _take(cluster: Cluster, path: str, instance: str, me: str, lease: Manifest | None) -> bool:
    """Make the Lease ours; False if somebody was faster."""
    fresh = _manifest(instance, me)
    if lease is None:
        return await cluster.create(path.rsplit("/", 1)[0], fresh)
    # The version that was looked at: the API server refuses if it is not the newest.
    fresh["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"]
    try:
        await cluster.replace(path, fresh)
    except ApiError as error:
        if error.status in (404, 409):
            return False
        raise
    return True


async def _renew(
    cluster: Cluster, path: str, instance: str, me: str, work: asyncio.Task[object], lost: list[FleetError]
) -> None:
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        with contextlib.suppress(FleetError):  # an outage: whoever is without the API server cannot take it over either
            lease = await cluster.get(path)
            if not _is_held_by(me, lease) or not (
                await _take(cluster, path, instance, me, lease)
                # Refused, and still ours: the renewal came through, its answer did not, and it was sent again.
                or _is_held_by(me, await cluster.get(path))
            ):
                lost.append(FleetError("its Lease was taken over by another run", where=instance))
                work.cancel()
                return


async def _release(cluster: Cluster, path: str, me: str) -> None:
    if _is_held_by(me, await cluster.get(path)):
        await cluster.delete(path)


def _is_held_by(me: str, lease: Manifest | None) -> bool:
    return lease is not None and lease["spec"].get("holderIdentity") == me


def _manifest(instance: str, me: str) -> Manifest:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": naming.lease(instance),
            "namespace": naming.SYSTEM_NAMESPACE,
            "labels": {naming.INSTANCE_LABEL: instance},
        },
        "spec": {
            "holderIdentity": me,
            "leaseDurationSeconds": LASTS_SECONDS,
            "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),  # MicroTime
        },
    }
