"""Many states as one: takes the states of workspaces, gives a state of the root `fleet-read`, never reads or writes one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.errors import FleetError

_INSTANCE = "module.instance"  # what the stack `team` calls
_FORMAT = 4
_MODULE_KEYS = re.compile(r"(module\.[^.\[]+)\[(?:\"[^\"]*\"|\d+)\]")
EMPTY: dict[str, Any] = {"version": _FORMAT, "terraform_version": "", "resources": []}


@dataclass(frozen=True)
class Standing:
    """One resource of a state.

    Args:
        key: of `for_each` or `count`; None where there is only one.
        on: resources that it was made after, as the configuration has them: without keys.
    """

    declared: str  # its own address without keys
    key: str | int | None
    on: frozenset[str]


def parse(content: bytes) -> dict[str, Any]:
    """A state.

    Raises:
        FleetError: it is none, or of another format.
    """
    try:
        state = json.loads(content)
        if state["version"] != _FORMAT or not isinstance(state["resources"], list):
            raise ValueError(state["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise FleetError(
            "Terraform's state cannot be read", hint="restore it from a backup of Terraform's back end"
        ) from error
    return {**EMPTY, **state}


def below(state: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The resources of one workspace, as the root `fleet-read` has them: `module.instance…` → `module.team["<name>"]…`.

    What Terraform only looks up is left out: it is looked up again.

    Raises:
        FleetError: something in it is not of this stack.
    """
    found = []
    for resource in state["resources"]:
        module = str(resource.get("module", ""))
        if resource["mode"] != "managed":
            continue
        if module != _INSTANCE and not module.startswith(f"{_INSTANCE}."):
            raise FleetError(
                f"Terraform's state holds {resource['type']}.{resource['name']}, which is not of this fleet's stack",
                hint="`fleet plan --refresh` shows what would become of it",
            )
        moved = f"module.team[{json.dumps(name)}]{module.removeprefix(_INSTANCE)}"
        found.append({**resource, "module": moved, "instances": [*map(_instance, resource["instances"])]})
    return found


def _instance(instance: Mapping[str, Any]) -> dict[str, Any]:
    on = [f"module.team{each.removeprefix(_INSTANCE)}" for each in instance.get("dependencies", ())]
    return {**instance, "dependencies": on}


def merge(states: Mapping[str, list[dict[str, Any]]], written_by: str) -> dict[str, Any]:
    """One state of the resources of many workspaces.

    Args:
        states: workspace → its resources, as `below` gives them.
        written_by: a version of Terraform that can read them all.
    """
    return {
        "version": _FORMAT, "terraform_version": written_by, "serial": 1, "lineage": "fleet-read", "outputs": {},
        "resources": [resource for resources in states.values() for resource in resources], "check_results": None,
    }  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What a state holds.

    Args:
        standing: address → the resource.
        names: id → name of roles and groups: Keycloak's ids tell a reader nothing.
    """

    standing: Mapping[str, Standing]
    names: Mapping[str, str]

    def named(self, value: Any) -> Any:
        """A value with names instead of ids, where there are such ids in a list."""
        return [self.names.get(each, each) for each in value] if _texts(value) else value


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def known(state: Mapping[str, Any]) -> Known:
    """What a state, of one stack or merged, holds."""
    both = [(resource, instance) for resource in state["resources"] for instance in resource["instances"]]
    return Known(
        {address(resource, instance): _standing(resource, instance) for resource, instance in both},
        {
            instance["attributes"]["id"]: instance["attributes"]["name"]
            for resource, instance in both
            if resource["mode"] == "managed" and resource["type"] in ("keycloak_role", "keycloak_group")
        },
    )


def _standing(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> Standing:
    module = _MODULE_KEYS.sub(r"\1", str(resource.get("module", "")))
    return Standing(_join(module, resource), instance.get("index_key"), frozenset(instance.get("dependencies", ())))


def address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    """As Terraform writes it."""
    key = instance.get("index_key")
    return _join(str(resource.get("module", "")), resource) + (
        "" if key is None else f"[{json.dumps(key, ensure_ascii=False)}]"
    )


def _join(module: str, resource: Mapping[str, Any]) -> str:
    return f"{module}{'.' if module else ''}{resource['type']}.{resource['name']}"
