"""Meaning: takes plain data (of whatever form), gives problems with what its names refer to and collide with, never types it.

It works on plain data so that one misspelt key does not hide a wrong size further down: all errors come at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fleet.inventory import names
from fleet.inventory.document import Keys
from fleet.inventory.problems import Problem
from fleet.model import DEFAULT_SIZES, GOOGLE_ACCOUNT_MAX, Defaults


def check(data: dict[str, Any]) -> Iterator[Problem]:
    """Everything that is wrong though its form is right."""
    yield from names.check(_mapping(data, "teams"), _mapping(data, "instances"), _platform(data))
    yield from _sizes(data)
    yield from _waves(data)
    yield from _labels(data)
    yield from _groups(data)
    yield from _rights(data)
    yield from _managers(data)
    yield from _google(data)
    yield from _looked_at(data)
    yield from _not_yet(data)


def _sizes(data: dict[str, Any]) -> Iterator[Problem]:
    known = [*DEFAULT_SIZES, *_mapping(data, "sizes")]
    users: list[tuple[Keys, Any]] = [(("defaults",), data.get("defaults"))]
    users += [(keys, entry) for keys, entry in _entries(data)]
    for keys, entry in users:
        size = _get(entry, "size")
        if isinstance(size, str) and size not in known:
            hint = f"there are {', '.join(known)}"
            yield Problem(f"there is no size `{size}`", (*keys, "size"), hint=hint, given=size, among=known)


def _waves(data: dict[str, Any]) -> Iterator[Problem]:
    teams, seen, names_seen = _mapping(data, "teams"), dict[str, int](), dict[str, int]()
    for number, wave in enumerate(_list(data.get("waves"))):
        name = _get(wave, "name")
        if isinstance(name, str) and names_seen.setdefault(name, number) != number:
            yield Problem(f"there is already a wave `{name}`", ("waves", number, "name"), hint="rename one of the two")
        for index, team in enumerate(_list(_get(wave, "teams"))):
            keys: Keys = ("waves", number, "teams", index)
            if not isinstance(team, str):
                continue
            if team not in teams:
                yield Problem(f"there is no team `{team}`", keys, hint="or remove it here", given=team, among=teams)
            elif team in seen:
                other = f"`waves[{seen[team]}]`" if seen[team] != number else "this wave"
                yield Problem(f"the team `{team}` is already in {other}", keys, hint="a team is in one wave only")
            seen.setdefault(team, number)


# Namespaces carry an entry's labels: with these keys a team could lift its own guardrails, or fleet would lose its marks.
_OWNED = ("kubernetes.io", "k8s.io", "helm.sh", "fleet")


def _labels(data: dict[str, Any]) -> Iterator[Problem]:
    for keys, entry in _entries(data):
        for label in _mapping(entry, "labels"):
            domain = label.partition("/")[0] if "/" in label else ""
            if any(domain == owned or domain.endswith("." + owned) for owned in _OWNED):
                hint = "use a prefix of your own, such as `example.com/`"
                yield Problem(f"labels of `{domain}/` are the platform's", (*keys, "labels", label), hint=hint)


def _groups(data: dict[str, Any]) -> Iterator[Problem]:
    """Each instance has a group of its own name: a plain name means one that the platform makes, and there it clashes."""
    taken = {keys[-1] for keys, _ in _entries(data)}
    for keys, entry in _entries(data):
        for place, groups in _named_groups(entry):
            for index, group in enumerate(_list(groups)):
                if isinstance(group, str) and group in taken:
                    yield Problem(
                        f"`{group}` is the group that `{group}` gets for itself",
                        (*keys, "access", *place, index),
                        hint=f"write `/{group}` for everybody in it, or one of its roles: `/{group}/user`",
                    )


def _named_groups(entry: Any) -> Iterator[tuple[Keys, Any]]:
    access = _get(entry, "access")
    for role, groups in _mapping(access, "groups").items():
        yield ("groups", role), groups
    for name, right in _mapping(access, "dags").items():
        yield ("dags", name, "groups"), _get(right, "groups")


def _rights(data: dict[str, Any]) -> Iterator[Problem]:
    """Rights to some of the DAGs: two that are one, and the file that Airflow reads them from in somebody else's hands."""
    for keys, entry in _entries(data):
        rights, seen = _mapping(_get(entry, "access"), "dags"), dict[tuple[str, ...], str]()
        for name, right in rights.items():
            what = (*(str(_get(right, key)) for key in ("prefix", "tag")), str(_get(right, "role") or "viewer"))
            if (other := seen.setdefault(what, name)) != name:
                hint = f"put the people there: into `access.dags.{other}`"
                yield Problem(f"is the same right as `{other}`", (*keys, "access", "dags", name), hint=hint)
        if rights and _mapping(entry, "values").get("airflowLocalSettings") is not None:
            yield Problem(
                "with `access.dags`, this file is fleet's",
                (*keys, "values", "airflowLocalSettings"),
                hint="put policies of your own into the image, as a plugin of Airflow's (entry point `airflow.policy`)",
            )


