"""Images built without Docker: takes planned stages, gives layers in the cache, never talks to a registry."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from fleet.sandbox.images import cache, chroot, dockerfile, layers, stages
from fleet.sandbox.images.model import Config, Layer, Say, Tree
from fleet.sandbox.images.stages import Copy, Plan, Run


class Parents(Protocol):
    """Where images named in a ``FROM`` come from."""

    def key_of(self, reference: str) -> tuple[str, Config]:
        """Key and configuration, without building it."""

    def tree_of(self, reference: str) -> Tree:
        """The image, built when it is not in the cache."""


class Builder:
    """Builds one Dockerfile's stages, each at most once, from the cache where they are there.

    Args:
        file: the Dockerfile.
        context: the folder that its ``COPY`` and bind mounts read.
        arguments: its build arguments.
        parents: resolves its ``FROM`` lines.
        say: told what takes time.
    """

    def __init__(self, file: Path, context: Path, arguments: Mapping[str, str], parents: Parents, say: Say) -> None:
        self.context, self.parents, self.say = context, parents, say
        parsed = dockerfile.parse(file.read_text(), arguments, file.name)
        self.plans = stages.plan(parsed, context, arguments, parents.key_of)
        self.suites = [stage.parent for stage in parsed if stage.parent.startswith("debian:")]

    @property
    def target(self) -> Plan:
        """The last stage: the image."""
        return list(self.plans.values())[-1]

    def tree(self, plan: Plan) -> Tree:
        """The stage with its layers, built when its record is not in the cache."""
        record = cache.root() / "layers" / f"{plan.key}.json"
        if not record.exists():
            with cache.locked(plan.key):
                if not record.exists():
                    self._build(plan, record)
        return Tree.load(record.read_text())

    def _build(self, plan: Plan, record: Path) -> None:
        below = self._parent(plan)
        with cache.workdir(plan.key) as work:
            root, before = self._root(plan, below, work)
            self.say(f"packing {plan.name}")
            layer = layers.write_layer(root, before, work / "layer.tar", stamp_of(plan.key))
            final = record.with_suffix(".tar")
            cache.publish(layer.path, final)
            tree = Tree(plan.key, (*below.layers, replace(layer, path=final)), plan.config)
            (work / "record").write_text(tree.dump())
            cache.publish(work / "record", record)

    def _parent(self, plan: Plan) -> Tree:
        if plan.parent in self.plans:
            return self.tree(self.plans[plan.parent])
        return self.parents.tree_of(plan.parent)

    def _root(self, plan: Plan, below: Tree, work: Path) -> tuple[Path, layers.Snapshot]:
        """The stage's file system after its steps, and a snapshot from before them."""
        root = work / f"root-{plan.name}"
        layers.unpack(below.layers, root)
        before = layers.snapshot(root)
        log = cache.root() / "logs" / f"{plan.name}-{plan.key}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        for number, step in enumerate(plan.steps, 1):
            self.say(f"stage {plan.name}, step {number} of {len(plan.steps)}")
            if isinstance(step, Run):
                self._run(step, root, log)
            else:
                self._copy(step, root, work)
        return root, before

    def _run(self, step: Run, root: Path, log: Path) -> None:
        environment = {**dict(step.environment), "SOURCE_DATE_EPOCH": "0"}
        suite = suite_of(self.suites[0]) if self.suites else ""
        context = self.context if step.context_at else None
        chroot.run(root, step.script, environment, log, suite=suite, context=context, context_at=step.context_at)

    def _copy(self, step: Copy, root: Path, work: Path) -> None:
        origin, options = self.context, ["--recursive", "--no-dereference", "--preserve=mode,links"]
        if step.origin:
            plan = self.plans[step.origin]
            origin, _ = self._root(plan, self._parent(plan), work)
            options = ["--archive", "--link"]
        target = root / step.target.lstrip("/")
        folder = step.target.endswith("/") or len(step.sources) > 1
        for source in step.sources:
            _copy_one(origin / source.lstrip("/"), target, folder, options)
            if step.mode:
                subprocess.run(["chmod", step.mode, str(target)], check=True)


def _copy_one(source: Path, target: Path, folder: bool, options: list[str]) -> None:
    """As Docker's COPY: of a folder its contents, of a file the file, into ``target`` or (``folder``) below it."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", *options, "--", f"{source}/.", str(target)], check=True)
        return
    (target if folder else target.parent).mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", *options, "--", str(source), str(target)], check=True)


def suite_of(reference: str) -> str:
    """``bookworm`` of ``debian:bookworm-slim``."""
    return reference.partition(":")[2].removesuffix("-slim")


def stamp_of(key: str) -> int:
    """Time stamp of all entries of a layer. Made from its key: same inputs, same tar; and files that a web server
    tags by time and size (Airflow's static pages) get other tags when the version changes."""
    return 1_700_000_000 + int(key[:6], 16)


def bottom_layer(root: Path, key: str, work: Path) -> Layer:
    """Packs a whole root file system as the cache's layer ``key``."""
    layer = layers.write_layer(root, {}, work / "layer.tar", stamp_of(key))
    final = cache.root() / "layers" / f"{key}.tar"
    cache.publish(layer.path, final)
    return replace(layer, path=final)
