"""Weighs an adoption: takes what was found and what is desired of it, gives what would be done, or every reason against
it; nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet import paths
from fleet.adopt import imports, ownership, refusals
from fleet.adopt.look import Found, path_of
from fleet.adopt.release import WORKLOADS, objects
from fleet.adopt.values import differences
from fleet.desired import DesiredInstance, naming, secrets, stacks
from fleet.drivers.kubernetes import Manifest, core
from fleet.drivers.terraform_import import Planned, importing, is_empty
from fleet.drivers.world import World
from fleet.errors import ExitCode, FleetError, FleetErrors


@dataclass(frozen=True)
class Adoption:
    """What would be done."""

    found: Found
    desired: DesiredInstance
    entry: Mapping[str, object]
    blocks: tuple[Mapping[str, str], ...]  # what Terraform is to import
    resources: tuple[Planned, ...]  # and what it makes of that; none where the workspace has it already
    taken: tuple[Manifest, ...]  # objects of the guardrails that are there already
    shared: frozenset[str]  # paths of those that the release of Airflow has as well
    updated: Mapping[str, Sequence[str]]  # other objects of Airflow's release → fields that change
    objects: tuple[Manifest, ...]  # of both releases, as they will be


def refuse(problems: Iterator[FleetError] | Sequence[FleetError], name: str) -> None:
    """Refuse with all of them.

    Raises:
        FleetErrors: there are any.
    """
    found = list(problems)
    for each in found:
        each.where = each.where or name
    if found:
        raise FleetErrors(found, exit_code=ExitCode.REFUSED)


async def weigh(
    found: Found, entry: Mapping[str, object], desired: DesiredInstance, chart: Path, world: World
) -> Adoption:
    """What would be done.

    Args:
        chart: that installs Airflow from now on.

    Raises:
        FleetErrors: every reason against it.
    """
    assert found.client is not None and found.database is not None  # noqa: S101 (`refusals.names` came before)
    values = dict(desired.parts["airflow"]["values"])
    guardrails, airflow, warnings = await asyncio.gather(
        world.helm.template(
            naming.guardrails_release(found.name), naming.SYSTEM_NAMESPACE, paths.asset("charts") / "guardrails",
            dict(desired.parts["guardrails"]["values"]),
        ),
        world.helm.rendered(naming.AIRFLOW_RELEASE, desired.namespace, chart, values),
        _warnings(found, world),
    )  # fmt: skip
    rendered, around = objects(airflow), objects(guardrails)
    blocks = imports.blocks(found.name, desired.parts["terraform"]["variables"]["sso"], found.database, found.client)
    resources = await _resources(found, desired, blocks, world)
    problems = [
        *refusals.keys(found, secrets.contents(desired.parts["secrets"], found.keys)),
        *refusals.sign_on(found, found.client, desired.url),
        *refusals.pods(await _differing(found, rendered, world), warnings),
        *refusals.lost(resources),
    ]
    refuse(problems, found.name)
    there = [each for each in around if await world.cluster.get(path_of(each, desired.namespace))]
    in_release = {path_of(each, desired.namespace) for each in found.release.manifest}
    return Adoption(
        found=found,
        desired=desired,
        entry=entry,
        blocks=tuple(blocks),
        resources=tuple(resources),
        taken=tuple(there),
        shared=frozenset(path for each in there if (path := path_of(each, desired.namespace)) in in_release),
        updated=_updated(found, rendered),
        objects=(*around, *rendered),
    )


async def _warnings(found: Found, world: World) -> list[str]:
    """What the API server says of pods that run, were the guardrails' Pod Security level that of the namespace.

    It says `pod: reasons` or `pod (and 2 other pods): reasons`, of pods that have ended as well.
    """
    level = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    path = core("namespaces", name=found.release.namespace)
    said = await world.cluster.warnings(path, {"metadata": {"labels": level}})
    running = tuple(f"{pod['metadata']['name']}:" for pod in found.pods)
    return [line for line in said if line.startswith(running) or " other pod" in line]


async def _resources(
    found: Found, desired: DesiredInstance, blocks: Sequence[Mapping[str, str]], world: World
) -> list[Planned]:
    stack = await world.open_stack("team")
    if not await is_empty(stack, found.name):
        return []
    variables = desired.parts["terraform"]["variables"]
    async with importing(stack, found.name, blocks) as plan:
        return await plan.plan(variables, stacks.NO_SECRETS)


async def _differing(found: Found, rendered: Sequence[Manifest], world: World) -> dict[str, list[str]]:
    """Workload → fields that would change, in what Helm has written down or in what is running."""
    before = {_name(each): each for each in found.release.manifest if each["kind"] in WORKLOADS}
    after = {_name(each): each for each in rendered if each["kind"] in WORKLOADS}
    live = {_name(each): each for each in found.workloads}
    changed = {}
    for name in {**before, **after}:
        fields = set(differences(before.get(name, {}).get("spec"), after.get(name, {}).get("spec"), "spec"))
        if name in after and name in live:
            path = path_of(after[name], found.release.namespace)
            would_be = await world.cluster.would_be(path, dict(after[name]), ownership.HELM)
            fields |= set(differences(live[name]["spec"], would_be["spec"], "spec"))
        elif name in before:
            fields.add("it is gone from the cluster")
        if fields:
            changed[name] = sorted(fields)
    return changed


def _updated(found: Found, rendered: Sequence[Manifest]) -> dict[str, list[str]]:
    before = {_name(each): each for each in found.release.manifest if each["kind"] not in WORKLOADS}
    after = {_name(each): each for each in rendered if each["kind"] not in WORKLOADS}
    pairs = {name: list(differences(before.get(name), after.get(name))) for name in {**before, **after}}
    return {name: fields for name, fields in pairs.items() if fields}


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']} {manifest['metadata']['name']}"
