"""Runs external programs: takes an argument list, gives what the program answered, never a shell and never a secret in
the arguments (secrets travel by environment or standard input)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

# `fleet --verbose` shows this logger: every command, so that it can be pasted.
log = logging.getLogger("fleet.commands")

# How long a cancelled program may take to stop cleanly. Terraform finishes the request under way and writes its state.
GRACE_SECONDS = 60.0


@dataclass(frozen=True)
class Finished:
    """How a program ended."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)
    seconds: float


async def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bytes = b"",
) -> Finished:
    """Run ``argv`` to its end, whatever its exit status.

    The program talks with unnamed files instead of pipes, so that it lives on when this process is killed: a write to a pipe
    that nobody reads any more kills a program in the middle of its work. Terraform then has made things that no state knows
    of. And an input that was cut short would be taken for a whole one.

    Args:
        env: added to this process's environment; a value of None removes the variable.
        stdin: given to the program.

    Raises:
        OSError: the program cannot be started.
        asyncio.CancelledError: this task was cancelled; the program was interrupted and has ended.
    """
    arguments = tuple(str(part) for part in argv)
    log.info("$ %s", shlex.join(arguments))
    started = time.monotonic()
    with TemporaryFile() as given, TemporaryFile() as stdout, TemporaryFile() as stderr:
        given.write(stdin)
        given.seek(0)
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=cwd,
            env=_environment(env or {}),
            stdin=given,
            stdout=stdout,
            stderr=stderr,
            # A session of its own: Ctrl-C in the terminal reaches fleet only, which then interrupts each program once.
            # (Terraform takes a second interrupt as an order to drop everything and leave its state locked.)
            start_new_session=True,
        )
        end = asyncio.ensure_future(process.wait())
        try:
            returncode = await asyncio.shield(end)
        except asyncio.CancelledError:
            await _stop(process, end)
            raise
        return Finished(arguments, returncode, _all_of(stdout), _all_of(stderr), time.monotonic() - started)


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


async def _stop(process: asyncio.subprocess.Process, end: asyncio.Future[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(asyncio.shield(end), GRACE_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await end
