"""What images are made of: takes nothing, gives the values that the builder's modules hand each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Say = Callable[[str], None]
"""Told one line per step that takes time: what is being done."""


@dataclass(frozen=True)
class Layer:
    """One uncompressed layer: its tar file, ``sha256:…`` of it, its size in bytes."""

    path: Path
    digest: str
    size: int


@dataclass(frozen=True)
class Config:
    """What a container of the image is started with (the OCI image configuration's ``config``)."""

    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"


@dataclass(frozen=True)
class Tree:
    """A finished stage: the key of everything that went into it, its layers from the bottom up, its configuration."""

    key: str
    layers: tuple[Layer, ...] = ()
    config: Config = field(default_factory=Config)

    def dump(self) -> str:
        """As JSON, layers by their file names, so that the cache may move; :meth:`load` reads it again."""
        layers = [{"name": one.path.name, "digest": one.digest, "size": one.size} for one in self.layers]
        return json.dumps({"key": self.key, "layers": layers, "config": asdict(self.config)}, indent=1)

    @classmethod
    def load(cls, text: str, folder: Path) -> Tree:
        """The tree that :meth:`dump` wrote, with its layers in ``folder``."""
        data: dict[str, Any] = json.loads(text)
        layers = tuple(Layer(folder / one["name"], one["digest"], one["size"]) for one in data["layers"])
        raw = data["config"]
        tuples = {name: tuple(raw[name]) for name in ("ports", "entrypoint", "cmd")}
        return cls(data["key"], layers, Config(**{**raw, **tuples}))


@dataclass(frozen=True)
class Image:
    """An image in the cache: its reference (``fleet.local/airflow:3.3.2``), its tar file, how it came about."""

    ref: str
    path: Path
    tree: Tree
    cached: bool
