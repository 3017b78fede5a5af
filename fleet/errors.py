"""Errors and exit codes: takes what went wrong, gives one printable error, never prints and never exits."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit status of every ``fleet`` command (design §5)."""

    DONE = 0
    FAILED = 1
    REFUSED = 2  # refused, or (for ``plan`` and ``drift``) a difference was found
    PARTLY_DONE = 3
    INTERRUPTED = 130


class FleetError(Exception):
    """One fault, said so that the reader can act: what happened, where, and what to do about it.

    Args:
        what: one line, without a full stop at the end.
        where: ``file:line`` or the thing concerned (an instance, a part of the sandbox), or empty.
        hint: one line that says what to do, or empty.
        exit_code: the exit status that the command ends with.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        self.what, self.where, self.hint, self.exit_code = what, where, hint, exit_code
        super().__init__(f"{where}: {what}" if where else what)


class FleetErrors(FleetError):
    """Several faults found in one go (all errors of an inventory, say), in the order in which they were found."""

    def __init__(self, errors: Iterable[FleetError], *, exit_code: ExitCode = ExitCode.FAILED) -> None:
        self.errors = tuple(errors)
        super().__init__(f"{len(self.errors)} errors", exit_code=exit_code)
