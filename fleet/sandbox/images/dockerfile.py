"""A Dockerfile read: takes its text and build arguments, gives stages of instructions, never runs one.

It knows the subset of the Dockerfile reference that this project's files use, and refuses the rest: what passes here
means the same to Docker.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from fleet.errors import FleetError

KNOWN = frozenset(["ARG", "FROM", "COPY", "RUN", "ENV", "USER", "WORKDIR", "LABEL", "EXPOSE", "ENTRYPOINT", "CMD"])
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, everything behind it (continuations joined), its first line."""

    name: str
    value: str
    line: int


@dataclass(frozen=True)
class Stage:
    """``FROM parent AS name`` and what follows; ``name`` is the stage's number when it has no other."""

    name: str
    parent: str
    steps: tuple[Instruction, ...]


def parse(text: str, arguments: Mapping[str, str], where: str) -> tuple[Stage, ...]:
    """Stages of a Dockerfile in their order.

    Args:
        text: the file's content.
        arguments: build arguments (``--build-arg``) for the ``ARG``s before the first ``FROM``.
        where: the file's name, for messages.
    Raises:
        FleetError: an instruction outside the known subset, or none at all.
    """
    head: dict[str, str] = {}
    stages: list[Stage] = []
    for step in _instructions(text):
        if step.name not in KNOWN:
            raise FleetError(f"the instruction {step.name} is not supported", where=f"{where}:{step.line}")
        if step.name == "FROM":
            stages.append(_stage(step, head, len(stages), where))
        elif stages:
            stages[-1] = Stage(stages[-1].name, stages[-1].parent, (*stages[-1].steps, step))
        else:
            name, default = argument(step)
            head[name] = arguments.get(name, default)
    if not stages:
        raise FleetError("no FROM instruction", where=where)
    return tuple(stages)


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    parts: list[str] = []
    start = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        start = start if parts else number
        parts.append(line.removesuffix("\\").strip())
        if not line.endswith("\\"):
            name, _, value = " ".join(parts).partition(" ")
            found.append(Instruction(name.upper(), value.strip(), start))
            parts = []
    return found


def _stage(step: Instruction, head: Mapping[str, str], number: int, where: str) -> Stage:
    words = substitute(step.value, head).split()
    if len(words) == 3 and words[1].upper() == "AS":
        return Stage(words[2], words[0], ())
    if len(words) == 1:
        return Stage(str(number), words[0], ())
    raise FleetError(f"cannot read FROM {step.value}", where=f"{where}:{step.line}")


def argument(step: Instruction) -> tuple[str, str]:
    """Name and default (empty without one) of an ``ARG``."""
    name, _, default = step.value.partition("=")
    return name, default.strip('"')


def pairs(step: Instruction) -> dict[str, str]:
    """The ``KEY=value`` pairs of an ``ENV`` or ``LABEL``."""
    return {name: value for name, _, value in (word.partition("=") for word in shlex.split(step.value))}


def words(step: Instruction) -> tuple[str, ...]:
    """The words of an ``ENTRYPOINT`` or ``CMD`` in exec form (a JSON list)."""
    return tuple(str(word) for word in json.loads(step.value))


def flags(value: str) -> tuple[dict[str, str], str]:
    """Splits leading ``--flag=value`` words off an instruction's value."""
    found: dict[str, str] = {}
    rest = value
    while rest.startswith("--"):
        word, _, rest = rest.partition(" ")
        name, _, setting = word.removeprefix("--").partition("=")
        found[name] = setting
        rest = rest.lstrip()
    return found, rest


def substitute(value: str, variables: Mapping[str, str]) -> str:
    """``$NAME`` and ``${NAME}`` replaced; an unknown name becomes empty, as in Docker."""
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), value)
