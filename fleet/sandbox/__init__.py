"""The local platform: takes a wish (up, down), gives a running Kubernetes, PostgreSQL and Keycloak, never a mock.

Stable for other code and for tests:

``up(simulated_nodes=None, simulated_only=False) -> None``
    Starts whatever is not running yet; a second call changes nothing.
``down(purge=False) -> None``
    Stops everything and removes what it left on the machine; ``purge`` deletes the data as well.
``status() -> list[PartStatus]``
    One row for each part: name, state, version, address, pid, memory in MiB, uptime in seconds.
``environment() -> dict[str, str]``
    What a shell needs to use the sandbox: KUBECONFIG, PATH prefix, TF_CLI_CONFIG_FILE, PGHOST, …; no secrets.
``fleet.sandbox.layout``
    Paths and addresses: ``layout.current().kubeconfig``, ``.bin``, ``.terraformrc``, ``.git``, ``.address``.
``fleet.sandbox.builds.tool(name) -> Path``
    A program of ``sandbox/versions.toml`` (helm, kubectl, kubeconform, …), built first if it is not in the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.sandbox.state import PartStatus


def up(simulated_nodes: int | None = None, simulated_only: bool = False) -> None:
    """Bring every part up, building what the cache lacks (about 15 minutes on 2 cores the first time).

    Args:
        simulated_nodes: how many kwok nodes stand beside the real one; None: as many as last time.
        simulated_only: no real node, even where root and containerd are there; everything on 127.0.0.1.

    Raises:
        FleetError: a part did not become ready (the last lines of its log are in the hint) or could not be built.
    """
    from fleet.sandbox import lifecycle

    lifecycle.up(simulated_nodes=simulated_nodes, simulated_only=simulated_only)


def down(purge: bool = False) -> None:
    """Stop every part and remove processes, mounts, network and cgroups; keep the data unless ``purge``."""
    from fleet.sandbox import lifecycle

    lifecycle.down(purge=purge)


def status() -> list[PartStatus]:
    """One row for each part that the sandbox consists of, running or not; empty before the first ``up``."""
    from fleet.sandbox import state

    return state.rows()


def environment() -> dict[str, str]:
    """Variables by which other programs find the sandbox; none of them is a secret."""
    from fleet.sandbox import layout

    return layout.current().environment()
