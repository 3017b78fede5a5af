"""An adoption in words: takes what would be done, gives the lines that an operator reads before the question, never a
secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleet.adopt.weigh import Adoption
from fleet.desired import naming, secrets
from fleet.drivers.terraform_import import Planned
from fleet.inventory import render

_LONG = 60


def text(adoption: Adoption, inventory: Path) -> str:
    """All that would be done."""
    return "\n".join(_lines(adoption, inventory))


def _lines(adoption: Adoption, inventory: Path) -> Iterator[str]:
    found, name = adoption.found, adoption.found.name
    release = found.release
    yield f"{name}: release {release.name}, revision {release.revision}, chart {release.chart} {release.version}"
    yield f"  into {inventory}, at last"
    yield from (f"    {line}" for line in render.block({name: dict(adoption.entry)}, 0, 2).splitlines())
    yield f"  Terraform, workspace {name}"
    yield from (f"    {line}" for each in adoption.resources for line in _resource(each))
    if not adoption.resources:
        yield "    imported already"
    yield f"  Secret {naming.keys_secret(name)} in {naming.SYSTEM_NAMESPACE}: its keys, as they are"
    yield from (f"    {line}" for line in _secrets(adoption))
    yield f"  release {naming.guardrails_release(name)} in {naming.SYSTEM_NAMESPACE}: quota, limits, network policies, rights"
    yield from (f"    takes over {each['kind']} {each['metadata']['name']}" for each in adoption.taken)
    yield "    tasks reach what `egress` names, and nothing else beside what Airflow needs"
    yield f"  release {release.name} in {release.namespace}: one revision more; every pod stays as it is"
    yield from (f"    changes {what}: {', '.join(fields)}" for what, fields in sorted(adoption.updated.items()))
    for each in found.client.like_roles(naming.client_id(name)) if found.client else ():
        yield f"  mapper `{each.name}` of client {naming.client_id(name)}: goes, since `roles` does the same"
    if (there := found.database) and there.owner != there.admin:
        yield f"  database {there.name}: belongs to {there.admin} from then on, and not to {there.owner}"


def _resource(planned: Planned) -> Iterator[str]:
    done = "import" if planned.imported else "create"
    yield f"{done} {planned.address.removeprefix('module.instance.module.')}"
    if planned.imported and "update" in planned.actions:
        yield from (
            f"    {key}: {_shown(before)} → {_shown(after)}" for key, (before, after) in planned.changed.items()
        )


def _shown(value: object) -> str:
    text = "none" if value in (None, "", []) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def _secrets(adoption: Adoption) -> Iterator[str]:
    for name in secrets.NAMES:
        yield f"{'keeps' if name in adoption.found.secrets else 'makes'} {name} in {adoption.desired.namespace}"
    if others := sorted({*adoption.found.sources.values()} - {*secrets.NAMES}):
        yield f"its pods go on reading {', '.join(others)}: `fleet rotate` refuses until `values` names fleet's"