# Its menus are those that Keycloak is told of (terraform/modules/sso-rights), and with an entry more it would show none.
# Before it the manager kept Keycloak's tokens in one cookie, which outgrows what browsers take.
_KEYCLOAK_MANAGER_AIRFLOW = "3.3"


def _managers(data: dict[str, Any]) -> Iterator[Problem]:
    """What Airflow's Keycloak auth manager cannot keep."""
    defaults = _mapping(data, "defaults")
    for keys, entry in _entries(data):
        own = _get(_get(entry, "sso"), "manager")
        if (own or _get(_get(defaults, "sso"), "manager")) != "keycloak":
            continue
        where: Keys = (*keys, "sso", "manager") if own else keys
        version = _get(entry, "airflow") or defaults.get("airflow") or Defaults().airflow
        if isinstance(version, str) and version.rpartition(".")[0] != _KEYCLOAK_MANAGER_AIRFLOW:
            what = f"the manager `keycloak` goes with Airflow {_KEYCLOAK_MANAGER_AIRFLOW} only, and this is {version}"
            yield Problem(what, where, hint="write `manager: fab`, or another version")
        if _mapping(_get(entry, "access"), "dags"):
            what = "with the manager `keycloak` there are no rights to some of the DAGs"
            yield Problem(
                what, (*keys, "access", "dags"), hint="write `sso: {manager: fab}` here, or take the rights out"
            )
        yield from _programs(keys, entry)


def _programs(keys: Keys, entry: Any) -> Iterator[Problem]:
    for role, users in _mapping(_get(entry, "access"), "users").items():
        for index, user in enumerate(_list(users)):
            if isinstance(user, str) and user.startswith("service-account-"):
                what = f"`{user}` is a program, and with the manager `keycloak` no program can sign in"
                hint = "write `sso: {manager: fab}` here, or take the program out"
                yield Problem(what, (*keys, "access", "users", role, index), hint=hint)


_ACCOUNT_PREFIX = "airflow-"  # fleet.desired.naming.service_account


def _google(data: dict[str, Any]) -> Iterator[Problem]:
    """What Google Cloud asks beyond the model: shorter names, and a host that is known before there is a server."""
    if _get(_platform(data), "cloud") != "gcp":
        return
    most = GOOGLE_ACCOUNT_MAX - len(_ACCOUNT_PREFIX)
    for keys, _ in _entries(data):
        if len(str(keys[-1])) > most:
            what = f"on Google Cloud a name has at most {most} characters: a service account's has {GOOGLE_ACCOUNT_MAX}"
            yield Problem(what, keys, hint="choose a shorter name")
    host = _get(_get(_platform(data), "database"), "host")
    if isinstance(host, str) and ("." not in host or host.rpartition(".")[2].isdigit() or ":" in host):
        hint = "write a DNS name of your own, such as `postgres.fleet.internal`; it is made in the network"
        yield Problem(
            "Google chooses the server's address: `host` is a name", ("platform", "database", "host"), hint=hint
        )


def _looked_at(data: dict[str, Any]) -> Iterator[Problem]:
    """The look at drift compares with the charts that the inventory names: it has to have them where it runs."""
    job = _get(_platform(data), "drift")
    if _get(job, "enabled") is not True or _get(_get(job, "inventory"), "source") == "git":
        return
    users: list[tuple[Keys, Any]] = [(("defaults",), data.get("defaults")), *_entries(data)]
    for keys, entry in users:
        if _get(_get(entry, "chart"), "path") is not None:
            hint = "let it have the inventory from git (`platform.drift.inventory`), with the chart beside it"
            yield Problem("the look at drift would not find this folder", (*keys, "chart", "path"), hint=hint)


def _not_yet(data: dict[str, Any]) -> Iterator[Problem]:
    if _get(_get(_platform(data), "database"), "isolation") == "schema":
        hint = "write `database`, or leave it out"
        yield Problem("`schema` is not yet built", ("platform", "database", "isolation"), hint=hint)
    for team, entry in _mapping(data, "teams").items():
        if _get(entry, "instance") is not None:
            hint = "remove the key: the team then has an instance of its own"
            yield Problem("lanes on a shared instance are not yet built", ("teams", team, "instance"), hint=hint)


def _entries(data: dict[str, Any]) -> Iterator[tuple[Keys, Any]]:
    for kind in ("teams", "instances"):
        for name, entry in _mapping(data, kind).items():
            yield (kind, name), entry


def _platform(data: dict[str, Any]) -> dict[str, Any]:
    return _mapping(data, "platform")


def _mapping(data: Any, key: str) -> dict[str, Any]:
    value = _get(data, key)
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _get(data: Any, key: str) -> Any:
    return data.get(key) if isinstance(data, dict) else None
