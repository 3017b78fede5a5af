"""The fleet itself: takes desired and observed, gives findings on what is half-done, held, left over or too much, never asks
what `fleet plan` and `fleet status` show anyway."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from fleet import budget
from fleet.desired import PARTS, Desired, naming
from fleet.doctor.finding import Finding
from fleet.drivers.kubernetes import Cluster, Manifest, group
from fleet.observe import Observed, ObservedInstance, observe


async def examine(desired: Desired, cluster: Cluster, now: datetime) -> list[Finding]:
    """Every instance that needs somebody, every Lease, the quotas; or that all is well."""
    observed = await observe(cluster)
    leases = await cluster.list(
        group("coordination.k8s.io/v1", "leases", naming.SYSTEM_NAMESPACE), labels=naming.INSTANCE_LABEL
    )
    quotas = budget.quota_warnings(desired, await budget.nodes(cluster))
    findings = [
        *half_done(observed),
        *left_over(desired, observed),
        *held(leases, now),
        *(Finding("fleet", "quotas", "warn", line, "add nodes, or choose smaller quotas") for line in quotas),
    ]
    return findings or [Finding("fleet", "instances", "ok", f"{len(observed.instances)}, none half-done or left over")]


def half_done(observed: Observed) -> Iterator[Finding]:
    """Instances whose last run did not end, and Helm releases that were left in the middle."""
    for name, instance in sorted(observed.instances.items()):
        if missing := _unfinished(instance):
            yield Finding("fleet", name, "warn", f"not finished: {', '.join(missing)}", f"fleet apply {name}")
        for release, status in instance.releases.items():
            if status != "deployed":
                yield Finding(
                    "fleet", name, "warn", f"the Helm release of {release} is {status}", f"fleet apply {name}"
                )
        if instance.terminating:
            mend = f"kubectl get namespace {naming.namespace(name)} --output yaml"
            yield Finding("fleet", name, "warn", "its namespace is being deleted", mend)


def _unfinished(instance: ObservedInstance) -> list[str]:
    if instance.record is None or instance.record.kept is not None:
        return []
    return [part for part in PARTS if part not in instance.record.parts]


def left_over(desired: Desired, observed: Observed) -> Iterator[Finding]:
    """What no inventory entry explains: orphans, and databases that were kept on purpose."""
    for name in sorted(set(observed.instances) - set(desired.instances)):
        instance = observed.instances[name]
        if instance.record is not None and instance.record.kept is not None and instance.created is None:
            yield Finding("fleet", name, "ok", f"its database was kept; `fleet remove-team {name}` takes it away")
        else:
            yield Finding("fleet", name, "warn", "orphan: not in the inventory", f"fleet remove-team {name}")


def held(leases: list[Manifest], now: datetime) -> Iterator[Finding]:
    """Leases: somebody is at work, or was and died."""
    for each in leases:
        spec, name = each["spec"], each["metadata"]["labels"][naming.INSTANCE_LABEL]
        age = (now - datetime.fromisoformat(spec["renewTime"])).total_seconds()
        if age <= spec["leaseDurationSeconds"]:
            yield Finding("fleet", name, "ok", f"{spec.get('holderIdentity')} is at work on it")
        else:
            what = f"held by {spec.get('holderIdentity')}, who has not been heard of for {age:.0f} s"
            yield Finding("fleet", name, "warn", what, f"fleet apply {name}  (takes it over)")
