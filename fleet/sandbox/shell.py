"""Short external commands: takes words and input, gives their output, never a shell and never a secret in an argument."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from fleet.errors import FleetError

_LINES = 8


def run(
    *command: str,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    cwd: str | None = None,
) -> str:
    """Output of a command that must succeed.

    Args:
        command: program and arguments.
        stdin: text for its standard input; secrets go here.
        env: the whole environment, or None for this process's own.
        user: run as this user (root only).
        cwd: working directory.

    Raises:
        FleetError: it is missing or ended with another status than 0; the hint holds what it said last.
    """
    done = attempt(*command, stdin=stdin, env=env, user=user, cwd=cwd)
    if done.returncode != 0:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LINES:])
        raise FleetError(f"{command[0]} ended with status {done.returncode}", where=" ".join(command), hint=said)
    return done.stdout


def attempt(
    *command: str,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    cwd: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail; the caller looks at the status."""
    try:
        return subprocess.run(
            command,
            input=stdin,
            env=env,
            user=user,
            extra_groups=[] if user else None,
            cwd=cwd,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise FleetError(f"{command[0]} is not installed", where=" ".join(command)) from error
