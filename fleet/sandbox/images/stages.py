"""Stages planned: takes a Dockerfile, its context and arguments, gives steps with keys and settings, never runs one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox.images import cache, dockerfile
from fleet.sandbox.images.dockerfile import Instruction, Stage
from fleet.sandbox.images.model import Config


@dataclass(frozen=True)
class Run:
    """A shell script with its environment."""

    script: str
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Copy:
    """Files of the context, or of the stage ``origin``, to ``target``; ``mode`` as for chmod or empty."""

    sources: tuple[str, ...]
    target: str
    origin: str = ""
    mode: str = ""


@dataclass(frozen=True)
class Plan:
    """One stage, ready to be built: ``parent`` is a stage's name or an image; ``key`` stands for all its layers are made of."""

    name: str
    parent: str
    key: str
    steps: tuple[Run | Copy, ...]
    config: Config


def plan(
    stages: Iterable[Stage],
    context: Path,
    arguments: Mapping[str, str],
    image_of: Callable[[str], tuple[str, Config]],
) -> dict[str, Plan]:
    """All stages by name, in their order.

    Args:
        stages: as :func:`dockerfile.parse` gives them.
        context: the folder that ``COPY`` reads from.
        arguments: build arguments; an ``ARG`` of a stage takes its value from here or its default.
        image_of: key and configuration of an image named in a ``FROM`` that is no stage.
    Raises:
        FleetError: a ``COPY`` of something that is not there.
    """
    done: dict[str, Plan] = {}
    for stage in stages:
        parent = done.get(stage.parent)
        below = (parent.key, parent.config) if parent else image_of(stage.parent)
        done[stage.name] = _Planner(stage, context, arguments, done, below).plan()
    return done


class _Planner:
    """Walks through one stage's instructions and keeps what they set."""

    def __init__(
        self,
        stage: Stage,
        context: Path,
        arguments: Mapping[str, str],
        done: Mapping[str, Plan],
        below: tuple[str, Config],
    ) -> None:
        self.stage, self.context, self.given, self.done = stage, context, arguments, done
        self.parent_key, self.config = below
        self.arguments: dict[str, str] = {}
        self.steps: list[Run | Copy] = []
        self.inputs: list[str] = []

    def plan(self) -> Plan:
        for step in self.stage.steps:
            getattr(self, f"_{step.name.lower()}")(step)
        key = cache.key(self.parent_key, *(repr(step) for step in self.steps), *self.inputs)
        return Plan(self.stage.name, self.stage.parent, key, tuple(self.steps), self.config)

    @property
    def _variables(self) -> dict[str, str]:
        return {**self.arguments, **self.config.env}

    def _words(self, step: Instruction) -> str:
        return dockerfile.substitute(step.value, self._variables)

    def _arg(self, step: Instruction) -> None:
        name, default = dockerfile.argument(step)
        self.arguments[name] = self.given.get(name, default)

    def _env(self, step: Instruction) -> None:
        found = dockerfile.pairs(replace(step, value=self._words(step)))
        self.config = replace(self.config, env={**self.config.env, **found})

    def _label(self, step: Instruction) -> None:
        found = dockerfile.pairs(replace(step, value=self._words(step)))
        self.config = replace(self.config, labels={**self.config.labels, **found})

    def _user(self, step: Instruction) -> None:
        self.config = replace(self.config, user=self._words(step))

    def _workdir(self, step: Instruction) -> None:
        self.config = replace(self.config, workdir=self._words(step))

    def _expose(self, step: Instruction) -> None:
        self.config = replace(self.config, ports=tuple(f"{port}/tcp" for port in self._words(step).split()))

    def _entrypoint(self, step: Instruction) -> None:
        # As in Docker, a new entry point takes the inherited arguments away.
        self.config = replace(self.config, entrypoint=dockerfile.words(step), cmd=())

    def _cmd(self, step: Instruction) -> None:
        self.config = replace(self.config, cmd=dockerfile.words(step))

    def _run(self, step: Instruction) -> None:
        if self.config.user not in ("", "0", "root"):
            raise FleetError("RUN as another user than root is not supported", where=f"line {step.line}")
        self.steps.append(Run(step.value, tuple(self._variables.items())))

    def _copy(self, step: Instruction) -> None:
        flags, rest = dockerfile.flags(self._words(step))
        *sources, target = json.loads(rest) if rest.startswith("[") else rest.split()
        origin = flags.get("from", "")
        if origin:
            self.inputs.append(self.done[origin].key)
        else:
            self.inputs.append(self._read(sources, step))
        self.steps.append(Copy(tuple(sources), target, origin, flags.get("chmod", "")))

    def _read(self, sources: list[str], step: Instruction) -> str:
        paths = [self.context / source for source in sources]
        for path in paths:
            if not path.exists():
                raise FleetError(f"COPY of {path.name}, which is not there", where=f"line {step.line}")
        return cache.files_key(paths, self.context)
