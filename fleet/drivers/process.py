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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    stdin: bytes | None = None,
    on_line: Callable[[bytes], None] | None = None,
) -> Finished:
    """Run ``argv`` to its end, whatever its exit status.

    Args:
        env: added to this process's environment; a value of None removes the variable.
        stdin: given to the program; without it the program reads an empty input.
        on_line: called with each line of standard output as it comes.

    Raises:
        OSError: the program cannot be started.
        asyncio.CancelledError: this task was cancelled; the program was interrupted and has ended.
    """
    arguments = tuple(str(part) for part in argv)
    log.info("$ %s", shlex.join(arguments))
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=cwd,
        env=_environment(env or {}),
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,  # one line of Helm's JSON holds a whole manifest
        # A session of its own: Ctrl-C in the terminal reaches fleet only, which then interrupts each program once.
        # (Terraform takes a second interrupt as an order to drop everything and leave its state locked.)
        start_new_session=True,
    )
    talk = asyncio.gather(
        _feed(process, stdin), _read(process.stdout, on_line), _read(process.stderr, None), process.wait()
    )
    try:
        _, stdout, stderr, returncode = await asyncio.shield(talk)
    except asyncio.CancelledError:
        await _stop(process, talk)
        raise
    return Finished(arguments, returncode, stdout, stderr, time.monotonic() - started)


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**os.environ, **changes}
    return {name: value for name, value in merged.items() if value is not None}


async def _feed(process: asyncio.subprocess.Process, data: bytes | None) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(
        BrokenPipeError, ConnectionResetError
    ):  # it ended without reading all: its status says why
        process.stdin.write(data or b"")
        await process.stdin.drain()
    process.stdin.close()


async def _read(stream: asyncio.StreamReader | None, on_line: Callable[[bytes], None] | None) -> bytes:
    assert stream is not None  # noqa: S101 (asked for with PIPE above)
    lines = []
    async for line in stream:
        lines.append(line)
        if on_line:
            on_line(line)
    return b"".join(lines)


async def _stop(process: asyncio.subprocess.Process, talk: asyncio.Future[tuple[None, bytes, bytes, int]]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(asyncio.shield(talk), GRACE_SECONDS)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await talk
