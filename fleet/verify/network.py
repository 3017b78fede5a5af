"""Judges what the network is to let through: takes live policies, gives a cell per wall, never asks a cluster.

The judgement is of the policies; whether the network enforces them is another question, which the report answers beside it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from fleet.model import Platform
from fleet.verify.matrix import Cell, Try, cell
from fleet.verify.policies import End, open_ports
from fleet.verify.scene import Scene, Team

_SHOWN = 3  # ports that a hole names
_COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "run-airflow-migrations")
METADATA = "169.254.169.254"
# Stands for any address that nobody has a reason to open: https://www.rfc-editor.org/rfc/rfc5737
_WORLD = "203.0.113.1"
# A namespace that is none of fleet's, nor the front's.
_STRANGER = End("fleet-verify-nobody", {"app": "nobody"}, {"kubernetes.io/metadata.name": "fleet-verify-nobody"})


def judge(scene: Scene, team: Team, platform: Platform) -> Iterator[Cell]:
    """The network's walls of one team."""
    here = pods(team)
    started = [here[-1]]
    for other in scene.others(team.name):
        yield _closed(Try("net-others", team.name, other.name), scene, here, pods(other))
    yield _closed(Try("net-strangers", team.name), scene, [_STRANGER], here)
    server = End(address=_address(platform.database.host))
    yield _closed(Try("net-database", team.name), scene, started, [server], only=f"TCP {platform.database.port}")
    if not _opens(team, _WORLD):
        yield _closed(Try("net-world", team.name), scene, started, [End(address=_WORLD)])
    else:
        yield cell(Try("net-world", team.name), "refused", "the inventory opens the world to it (`egress`)")
    if platform.cloud == "gcp":
        yield cell(
            Try("net-metadata", team.name), "refused", "answers for the team's own account only (Workload Identity)"
        )
    else:
        yield _closed(Try("net-metadata", team.name), scene, here, [End(address=METADATA)])


def pods(team: Team) -> list[End]:
    """A pod of each kind that runs in a team's namespace; the last one is a pod that a task started."""
    labelled = [{"tier": "airflow", "release": "airflow", "component": name} for name in _COMPONENTS]
    ports = {"api-server": 8080, "worker-logs": 8793, "triggerer-logs": 8794}
    address = next(iter(team.addresses), "")
    return [End(team.namespace, labels, team.namespace_labels, address, ports) for labels in (*labelled, {})]


def _address(host: str) -> str:
    """The address itself; empty where ``host`` is a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def _closed(tried: Try, scene: Scene, sources: Sequence[End], destinations: Sequence[End], only: str = "") -> Cell:
    found = [
        f"{_named(source)} → {_named(destination)} at {', '.join(ports[:_SHOWN])}{' and more' * (len(ports) > _SHOWN)}"
        for source in sources
        for destination in destinations
        if (ports := [each for each in open_ports(scene.policies, source, destination) if not only or each == only])
    ]
    if found:
        return cell(tried, "hole", f"the policies let through: {'; '.join(found)}")
    return cell(tried, "refused", "the policies close it")


def _named(end: End) -> str:
    if not end.namespace:
        return end.address or "the server"
    return end.labels.get("component", "a pod that a task started" if end != _STRANGER else "any pod")


def _opens(team: Team, address: str) -> bool:
    rules = team.desired.parts["guardrails"]["values"]["network"]["extraEgress"]
    cidrs = [cidr for rule in rules for cidr in rule.get("cidrs", [])]
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(cidr) for cidr in cidrs)
