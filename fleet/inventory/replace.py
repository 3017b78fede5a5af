"""Replacing a file: takes a path, gives a way to swap its content in one step, never reads meaning into the content.

The lock is on the folder, since a lock on the file would be lost with the file that is replaced.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import ExitCode, FleetError


@dataclass(frozen=True)
class Target:
    """A file whose folder is locked against other fleets."""

    path: Path

    def write(self, before: bytes, after: bytes) -> None:
        """Put `after` in the place of `before`; readers see the one or the other. Mode, owner and links stay.

        Raises:
            FleetError: the file is no longer `before` (an editor does not ask for locks), or cannot be written.
        """
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                _like(self.path, descriptor)
                file.write(after)
                file.flush()
                os.fsync(descriptor)
            if self.path.read_bytes() != before:
                hint = "run the command again"
                raise FleetError("was changed meanwhile", where=str(self.path), hint=hint, exit_code=ExitCode.REFUSED)
            Path(name).replace(self.path)
        finally:
            Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Target]:
    """Lock the folder of the file (of the file that it links to), for the time of an edit.

    Raises:
        FleetError: the file cannot be written.
    """
    try:
        real = path.resolve()
        folder = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield Target(real)
            os.fsync(folder)
        finally:
            os.close(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
        raise FleetError(f"cannot be written: {error}", where=str(path), hint="see to its permissions") from error


def _like(path: Path, descriptor: int) -> None:
    """Give the new file the old one's mode and, where we may, its owner."""
    if not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is write-protected")
    status = path.stat()
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, status.st_mode & 0o7777)
