"""Rights to some of the DAGs: takes who may enter an instance, gives the roles that come of it, who has them and what they
may do, never a person.

A right is a role of the instance's client like the four others; what it means to a DAG, Airflow hears from a cluster policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.desired import naming
from fleet.model import Access, DagRight, Role

# As FAB's own role User has them for all DAGs, and Viewer.
_ACTIONS = {"viewer": ["can_read"], "user": ["can_read", "can_edit", "can_delete"]}


def roles(access: Access) -> list[str]:
    """The roles beside the four that every instance has."""
    return sorted(map(naming.dag_role, access.dags))


def groups(access: Access) -> dict[str, list[str]]:
    """Groups by role of the client, the four and those of rights."""
    return _by_role(access.groups, {name: right.groups for name, right in access.dags.items()})


def users(access: Access) -> dict[str, list[str]]:
    """User names by role of the client, the four and those of rights."""
    return _by_role(access.users, {name: right.users for name, right in access.dags.items()})


def policy(access: Access) -> list[dict[str, Any]]:
    """What the cluster policy has to know: the role, what it may do with a DAG, and the DAG's prefix or tag."""
    return [
        {"role": naming.dag_role(name), "actions": _ACTIONS[right.role], **_chosen(right)}
        for name, right in sorted(access.dags.items())
    ]


def _chosen(right: DagRight) -> dict[str, Any]:
    return right.model_dump(include={"prefix", "tag"}, exclude_none=True)


def _by_role(four: Mapping[Role, list[str]], by_right: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return dict([*four.items(), *((naming.dag_role(name), members) for name, members in by_right.items() if members)])
