"""Kinds of change that somebody makes behind fleet's back on teams that sleep, and the finding that has to tell each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fleet.desired import naming
from tests.support import scale
from tests.support.behind import Hands

TEAMS = tuple(f"drift-{number:02d}" for number in range(20))
(T0, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15, T16, T17, T18, UNTOUCHED) = TEAMS
PLATFORM, PSA = "platform", "pod-security.kubernetes.io/enforce"
CHART = str(scale.ROOT / "charts" / "airflow")


@dataclass(frozen=True)
class Change:
    """One kind of change, and the finding that tells it; `*` stands for anything."""

    what: str
    make: Callable[[Hands], object]
    team: str
    kind: str
    address: str
    field: str
    severity: str
    echo: tuple[str, str] = ("", "")  # team and kind of a finding that tells the same from the other team's side
    # How a person puts it right where `--heal` does not; None: it does.
    by_hand: Callable[[Hands], object] | None = None


def ns(team: str) -> str:
    return naming.namespace(team)


def cluster_changes() -> Iterator[Change]:
    def on(team: str, what: str, change: dict[str, Any], kind: str = "merge") -> Callable[[Hands], object]:
        return lambda hands: hands.patch(ns(team), what, change, kind)

    deployment = "deployment/airflow-scheduler"

    def container(**fields: Any) -> dict[str, Any]:
        return {"spec": {"template": {"spec": {"containers": [{"name": "scheduler"} | fields]}}}}

    yield Change(
        "a Deployment scaled up", lambda hands: hands.kubectl("scale", deployment, "--replicas=2", "-n", ns(T0)),
        T0, "helm.scaled", "Deployment airflow-drift-00/airflow-scheduler", "spec.replicas", "warning",
    )  # fmt: skip
    yield Change(
        "another image", on(T1, deployment, container(image="example.com/other:1"), "strategic"),
        T1, "helm.image", "Deployment airflow-drift-01/airflow-scheduler", "*image", "warning",
    )  # fmt: skip
    yield Change(
        "a variable", on(T2, deployment, container(env=[{"name": "DEBUG", "value": "1"}]), "strategic"),
        T2, "helm.env", "Deployment airflow-drift-02/airflow-scheduler", "*DEBUG*", "warning",
    )  # fmt: skip
    yield Change(
        "a Deployment deleted", lambda hands: hands.kubectl("delete", "deployment/airflow-dag-processor", "-n", ns(T0)),
        T0, "helm.gone", "Deployment airflow-drift-00/airflow-dag-processor", "", "critical",
    )  # fmt: skip
    yield Change(
        "a Service deleted", lambda hands: hands.kubectl("delete", "service/airflow-api-server", "-n", ns(T1)),
        T1, "helm.gone", "Service airflow-drift-01/airflow-api-server", "", "critical",
    )  # fmt: skip
    yield Change(
        "a container beside the others",
        on(T3, deployment, container(name="spy", image="example.com/spy:1"), "strategic"),
        T3, "helm.added", "Deployment airflow-drift-03/airflow-scheduler", "*spy*", "warning",
    )  # fmt: skip
    yield Change(
        "a label on a Deployment", lambda hands: hands.kubectl("label", deployment, "colour=blue", "-n", ns(T4)),
        T4, "helm.metadata", "Deployment airflow-drift-04/airflow-scheduler", "*colour*", "info",
    )  # fmt: skip
    yield Change(
        "a security context taken away",
        on(T5, deployment, container(securityContext={"allowPrivilegeEscalation": True}), "strategic"),
        T5, "helm.wall", "Deployment airflow-drift-05/airflow-scheduler", "*allowPrivilegeEscalation*", "critical",
    )  # fmt: skip
    yield Change(
        "a quota raised", lambda hands: hands.patch(ns(T6), _quota(hands, T6), {"spec": {"hard": {"pods": "9999"}}}),
        T6, "helm.wall", "ResourceQuota airflow-drift-06/*", "*pods*", "critical",
    )  # fmt: skip
    yield Change(
        "a network policy of somebody's own", lambda hands: hands.make(_open_policy(T7)),
        T7, "helm.foreign-network", "NetworkPolicy airflow-drift-07/open", "", "critical",
        by_hand=lambda hands: hands.kubectl("delete", "networkpolicy/open", "-n", ns(T7)),
    )  # fmt: skip
    yield Change(
        "the default policy deleted", lambda hands: hands.kubectl("delete", "networkpolicy/default-deny", "-n", ns(T8)),
        T8, "*", "NetworkPolicy airflow-drift-08/default-deny", "", "critical",
    )  # fmt: skip
    yield Change(
        "Pod Security lowered",
        lambda hands: hands.kubectl("label", "--overwrite", f"namespace/{ns(T9)}", f"{PSA}=privileged"),
        T9, "helm.wall", "Namespace airflow-drift-09", "*enforce*", "critical",
    )  # fmt: skip
    yield Change(
        "a binding of cluster-admin",
        lambda hands: hands.kubectl("create", "rolebinding", "mine", "--clusterrole=cluster-admin", "--user=me", "-n", ns(T10)),
        T10, "helm.foreign-binding", "RoleBinding airflow-drift-10/mine", "", "critical",
        by_hand=lambda hands: hands.kubectl("delete", "rolebinding/mine", "-n", ns(T10)),
    )  # fmt: skip
    yield Change(
        "a Secret's value", on(T11, "secret/airflow-metadata", {"stringData": {"connection": "postgresql://other"}}),
        T11, "helm.secret", "Secret airflow-drift-11/airflow-metadata", "*", "critical",
    )  # fmt: skip
    yield Change(
        "a Secret deleted", lambda hands: hands.kubectl("delete", "secret/airflow-metadata", "-n", ns(T12)),
        T12, "helm.secret-gone", "Secret airflow-drift-12/airflow-metadata", "", "critical",
    )  # fmt: skip
    yield Change(
        "Helm run by hand",
        lambda hands: hands.helm("upgrade", "airflow", CHART, "-n", ns(T13), "--reuse-values", "--set", "labels.by=hand"),
        T13, "helm.values", "*airflow*", "*labels*", "warning",
    )  # fmt: skip
    yield Change(
        "a release uninstalled", lambda hands: hands.helm("uninstall", "airflow", "-n", ns(T14)),
        T14, "helm.release-gone", "*airflow*", "", "critical",
    )  # fmt: skip


def _quota(hands: Hands, team: str) -> str:
    return hands.kubectl("get", "resourcequota", "-n", ns(team), "--output=name").split()[0]


def _open_policy(team: str) -> dict[str, Any]:
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}
    metadata = {"name": "open", "namespace": ns(team)}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def database_changes() -> Iterator[Change]:
    def run(database: str, statement: str, **names: str) -> Callable[[Hands], object]:
        return lambda hands: hands.sql(database, statement, **names)

    def name(team: str) -> str:
        return naming.sql(team)

    yield Change(
        "a connection limit", run("postgres", "alter role {r} connection limit 77", r=name(T0)),
        T0, "database.*", "role drift_00", "*limit*", "warning",
    )  # fmt: skip
    yield Change(
        "a role that may make databases", run("postgres", "alter role {r} createdb", r=name(T1)),
        T1, "database.*", "role drift_01", "*", "critical",
    )  # fmt: skip
    yield Change(
        "a role that may not sign in", run("postgres", "alter role {r} nologin", r=name(T2)),
        T2, "database.*", "role drift_02", "*", "critical",
    )  # fmt: skip
    yield Change(
        "another search path", run("postgres", "alter role {r} set search_path = public", r=name(T3)),
        T3, "database.*", "role drift_03", "*search_path*", "*",
    )  # fmt: skip
    yield Change(
        "a database open to everybody", run("postgres", "grant connect on database {d} to public", d=name(T4)),
        T4, "database.*", "database drift_04", "*", "critical",
    )  # fmt: skip
    yield Change(
        "tables may be made in public", run(name(T5), "grant create on schema public to public"),
        T5, "database.*", "*public*", "*", "critical",
    )  # fmt: skip
    yield Change(
        "tables shown to another team",
        run(name(T6), "grant select on all tables in schema {s} to {r}", s=name(T6), r=name(T7)),
        T6, "database.*", "*drift_06*", "*", "critical",
    )  # fmt: skip
    yield Change(
        "somebody else's schema", run(name(T7), "alter schema {s} owner to {r}", s=name(T7), r=name(T8)),
        T7, "database.*", "schema drift_07*", "*owner*", "*",
    )  # fmt: skip
    yield Change(
        "a role in another's", run("postgres", "grant {a} to {b}", a=name(T8), b=name(T9)),
        T8, "database.lent", "role drift_08", "member drift_09", "critical", echo=(T9, "database.member"),
    )  # fmt: skip
    yield Change(
        "a database migrated by hand", run(name(T9), "update {s}.alembic_version set version_num = 'abc'", s=name(T9)),
        T9, "database.revision", "table drift_09.alembic_version", "version_num", "critical",
        by_hand=run(name(T9), "update {s}.alembic_version set version_num = '3.2.2'", s=name(T9)),
    )  # fmt: skip
    yield Change(
        "a table in public", run(name(T10), "create table public.leftover (id int)"),
        T10, "database.outside", "schema public of drift_10", "things", "warning",
        by_hand=run(name(T10), "drop table public.leftover"),
    )  # fmt: skip
    yield Change(
        "a setting of a role", run("postgres", "alter role {r} set work_mem = '64MB'", r=name(T11)),
        T11, "database.*", "role drift_11", "*work_mem*", "*",
    )  # fmt: skip
    yield Change(
        "a server open to the deletion", lambda hands: hands.server(deletion_protection_enabled=False),
        PLATFORM, "database.*", "*", "*deletion*", "*",
    )  # fmt: skip
    yield Change(
        "another tier", lambda hands: hands.server(tier="db-custom-1-3840"),
        PLATFORM, "database.server-tier", "Cloud SQL instance *", "settings.tier", "warning",
        by_hand=lambda hands: hands.server(tier="sandbox"),
    )  # fmt: skip


def sign_on_changes() -> Iterator[Change]:
    def client(team: str, **changed: Any) -> Callable[[Hands], object]:
        return lambda hands: hands.client(team, **changed)

    yield Change(
        "a redirect URI", client(T0, redirectUris=["https://evil.example.com/*"]),
        T0, "sso.*", "*airflow-drift-00*", "*redirect*", "critical",
    )  # fmt: skip
    yield Change(
        "full scope",
        client(T1, fullScopeAllowed=True),
        T1,
        "sso.*",
        "client airflow-drift-01",
        "fullScopeAllowed",
        "critical",
    )
    yield Change(
        "sign-in by password",
        client(T2, directAccessGrantsEnabled=True),
        T2,
        "sso.*",
        "*airflow-drift-02*",
        "*direct*",
        "*",
    )
    yield Change(
        "a client switched off", client(T3, enabled=False), T3, "sso.*", "*airflow-drift-03*", "*enabled*", "critical"
    )
    yield Change("a client's name", client(T4, name="Theirs"), T4, "*", "*", "name", "*")
    yield Change("a public client", client(T5, publicClient=True), T5, "sso.*", "*airflow-drift-05*", "*", "critical")
    yield Change(
        "a role deleted", lambda hands: hands.keycloak("DELETE", f"/clients/{hands.client(T6)['id']}/roles/op"),
        T6, "sso.role-gone", "client airflow-drift-06", "roles.op", "critical",
    )  # fmt: skip
    yield Change(
        "a mapper",
        lambda hands: _mapper(hands, T7),
        T7,
        "sso.mapper-foreign",
        "client airflow-drift-07",
        "*.mine",
        "critical",
    )
    yield Change(
        "another team's role in a group", lambda hands: _give(hands, f"/{T8}/viewer", T9),
        T9, "sso.group-role-other", f"group /{T8}/viewer", "airflow-drift-09.admin", "critical",
    )  # fmt: skip
    yield Change(
        "a role given to a group by hand", lambda hands: _give(hands, f"/{T10}/viewer", T10),
        T10, "sso.*", f"*{T10}/viewer*", "*", "*",
    )  # fmt: skip
    yield Change(
        "no brute-force protection",
        lambda hands: hands.realm(bruteForceProtected=False),
        PLATFORM,
        "*",
        "*",
        "*rute*",
        "critical",
    )
    yield Change(
        "registration for everybody",
        lambda hands: hands.realm(registrationAllowed=True),
        PLATFORM,
        "*",
        "*",
        "*egistration*",
        "*",
    )
    yield Change(
        "a role of the realm", lambda hands: hands.keycloak("POST", "/roles", {"name": "admin"}),
        PLATFORM, "sso.realm-role", "realm role admin", "", "critical",
        by_hand=lambda hands: hands.keycloak("DELETE", "/roles/admin"),
    )  # fmt: skip
    yield Change(
        "a group deleted", lambda hands: hands.keycloak("DELETE", f"/groups/{hands.group(f'/{T15}/user')}"),
        T15, "*", "*user*", "*", "*",
    )  # fmt: skip


def _mapper(hands: Hands, team: str) -> None:
    config = {"claim.name": "mine", "claim.value": "x", "id.token.claim": "true", "jsonType.label": "String"}
    body = {
        "name": "mine",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-hardcoded-claim-mapper",
        "config": config,
    }
    hands.keycloak("POST", f"/clients/{hands.client(team)['id']}/protocol-mappers/models", body)


def _give(hands: Hands, group: str, team: str) -> None:
    role = hands.role(team, "admin")
    client = role.pop("client")
    hands.keycloak("POST", f"/groups/{hands.group(group)}/role-mappings/clients/{client}", [role])


def orphan_changes() -> Iterator[Change]:
    def marked(kind: str, name: str, instance: str, api: str = "v1", **more: Any) -> dict[str, Any]:
        labels = {naming.INSTANCE_LABEL: instance}
        return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": labels, **more}}

    yield Change(
        "a namespace with fleet's mark", lambda hands: hands.make(marked("Namespace", "airflow-ghost", "ghost")),
        "ghost", "orphans.*", "*airflow-ghost*", "", "*",
        by_hand=lambda hands: hands.kubectl("delete", "namespace/airflow-ghost", "--wait=false"),
    )  # fmt: skip
    yield Change(
        "a namespace made by hand", lambda hands: hands.kubectl("create", "namespace", "airflow-by-hand"),
        "by-hand", "orphans.*", "*airflow-by-hand*", "", "*",
        by_hand=lambda hands: hands.kubectl("delete", "namespace/airflow-by-hand", "--wait=false"),
    )  # fmt: skip
    yield Change(
        "a Lease of nobody's",
        lambda hands: hands.make(marked("Lease", "fleet-lost", "lost", "coordination.k8s.io/v1", namespace="fleet-system")),
        "lost", "orphans.*", "*fleet-lost*", "", "*",
        by_hand=lambda hands: hands.kubectl("delete", "lease/fleet-lost", "-n", "fleet-system"),
    )  # fmt: skip
    yield Change(
        "a client of nobody's", lambda hands: hands.keycloak("POST", "/clients", {"clientId": "airflow-spectre"}),
        "spectre", "orphans.*", "*airflow-spectre*", "", "*",
        by_hand=lambda hands: hands.keycloak("DELETE", f"/clients/{hands.client('spectre')['id']}"),
    )  # fmt: skip
    yield Change(
        "keys of nobody's", lambda hands: hands.make(marked("Secret", "keys-wraith", "wraith", namespace="fleet-system")),
        "wraith", "orphans.*", "*keys-wraith*", "", "*",
        by_hand=lambda hands: hands.kubectl("delete", "secret/keys-wraith", "-n", "fleet-system"),
    )  # fmt: skip


CHANGES = (*cluster_changes(), *database_changes(), *sign_on_changes(), *orphan_changes())
