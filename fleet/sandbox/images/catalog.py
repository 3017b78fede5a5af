"""The images that the fleet uses: takes a name and a version, gives an archive in the cache, never imports it.

Everything about their content stands in ``images/``: the Dockerfiles, requirements and constraints that a user builds on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import fleet as package
from fleet import __version__
from fleet.errors import FleetError
from fleet.paths import asset, cache_dir
from fleet.sandbox.images import archive, cache, debian
from fleet.sandbox.images.builder import Builder, suite_of
from fleet.sandbox.images.model import Config, Image, Say, Tree

HOST = "fleet.local"
GIT_SYNC = f"{HOST}/git-sync:v4-standin"
PAUSE = f"{HOST}/pause:1"
PORTAL = f"{HOST}/portal:1"
FLEET = f"{HOST}/fleet:{__version__}"


def airflow_versions() -> tuple[str, ...]:
    """Airflow versions that can be built, newest first: those with ``images/airflow/constraints-<version>.txt``."""
    files = (asset("images") / "airflow").glob("constraints-*.txt")
    found = [file.stem.removeprefix("constraints-") for file in files]
    return tuple(sorted(found, key=lambda version: tuple(map(int, version.split("."))), reverse=True))


def airflow_reference(version: str) -> str:
    """``fleet.local/airflow:<version>``."""
    return f"{HOST}/airflow:{version}"


def airflow(version: str, say: Say) -> Image:
    """Airflow's image for one version; seconds when cached, some minutes when not.

    Raises:
        FleetError: no constraints for this version, no root, or a build step failed (the hint names its log).
    """
    return _image(airflow_reference(version), _airflow_builder(version, say), say)


def git_sync(say: Say) -> Image:
    """The stand-in for git-sync: the program in ``images/git-sync`` and Debian's git."""
    folder = asset("images") / "git-sync"
    return _image(GIT_SYNC, Builder(folder / "Dockerfile", folder, {}, _Parents(say), say), say)


def portal(say: Say) -> Image:
    """The door for people: the server in ``images/portal``."""
    folder = asset("images") / "portal"
    return _image(PORTAL, Builder(folder / "Dockerfile", folder, {}, _Parents(say), say), say)


def fleet(say: Say, lay_terraform: Callable[[Path], None]) -> Image:
    """fleet itself, as it is here; only its own layer is new where its code is.

    Args:
        lay_terraform: puts a program and providers into a folder, as ``images/fleet/Dockerfile`` wants them.
    """
    folder = asset("images") / "fleet"
    with TemporaryDirectory(dir=_scratch()) as scratch:
        context = Path(scratch)
        shutil.copy(folder / "requirements.txt", context)
        lay_terraform(context / "terraform")
        _lay_fleet(context / "app")
        return _image(FLEET, Builder(folder / "Dockerfile", context, {}, _Parents(say), say), say)


def _scratch() -> Path:
    """Where contexts are laid out: in the cache, so that large files can be linked and need not be copied."""
    found = cache_dir() / "contexts"
    found.mkdir(parents=True, exist_ok=True)
    return found


def _lay_fleet(target: Path) -> None:
    """The package, and of its assets those that a look reads."""
    ignored = shutil.ignore_patterns("__pycache__", "_assets", "tests", ".terraform")
    shutil.copytree(Path(package.__file__).parent, target / "fleet", ignore=ignored)
    for name in ("charts", "terraform"):
        shutil.copytree(asset(name), target / "fleet" / "_assets" / name, ignore=ignored)


def pause(say: Say) -> Image:
    """The pods' first container: the static program of ``images/pause``, compiled with Go when it is not in the cache."""
    folder = asset("images") / "pause"
    sources = [folder / "main.go", folder / "go.mod"]
    binary = cache_dir() / "bin" / "pause" / cache.files_key(sources, folder) / "pause"
    if not binary.exists():
        say("compiling pause")
        _compile(folder, binary)
    return _image(PAUSE, Builder(folder / "Dockerfile", binary.parent, {}, _Parents(say), say), say)


def _compile(folder: Path, binary: Path) -> None:
    from fleet.sandbox.builds import go_build

    binary.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=binary.parent) as scratch:
        go_build(folder, ".", Path(scratch) / "pause")
        (Path(scratch) / "pause").replace(binary)


