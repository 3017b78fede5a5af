"""Kinds of findings of layer orphans."""

from __future__ import annotations

from fleet.drift.finding import Kind, Severity

_PRUNE = "`fleet prune {team}` takes it away; an entry in the inventory keeps it"


def _kind(name: str, severity: Severity, meaning: str, remedy: str = _PRUNE) -> Kind:
    return Kind(f"orphans.{name}", "orphans", severity, meaning, remedy=remedy)


NAMESPACE = _kind("namespace", "warning", "a namespace bears fleet's mark and is in no inventory")
UNMARKED = _kind(
    "namespace-unmarked",
    "info",
    "a namespace has the name of an instance's, and neither fleet's mark nor an entry",
    remedy="if an Airflow runs there, take it into the inventory; else rename it",
)
RELEASE = _kind("release", "warning", "a Helm release is an instance's that is in no inventory")
KEYS = _kind("keys", "warning", "a Secret holds the keys of an instance that is in no inventory")
RECORD = _kind("record", "info", "a ConfigMap tells of an instance that is in no inventory")
LEASE = _kind("lease", "info", "a Lease that nobody holds is of an instance that is in no inventory")
ACCOUNT = _kind(
    "account", "warning", "a service account or a cluster role bears the mark of an instance that is in no inventory"
)
WORKSPACE = _kind("workspace", "warning", "Terraform keeps the state of an instance that is in no inventory")
DATABASE = _kind("database", "warning", "a database is made as fleet makes it and is in no inventory")
ROLE = _kind(
    "role", "warning", "a role signs in to the database server, is made as fleet makes it, and is in no inventory"
)
ASIDE = _kind(
    "database-aside", "info", "a restore or a backup that was killed has left a database beside the instance's"
)
CLIENT = _kind("client", "warning", "a sign-on client has the name of an instance's that is in no inventory")
GROUP = _kind("group", "info", "a group holds the roles of an instance that is in no inventory")

_APPLY = "fleet apply {team}"
NOT_APPLIED = _kind(
    "not-applied", "info", "the inventory has it, and it was never made, or only in part", remedy=_APPLY
)
WORKSPACE_GONE = _kind(
    "workspace-gone",
    "critical",
    "Terraform no longer knows what it made for an instance, and would make it again",
    remedy="restore the back end from its backup, or import what is there",
)

KINDS: tuple[Kind, ...] = (
    NAMESPACE, UNMARKED, RELEASE, KEYS, RECORD, LEASE, ACCOUNT, WORKSPACE, DATABASE, ROLE, ASIDE, CLIENT, GROUP, NOT_APPLIED,
    WORKSPACE_GONE,
)  # fmt: skip
