"""The entry that describes an Airflow which was installed by hand: takes an inventory, a release and what is wanted
beside it, gives the entry's keys as plain data, never writes them.

What an entry has a key for becomes that key; what differs then from the values that fleet makes becomes `values`, so
that the chart sees what it saw before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from fleet.adopt.release import Release
from fleet.adopt.values import coalesced, leaves, overrides
from fleet.desired import airflow, signon
from fleet.desired.resolve import resolve, with_tag
from fleet.drivers.handmade import Client
from fleet.errors import ExitCode, FleetError
from fleet.model import DEFAULT_SIZES, Executor, GitDags, Inventory, OfficialChart, Team

Entry = dict[str, Any]
REPOSITORY = "https://airflow.apache.org"
_ROLES = ("admin", "op", "user", "viewer")
_EXECUTORS: tuple[Executor, ...] = ("KubernetesExecutor", "LocalExecutor")


def seen(release: Release) -> dict[str, Any]:
    """What the release's chart saw, with the image where fleet says it, and without rights that the guardrails give."""
    values = coalesced(release.defaults, release.values)
    image = values.get("images", {}).get("airflow", {})
    for key, ours in (("repository", "defaultAirflowRepository"), ("tag", "defaultAirflowTag")):
        if image.get(key):
            values[ours] = image.pop(key)
    if "rbac" in values:
        values["rbac"] = {**values["rbac"], "create": False}
    return values


def propose(inventory: Inventory, name: str, release: Release, given: Mapping[str, Any], sizes: list[str]) -> Entry:
    """The entry with the fewest keys.

    Args:
        given: keys that were asked for; they are taken as they are.
        sizes: names of the sizes in which what runs has room; the one that differs least is chosen.

    Raises:
        FleetError: an Airflow that no entry describes.
    """
    wanted = seen(release)
    entry: Entry = {**given, **{**_keys(inventory, release, wanted), **given}, "adopted": True}
    choices = [entry] if "size" in entry else [_sized(inventory, entry, size) for size in sizes]
    whole = [_whole(inventory, name, release, choice, wanted) for choice in choices]
    return min(whole, key=lambda each: (leaves(each.get("values", {})), "size" in each))


def _keys(inventory: Inventory, release: Release, wanted: Mapping[str, Any]) -> Entry:
    """What an entry has keys for; none that says what the defaults say."""
    defaults, found = inventory.defaults, dict[str, Any]()
    version = str(wanted.get("airflowVersion", ""))
    image = f"{wanted.get('defaultAirflowRepository')}:{wanted.get('defaultAirflowTag')}"
    if version != defaults.airflow:
        found["airflow"] = version
    if image != with_tag(defaults.image, version):
        found["image"] = image.removesuffix(f":{version}")
    if (executor := wanted.get("executor")) != defaults.executor:
        found["executor"] = _executor(executor)
    if (manager := _manager(wanted)) != defaults.sso.manager:
        found["sso"] = {"manager": manager}
    if release.official and not _same_chart(inventory, release):
        found["chart"] = {"source": "official", "version": release.version, "repository": REPOSITORY}
    elif not release.official and defaults.chart.source != "fleet":
        found["chart"] = {"source": "fleet"}
    if dags := _dags(inventory, wanted):
        found["dags"] = dags
    return found


def _executor(name: Any) -> str:
    if name not in _EXECUTORS:
        raise _refused(f"its executor is {name}", f"fleet runs {' and '.join(_EXECUTORS)}")
    return str(name)


def _manager(wanted: Mapping[str, Any]) -> str:
    """The auth manager, in the inventory's words.

    Raises:
        FleetError: one that knows nothing of Keycloak, or that keeps rights there, which would have to be compared one
        by one.
    """
    named = wanted.get("config", {}).get("core", {}).get("auth_manager")
    if named != signon.MANAGERS["fab"]:
        raise _refused(
            f"its auth manager is {named or 'the default'}", f"only {signon.MANAGERS['fab']} can be taken over"
        )
    return "fab"


def _same_chart(inventory: Inventory, release: Release) -> bool:
    chart = inventory.defaults.chart
    return isinstance(chart, OfficialChart) and chart.version == release.version


def _dags(inventory: Inventory, wanted: Mapping[str, Any]) -> Entry | None:
    """Where DAGs come from; None for what the inventory's defaults say, or come near to."""
    sync = wanted.get("dags", {}).get("gitSync", {})
    if not sync.get("enabled"):
        return {"source": "baked"} if isinstance(inventory.defaults.dags, GitDags) else None
    period = str(sync.get("period", "")).removesuffix("s")
    found = {
        "source": "git",
        "repository": sync.get("repo"),
        "ref": sync.get("ref"),
        "path": sync.get("subPath"),
        "interval": int(period) if period.isdigit() else None,
        "credentials": sync.get("credentialsSecret"),
    }
    found = {key: value for key, value in found.items() if value}
    try:
        GitDags.model_validate(found)
    except ValidationError:
        return None  # then `values` has it all
    return found


def _sized(inventory: Inventory, entry: Entry, size: str) -> Entry:
    return entry if size == inventory.defaults.size else {**entry, "size": size}


def _whole(inventory: Inventory, name: str, release: Release, entry: Entry, wanted: Mapping[str, Any]) -> Entry:
    """The entry with the overrides that it needs, over those that were given with it."""
    try:
        team = Team.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        raise _refused(f"no entry can say so: {'.'.join(map(str, first['loc']))}: {first['msg']}", "") from error
    made = airflow.values(inventory.platform, resolve(inventory, name, team))
    needed = overrides(made, release.defaults, wanted)
    values = airflow.merge(dict(entry.get("values", {})), needed)
    return {**{key: value for key, value in entry.items() if key != "values"}, **({"values": values} if values else {})}


def sizes(inventory: Inventory) -> list[str]:
    """Names of all sizes, the default first."""
    default = inventory.defaults.size
    return sorted({*DEFAULT_SIZES, *inventory.sizes}, key=lambda name: (name != default, name))


def _refused(what: str, hint: str) -> FleetError:
    return FleetError(what, hint=hint, exit_code=ExitCode.REFUSED)


def access(client: Client, team: str) -> Entry:
    """Key `access`: who has the client's roles now. The team's own groups have theirs without being named."""
    groups = {role: [path for path in client.groups.get(role, ()) if path != f"/{team}/{role}"] for role in _ROLES}
    found = {
        "groups": {role: paths for role, paths in groups.items() if paths},
        "users": {role: list(names) for role in _ROLES if (names := client.users.get(role))},
    }
    found = {key: value for key, value in found.items() if value}
    return {"access": found} if found else {}
