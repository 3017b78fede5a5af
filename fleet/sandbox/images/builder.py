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
        context: the folder that its ``COPY`` reads.
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
        # The record is of the layers: settings may change without them.
        return replace(Tree.load(record.read_text(), record.parent), config=plan.config)

    def _build(self, plan: Plan, record: Path) -> None:
        tree = self._parent(plan)
        if plan.steps:
            with cache.workdir(plan.key) as work:
                layer = self._layer(plan, tree, work)
                final = record.with_suffix(".tar")
                cache.publish(layer.path, final)
                tree = replace(tree, layers=(*tree.layers, replace(layer, path=final)))
        cache.write(record, Tree(plan.key, tree.layers).dump())

    def _layer(self, plan: Plan, below: Tree, work: Path) -> Layer:
        """What the stage's steps add to ``below``."""
        target, stamp = work / "layer.tar", stamp_of(plan.key)
        if any(isinstance(step, Run) or step.origin for step in plan.steps):
            root, before = self._root(plan, below, work)
            self.say(f"packing {plan.name}")
            return layers.write_layer(root, before, target, stamp)
        # Files of the context alone need nothing of what lies below: no unpacking, a layer within a second.
        root = work / "root"
        for step in plan.steps:
            self._step(step, root, work, work / "log")
        return layers.write_layer(root, {}, target, stamp, layers.folders(below.layers))

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
            self._step(step, root, work, log)
        return root, before

    def _step(self, step: Run | Copy, root: Path, work: Path, log: Path) -> None:
        if isinstance(step, Copy):
            self._copy(step, root, work)
            return
        environment = {**dict(step.environment), "SOURCE_DATE_EPOCH": "0"}
        suite = suite_of(self.suites[0]) if self.suites else ""
        chroot.run(root, step.script, environment, log, suite=suite)

    def _copy(self, step: Copy, root: Path, work: Path) -> None:
        origin, options = self.context, ["--recursive", "--no-dereference", "--preserve=mode,links"]
        if step.origin:
            plan = self.plans[step.origin]
            origin, _ = self._root(plan, self._parent(plan), work)
            options = ["--archive", "--link"]
        target = root / step.target.lstrip("/")
        folder = step.target.endswith("/") or len(step.sources) > 1
        for source in step.sources:
            _copy_one(origin / source.lstrip("/"), target, folder, options, step.mode)


def _copy_one(source: Path, target: Path, folder: bool, options: list[str], mode: str) -> None:
    """As Docker's COPY: of a folder its contents, of a file the file, into ``target`` or (``folder``) below it."""
    whole = source.is_dir()
    (target if whole or folder else target.parent).mkdir(parents=True, exist_ok=True)
    for one in sorted(source.iterdir()) if whole else [source]:
        place = target / one.name if whole or folder else target
        subprocess.run(["cp", *options, "--no-target-directory", "--", str(one), str(place)], check=True)
        if mode:
            subprocess.run(["chmod", "--recursive", mode, "--", str(place)], check=True)


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