def bake(
    tag: str,
    airflow_version: str,
    requirements: Path | None = None,
    dags: Path | None = None,
    plugins: Path | None = None,
    say: Say = lambda line: None,
) -> Path:
    """A team's own image on top of the fleet's: the archive of ``tag`` in the cache.

    Args:
        tag: reference of the new image, ``fleet.local/marketing:1``.
        airflow_version: one of :func:`airflow_versions`.
        requirements: a requirements file; what contradicts Airflow's own versions is refused.
        dags, plugins: folders whose contents go to ``/opt/airflow/dags`` and ``/opt/airflow/plugins``.
        say: told what takes time.
    Raises:
        FleetError: a path is not there, the tag has no version, or a build step failed.
    """
    if ":" not in tag.rpartition("/")[2]:
        raise FleetError(f"{tag} has no version", hint=f"name it, as in {tag}:1")
    below = "requirements" if requirements else "plain"
    arguments = {"AIRFLOW_IMAGE": airflow_reference(airflow_version), "BELOW": below}
    file = asset("images") / "airflow" / "extend" / "Dockerfile"
    with TemporaryDirectory() as folder:
        context = Path(folder)
        _gather(context, requirements, {"dags": dags, "plugins": plugins})
        return _image(tag, Builder(file, context, arguments, _Parents(say), say), say).path


def _gather(context: Path, requirements: Path | None, folders: Mapping[str, Path | None]) -> None:
    """Lays the build context out as ``extend/Dockerfile`` wants it; what is not given is empty."""
    for given in (requirements, *folders.values()):
        if given is not None and not given.exists():
            raise FleetError("no such file or folder", where=str(given))
    (context / "requirements.txt").write_text(requirements.read_text() if requirements else "")
    for name, folder in folders.items():
        if folder:
            shutil.copytree(folder, context / name, ignore=shutil.ignore_patterns("__pycache__", ".git"))
        else:
            (context / name).mkdir()


def _airflow_builder(version: str, say: Say) -> Builder:
    if version not in airflow_versions():
        known = ", ".join(airflow_versions())
        raise FleetError(f"no image can be built for Airflow {version}", hint=f"there are constraints for {known}")
    folder = asset("images") / "airflow"
    return Builder(folder / "Dockerfile", folder, {"AIRFLOW_VERSION": version}, _Parents(say), say)


def _image(reference: str, builder: Builder, say: Say) -> Image:
    name, _, tag = reference.rpartition("/")[2].partition(":")
    key = cache.key(reference, builder.target.key, repr(builder.target.config))
    path = cache.root() / name / f"{tag}-{key}.tar"
    cached = path.exists()
    cache.sweep()
    tree = builder.tree(builder.target)
    with cache.locked(key):
        if not path.exists():
            say(f"writing {reference}")
            with cache.workdir(key) as work:
                archive.write(tree, reference, work / "image.tar")
                cache.publish(work / "image.tar", path)
            cache.forget_others(path, tag)
    return Image(reference, path, tree, cached)


class _Parents:
    """``FROM`` lines resolved: Debian by debootstrap, the fleet's Airflow from the cache, ``scratch`` as nothing."""

    def __init__(self, say: Say) -> None:
        self.say = say

    def key_of(self, reference: str) -> tuple[str, Config]:
        if reference == "scratch":
            return "scratch", Config()
        if reference.startswith("debian:"):
            return debian.key_of(suite_of(reference)), Config()
        target = self._airflow(reference).target
        return target.key, target.config

    def tree_of(self, reference: str) -> Tree:
        if reference == "scratch":
            return Tree("scratch")
        if reference.startswith("debian:"):
            return debian.tree(suite_of(reference), self.say)
        builder = self._airflow(reference)
        return builder.tree(builder.target)

    def _airflow(self, reference: str) -> Builder:
        name, _, version = reference.rpartition(":")
        if name != f"{HOST}/airflow":
            raise FleetError(f"cannot build on {reference}", hint=f"known are debian and {HOST}/airflow")
        return _airflow_builder(version, self.say)
