"""How a finding is put right: values that `heal` carries out and that its plan shows; none takes data away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Reapply:
    """Make a part of the instance (or of the platform) anew, as `fleet apply` does."""

    part: Literal["platform", "portal", "drift", "terraform", "guardrails", "secrets", "airflow"]

    def __str__(self) -> str:
        return f"apply {self.part} again"


@dataclass(frozen=True)
class Patch:
    """Make fields of a Kubernetes object as they were declared (JSON patch, RFC 6902)."""

    path: str  # of the object, as `fleet.drivers.kubernetes` has it
    operations: tuple[Mapping[str, Any], ...] = field(repr=False)

    def __str__(self) -> str:
        changed = [str(each["path"]) for each in self.operations if each["op"] != "test"]
        return f"patch {self.path}: {', '.join(changed)}"


@dataclass(frozen=True)
class Create:
    """Make a Kubernetes object that is gone; ``path`` is the collection's."""

    path: str
    manifest: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"create {self.manifest['kind']} {self.manifest['metadata']['name']}"


@dataclass(frozen=True)
class Statement:
    """Run a statement as the database server's administrator."""

    database: str
    sql: str  # identifiers quoted; never with a secret in it

    def __str__(self) -> str:
        return f"{self.database}: {self.sql}"


@dataclass(frozen=True)
class Administer:
    """Ask Keycloak's admin API for a change in the fleet's realm."""

    method: Literal["POST", "PUT", "DELETE"]
    path: str  # below /admin/realms/<realm>
    body: Any = None
    what: str = ""  # in words

    def __str__(self) -> str:
        return self.what or f"{self.method} {self.path}"


@dataclass(frozen=True)
class GiveSecret:
    """Tell Keycloak a client's secret again. Its value is read from the cluster when that is done, and is in no mend."""

    client: str  # below /admin/realms/<realm>
    secret: str  # a Secret in the system namespace
    key: str

    def __str__(self) -> str:
        return f"tell Keycloak the client's secret again, from {self.secret}"


@dataclass(frozen=True)
class Configure:
    """Change settings of the Cloud SQL instance (instances.patch)."""

    settings: Mapping[str, Any]

    def __str__(self) -> str:
        return f"set {', '.join(sorted(self.settings))} of the Cloud SQL instance"


Mend = Reapply | Patch | Create | Statement | Administer | GiveSecret | Configure


def together(mends: Iterable[Mend]) -> list[Mend]:
    """Each mend once, and the patches of one object as one.

    One by one, a patch that takes an item out of a list would move what the next one means.
    """
    patches, others = dict[str, list[Mapping[str, Any]]](), list[Mend]()
    for mend in mends:
        if isinstance(mend, Patch):
            patches.setdefault(mend.path, []).extend(mend.operations)
        elif mend not in others:
            others.append(mend)
    return [*(Patch(path, _ordered(operations)) for path, operations in patches.items()), *others]


def _ordered(operations: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Tests of how it is, then what is set, then what is taken out: of a list's items the last first."""
    once: list[Mapping[str, Any]] = []
    once += (each for each in operations if each not in once)
    removals = sorted((each for each in once if each["op"] == "remove"), key=_depth, reverse=True)
    tests = [each for each in once if each["op"] == "test"]
    return (*tests, *(each for each in once if each["op"] not in ("test", "remove")), *removals)


def _depth(operation: Mapping[str, Any]) -> list[tuple[int, str]]:
    parts = str(operation["path"]).split("/")
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
