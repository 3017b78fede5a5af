"""What is wrong: takes problems found at key paths, gives `FleetErrors` with lines and hints, never finds any."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from fleet.errors import ExitCode, FleetError, FleetErrors
from fleet.inventory.document import Keys, nearest_line

# More are no help to the reader, and looking for the word that was meant costs time for each.
MAX_SHOWN = 50


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `what` follows on the key path (`teams.a.size` + `: there is no …`); without keys it stands alone. `line` (from 1) is looked
    up by `keys` where it is not given. `given` and `among` make a hint of the word that was meant, when one is near.
    """

    what: str
    keys: Keys = ()
    line: int | None = None
    hint: str = ""
    given: str = ""
    among: Collection[str] = ()


def refuse(name: str, *problems: Problem) -> FleetErrors:
    """The error for a file that could not be read as an inventory at all."""
    return _errors(name, problems, {})


def refuse_all(name: str, problems: Iterable[Problem], lines: Mapping[Keys, int]) -> FleetErrors:
    """The error for all problems, by line; of several at one key path only the first, since the others follow from it."""
    first: dict[tuple[Keys, int | None], Problem] = {}
    for problem in problems:
        first.setdefault((problem.keys, problem.line if not problem.keys else None), problem)
    return _errors(name, sorted(first.values(), key=lambda p: _line(p, lines) or 0), lines)


def dotted(keys: Keys) -> str:
    """`teams.marketing.access.groups.admin[0]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return shorten(text.removeprefix("."), 200)


def shorten(text: str, width: int = 60) -> str:
    """One line of at most `width` characters, fit for a terminal."""
    line = "".join(c if c.isprintable() else "�" for c in text)
    return line if len(line) <= width else line[: width - 1] + "…"


def _errors(name: str, problems: Collection[Problem], lines: Mapping[Keys, int]) -> FleetErrors:
    shown = [_error(name, problem, lines) for problem in list(problems)[:MAX_SHOWN]]
    if rest := len(problems) - len(shown):
        shown.append(_fleet_error(f"and {rest} more", name, "mend these first"))
    return FleetErrors(shown, exit_code=ExitCode.REFUSED)


def _error(name: str, problem: Problem, lines: Mapping[Keys, int]) -> FleetError:
    line = _line(problem, lines)
    what = f"{dotted(problem.keys)}: {problem.what}" if problem.keys else problem.what
    return _fleet_error(what, f"{name}:{line}" if line else name, _hint(problem))


def _fleet_error(what: str, where: str, hint: str) -> FleetError:
    return FleetError(what, where=where, hint=hint, exit_code=ExitCode.REFUSED)


def _line(problem: Problem, lines: Mapping[Keys, int]) -> int | None:
    if problem.line is not None or not lines:
        return problem.line
    return nearest_line(lines, problem.keys)


def _hint(problem: Problem) -> str:
    near = difflib.get_close_matches(problem.given[:100], problem.among, n=1) if problem.given else []
    meant = f"did you mean `{near[0]}`?" if near else ""
    return " ".join(filter(None, [meant, problem.hint]))
