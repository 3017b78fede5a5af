"""Up and down: takes what is wished, brings the machine there under a lock, never runs twice at the same time."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet.sandbox import cluster, containers, graph, layout, network, packages, postgres, site, steps
from fleet.sandbox.graph import Task
from fleet.sandbox.layout import Layout, Mode
from fleet.sandbox.parts import all_parts
from fleet.sandbox.process import Part
from fleet.sandbox.progress import Progress
from fleet.sandbox.shell import attempt
from fleet.sandbox.supervisor import Supervisor

_NODES_WITHOUT_A_REAL_ONE = 3


def up(simulated_nodes: int | None = None, simulated_only: bool = False) -> Layout:
    """Start what does not run; see :func:`fleet.sandbox.up`. ``None`` simulated nodes: as many as last time."""
    with Progress() as progress, _locked(progress):
        before = layout.current() if layout.exists() else None
        after = layout.with_mode(_mode(before, simulated_nodes, simulated_only, progress))
        if before and before.mode.real_node != after.mode.real_node:
            _take_down(before, progress)
        after.remember()
        _bring_up(after, progress)
        return after


def down(purge: bool = False) -> None:
    """Stop and remove everything of the sandbox; see :func:`fleet.sandbox.down`."""
    with Progress() as progress, _locked(progress):
        if not layout.exists():
            return progress.note("There is no sandbox to take down.")
        current = layout.current()
        _take_down(current, progress)
        if purge:
            postgres.purge(current)
            shutil.rmtree(current.root)
            progress.note("The sandbox's data is deleted; what was built stays in the cache.")


def _bring_up(current: Layout, progress: Progress) -> None:
    prepared = site.prepare(current)
    supervisor = _supervisor(current, progress)
    known = {part.name for part in all_parts(prepared)}
    if "kwok" in supervisor.register.names() and "kwok" not in known:
        cluster.remove_simulated_nodes(current)
    for name in set(supervisor.register.names()) - known:
        supervisor.stop(name)
    graph.run_all(steps.tasks(prepared, supervisor, progress))


def _take_down(current: Layout, progress: Progress) -> None:
    supervisor = _supervisor(current, progress)
    parts = {part.name: part for part in all_parts(site.prepare(current))}
    if current.mode.real_node:
        _take_node_down(current, supervisor, parts, progress)
    graph.run_all([_stop_task(name, parts, supervisor) for name in supervisor.register.names()])


def _stop_task(name: str, parts: dict[str, Part], supervisor: Supervisor) -> Task:
    """Stop one part after all that lean on it."""
    leaning = [part.name for part in parts.values() if name in part.needs and part.name in supervisor.register.names()]
    return Task(name, lambda: supervisor.stop(name, parts.get(name)), tuple(leaning))


def _take_node_down(current: Layout, supervisor: Supervisor, parts: dict[str, Part], progress: Progress) -> None:
    for name in ("traefik", "kubelet", "kube-proxy", "coredns"):
        supervisor.stop(name, parts[name])
    if containers.state_folder(current).is_dir() and not packages.missing():
        # Only containerd itself knows what belongs to it, so it must run to the last.
        network.up(current)
        supervisor.ensure(parts["containerd"])
        with progress.step("containers") as step:
            step.how = f"{containers.remove_all(current)} removed"
    supervisor.stop("containerd", parts["containerd"])
    with progress.step("network, mounts, control groups") as step:
        _clean_packet_rules(Path(parts["kube-proxy"].command[0]))
        network.down(current)
        step.how = f"removed, {containers.unmount_below(current.root)} mounts"
        shutil.rmtree(containers.state_folder(current), ignore_errors=True)
        shutil.rmtree(current.cni, ignore_errors=True)
        containers.remove_cgroups()
        containers.remove_fixed_folders()


def _clean_packet_rules(kube_proxy: Path) -> None:
    if kube_proxy.is_file():
        attempt(str(kube_proxy), "--cleanup")
    network.remove_kubelet_chains()


def _mode(before: Layout | None, simulated_nodes: int | None, simulated_only: bool, progress: Progress) -> Mode:
    real_node = not simulated_only and _real_node_possible(progress)
    kept = before.mode.simulated_nodes if before else 0
    number = kept if simulated_nodes is None else simulated_nodes
    return Mode(real_node, number if real_node else number or _NODES_WITHOUT_A_REAL_ONE)


def _real_node_possible(progress: Progress) -> bool:
    absent = packages.missing()
    if absent and packages.can_install():
        with progress.step(f"Debian packages {' '.join(absent)}") as step:
            packages.install(absent)
            step.how = "installed"
    reason = packages.why_no_node()
    if reason:
        progress.note(f"No real node here ({reason}): nodes are simulated, and no container runs.")
    return not reason


def _supervisor(current: Layout, progress: Progress) -> Supervisor:
    return Supervisor(current.run, current.logs, progress)


@contextmanager
def _locked(progress: Progress) -> Iterator[None]:
    """One ``up`` or ``down`` at a time; the kernel frees the lock when its holder dies."""
    path = layout.current().root.with_name("sandbox.lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note("Another `fleet sandbox` is at work; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
