"""State of the sandbox: takes records and probes, gives a row for each part, never starts or stops one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from fleet.sandbox import layout, process, site
from fleet.sandbox.parts import all_parts
from fleet.sandbox.process import Part, Register

_MEBIBYTE = 1024 * 1024


class State(StrEnum):
    """``UP`` serves; ``UNREADY`` runs and does not; ``DEAD`` ended by itself or was killed; ``DOWN`` is not started."""

    UP = "up"
    UNREADY = "unready"
    DEAD = "dead"
    DOWN = "down"


@dataclass(frozen=True)
class PartStatus:
    """One part as it is now; pid, memory and uptime are None when it does not run."""

    name: str
    state: State
    version: str
    address: str
    pid: int | None = None
    memory_mib: int | None = None
    uptime_seconds: int | None = None


def rows() -> list[PartStatus]:
    """A row for each part of the sandbox in its recorded mode; empty when there is none."""
    if not layout.exists():
        return []
    prepared = site.prepare(layout.current())
    register = Register(prepared.layout.run)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda part: _row(part, register), all_parts(prepared)))


def _row(part: Part, register: Register) -> PartStatus:
    record = register.read(part.name)
    if record is None or not record.alive():
        return PartStatus(part.name, State.DEAD if record else State.DOWN, part.version, part.address)
    return PartStatus(
        part.name,
        State.UP if part.ready() else State.UNREADY,
        part.version,
        part.address,
        record.pid,
        process.memory(record, part.own_children) // _MEBIBYTE,
        int(time.time() - record.since),
    )
