"""The attempts that `fleet verify` makes: takes nothing, gives each with its sentence and its place, never makes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.model import Executor, Manager

# task: in a pod made from the template of the team's own task pods. airflow: in a pod made from the team's scheduler, with the
# instance's keys and the executor's account: the most that a team can get hold of. outside: from where fleet runs, with what a
# team knows. admission: from where fleet runs, by a dry run of the API server. judged: nothing is tried, live objects are read.
Place = Literal["task", "airflow", "outside", "admission", "judged"]
Area = Literal["pod", "kubernetes", "database", "airflow", "sign-on", "network"]


@dataclass(frozen=True)
class Attempt:
    """One kind of attempt.

    Args:
        what: what is tried, in words that go on from "the team …".
        place: where it is made from.
        each: whether it is tried against each other team, or once against the team's own walls.
        awake: whether it needs an Airflow on the other side that is not suspended.
        executor: the only executor with which it makes sense.
        manager: the only auth manager with which it does.
    """

    id: str
    area: Area
    place: Place
    what: str
    each: bool = False
    awake: bool = False
    executor: Executor | None = None
    manager: Manager | None = None


ATTEMPTS: tuple[Attempt, ...] = (
    # What a task's pod can do on its node.
    Attempt("pod-root", "pod", "task", "becomes root in a task's pod"),
    Attempt("pod-capabilities", "pod", "task", "mounts a file system, with whatever capabilities its pod has"),
    Attempt("pod-seccomp", "pod", "task", "makes a namespace of its own, which the seccomp profile forbids"),
    Attempt("pod-setuid", "pod", "task", "gains rights by a setuid program (no_new_privs)"),
    Attempt("pod-host-files", "pod", "task", "reads files of the node"),
    Attempt("pod-host-processes", "pod", "task", "sees processes of the node"),
    Attempt("pod-host-network", "pod", "task", "sees the node's network interfaces"),
    Attempt("pod-metadata", "pod", "task", "asks the cloud's metadata server who it is"),
    Attempt("pod-kubelet", "pod", "task", "asks its node's kubelet for the pods there"),
    Attempt("task-account", "pod", "task", "finds a service account's token in a task's pod"),
    Attempt(
        "task-keys", "pod", "task", "finds a key of its instance in a task's environment", executor="KubernetesExecutor"
    ),
    Attempt("task-kubernetes", "kubernetes", "task", "lists Secrets without any account"),
    # What the API server admits to the team's namespace, whoever asks.
    Attempt("admit-privileged", "pod", "admission", "starts a privileged pod"),
    Attempt("admit-host-path", "pod", "admission", "mounts a folder of the node"),
    Attempt("admit-host-network", "pod", "admission", "starts a pod in the node's network"),
    Attempt("admit-host-pid", "pod", "admission", "starts a pod among the node's processes"),
    Attempt("admit-root", "pod", "admission", "starts a pod as root"),
    Attempt("admit-unconfined", "pod", "admission", "starts a pod without a seccomp profile"),
    Attempt("admit-quota-memory", "pod", "admission", "starts a pod with more memory than its quota"),
    Attempt("admit-quota-cpu", "pod", "admission", "starts a pod with more CPU than its quota"),
    Attempt("admit-load-balancer", "network", "admission", "opens a load balancer past the front"),
    Attempt("admit-node-port", "network", "admission", "opens a port of every node past the front"),
    # What the executor's account may do at the Kubernetes API.
    Attempt("k8s-secrets", "kubernetes", "airflow", "reads another team's Secrets", each=True),
    Attempt("k8s-pods", "kubernetes", "airflow", "lists another team's pods", each=True),
    Attempt("k8s-start", "kubernetes", "airflow", "starts a pod in another team's namespace", each=True),
    Attempt("k8s-exec", "kubernetes", "airflow", "runs a command in another team's pod", each=True),
    Attempt("k8s-logs", "kubernetes", "airflow", "reads the log of another team's pod", each=True),
    Attempt("k8s-proxy", "kubernetes", "airflow", "reaches another team's Airflow through the API server", each=True),
    Attempt("k8s-token", "kubernetes", "airflow", "asks for a token of another team's account", each=True),
    Attempt("k8s-impersonate", "kubernetes", "airflow", "acts as another team's account", each=True),
    Attempt("k8s-fleet", "kubernetes", "airflow", "reads the keys of all instances in fleet's own namespace"),
    Attempt("k8s-own-secrets", "kubernetes", "airflow", "reads its own namespace's Secrets with the executor's account"),
    Attempt("k8s-own-exec", "kubernetes", "airflow", "runs a command in a pod with the executor's account"),
    Attempt("k8s-nodes", "kubernetes", "airflow", "lists the cluster's nodes"),
    Attempt("k8s-all-pods", "kubernetes", "airflow", "lists the pods of all namespaces"),
    Attempt("k8s-loosen-pods", "kubernetes", "airflow", "takes Pod Security from its namespace"),
    Attempt("k8s-loosen-network", "kubernetes", "airflow", "deletes a network policy of its namespace"),
    Attempt("k8s-loosen-quota", "kubernetes", "airflow", "raises its own quota"),
    Attempt("k8s-bind", "kubernetes", "airflow", "gives itself a role"),
    Attempt("k8s-bindings", "kubernetes", "judged", "has a role binding that leads beyond pods and logs of its namespace"),
    # What the database role may do.
    Attempt("db-connect", "database", "airflow", "connects to another team's database and reads its catalog", each=True),
    Attempt("db-login", "database", "airflow", "signs in as another team's role with its own password", each=True),
    Attempt("db-become", "database", "airflow", "becomes another team's role", each=True),
    Attempt("db-queries", "database", "airflow", "watches another team's queries", each=True),
    Attempt("db-public", "database", "airflow", "makes a table in the schema `public`"),
    Attempt("db-platform", "database", "airflow", "connects to a database of the platform (Terraform's, Keycloak's)"),
    Attempt("db-passwords", "database", "airflow", "reads the server's passwords"),
    Attempt("db-role", "database", "airflow", "makes a role"),
    Attempt("db-files", "database", "airflow", "reads files of the database server"),
    Attempt("db-program", "database", "airflow", "runs a program on the database server"),
    Attempt("db-open", "database", "airflow", "lets everybody into its own database"),
    Attempt("db-grants", "database", "judged", "has a database that others than its own role may enter"),
    # What another team's Airflow says.
    Attempt("web-page", "airflow", "airflow", "opens another team's Airflow without signing in", each=True, awake=True),
    Attempt("web-api", "airflow", "airflow", "calls another team's API without a token", each=True, awake=True),
    Attempt("web-user", "airflow", "airflow", "calls another team's API with the token of a user of its own",
            each=True, awake=True),
    Attempt("web-forged", "airflow", "airflow", "signs a token for another team's API with its own key",
            each=True, awake=True),
    Attempt("web-unsigned", "airflow", "airflow", "calls another team's API with an unsigned token",
            each=True, awake=True),
    Attempt("web-cookie", "airflow", "airflow", "shows another team's Airflow its own cookie", each=True, awake=True),
    Attempt("web-worker", "airflow", "airflow", "calls another team's workers' API with a task's token of its own",
            each=True, awake=True),
    Attempt("web-script", "airflow", "airflow", "has a script on its page call another team's API with the visitor's cookies",
            each=True, awake=True),
    Attempt("web-logs", "airflow", "airflow", "reads logs from another team's log server", each=True, awake=True),
    # What Keycloak says to what a team knows: its client's secret.
    Attempt("sso-secret", "sign-on", "outside", "uses its own secret at another team's client", each=True),
    Attempt("sso-redirect", "sign-on", "outside", "has people sent to another team's page", each=True),
    Attempt("sso-elsewhere", "sign-on", "outside", "has people sent to a page of its own choice"),
    Attempt("sso-logout", "sign-on", "outside", "has people sent elsewhere when they sign out"),
    Attempt("sso-password", "sign-on", "outside", "asks for a token with a person's password"),
    Attempt("sso-pkce", "sign-on", "outside", "signs people in without PKCE", manager="fab"),
    Attempt("sso-implicit", "sign-on", "outside", "has the token put into the address of the page"),
    Attempt("sso-code", "sign-on", "outside", "redeems a code that was meant for another team's page", each=True),
    Attempt("sso-code-page", "sign-on", "outside", "redeems a code of its own for another team's page", each=True),
    Attempt("sso-code-proof", "sign-on", "outside", "redeems a code without the proof that it asked for it (PKCE)",
            manager="fab"),
    Attempt("sso-code-twice", "sign-on", "outside", "redeems a code twice"),
    Attempt("sso-client", "sign-on", "judged", "has a client that trusts more than the one page and its own roles"),
    Attempt("sso-realm-roles", "sign-on", "judged", "has a role of the whole realm that an Airflow could take for its own"),
    # What the network lets through, by the policies.
    Attempt("net-others", "network", "judged", "reaches a pod of another team", each=True),
    Attempt("net-strangers", "network", "judged", "is reached from a namespace that is nobody's business"),
    Attempt("net-database", "network", "judged", "reaches the database from a pod that a task started"),
    Attempt("net-world", "network", "judged", "reaches the world where its inventory opens nothing"),
    Attempt("net-metadata", "network", "judged", "reaches the cloud's metadata server"),
)  # fmt: skip

BY_ID = {attempt.id: attempt for attempt in ATTEMPTS}
