"""Says what is and what was done: takes typed values, gives text, never reads the world.

Standard output carries data (a table, JSON or Markdown), standard error carries talk.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast, get_args

from fleet.desired import Desired, DesiredInstance
from fleet.errors import ExitCode, FleetError, FleetErrors
from fleet.observe import Observed, ObservedInstance
from fleet.plan import Plan
from fleet.proof import Proof

Output = Literal["table", "json", "markdown"]
Row = Mapping[str, str | int | bool | None]

_AREAS = ("machine", "cluster", "platform", "fleet")
_SIGNS = {"create": "+", "update": "~", "repair": "!", "remove": "-"}


def plan_rows(plan: Plan, resources: Mapping[str, Sequence[str]] | None = None) -> list[Row]:
    """One row per change. ``resources``: per instance, what Terraform would do."""
    rows: list[Row] = [
        {"instance": change.instance, "part": change.part, "action": change.action, "why": "; ".join(change.reasons)}
        for change in plan.changes
    ]
    for instance, lines in (resources or {}).items():
        rows += [{"instance": instance, "part": "terraform", "action": "resource", "why": line} for line in lines]
    return rows


def plan_text(plan: Plan, resources: Mapping[str, Sequence[str]] | None = None) -> str:
    """The plan for a reader."""
    lines: list[str] = []
    previous = ""
    for change in plan.changes:
        if change.instance != previous:
            lines.append(change.instance)
            previous = change.instance
        lines.append(f"  {_SIGNS[change.action]} {change.part:<11} {change.reasons[0]}")
        lines += [f"  {'':<13} {reason}" for reason in change.reasons[1:]]
        if change.part in ("terraform", "platform"):
            lines += [f"      {line}" for line in (resources or {}).get(change.instance, ())]
    lines += [f"{name}: not in the inventory; `fleet remove-team {name}` takes it away" for name in plan.orphans]
    if plan.empty:
        lines.append("nothing to do: everything is as the inventory says")
    else:
        lines.append(f"{count(len(plan.changes), 'change')}, {count(len(plan.instances), 'instance')}")
    return "\n".join(lines)


def count(number: int, what: str) -> str:
    """A number of things, in words."""
    return f"{number} {what}{'s' * (number != 1)}"


def proof_text(proof: Proof) -> str:
    """The proof of a backup for a reader; the tables that hold anything, and how many do not."""
    filled = {name: rows for name, rows in proof.tables.items() if rows}
    width = max(map(len, filled), default=0)
    moved = f"; a running Airflow wrote to {count(len(proof.moved), 'table')} meanwhile" if proof.moved else ""
    return "\n".join(
        [
            f"{proof.instance}: {proof.dump}",
            f"  {proof.size} bytes, {proof.digest}",
            f"  restored and compared {proof.proven}: {count(len(proof.tables), 'table')}, {count(proof.rows, 'row')}{moved}",
            *(f"    {name.ljust(width)}   {rows}" for name, rows in filled.items()),
            f"    and {count(len(proof.tables) - len(filled), 'empty table')}",
        ]
    )


def status_rows(desired: Desired, observed: Observed, now: datetime) -> list[Row]:
    """One row per instance: those of the inventory, then the orphans."""
    rows = [
        _status(instance, observed.instances.get(name, ObservedInstance(name)), now)
        for name, instance in desired.instances.items()
    ]
    for name in sorted(set(observed.instances) - set(desired.instances)):
        rows.append(_orphan(observed.instances[name], now))
    return rows


def _status(desired: DesiredInstance, observed: ObservedInstance, now: datetime) -> Row:
    return {
        "instance": desired.name,
        "state": state(desired, observed),
        "version": _version(observed) or "-",
        "url": desired.url,
        "database": desired.database,
        "owner": desired.owner,
        "age": _age(observed.created, now),
    }


def _orphan(observed: ObservedInstance, now: datetime) -> Row:
    kept = observed.record is not None and observed.record.kept is not None
    return {
        "instance": observed.name,
        "state": "database kept" if kept else "orphan: not in the inventory",
        "version": _version(observed) or "-",
        "url": "-",
        "database": observed.name.replace("-", "_"),
        "owner": "-",
        "age": _age(observed.created, now),
    }


def state(desired: DesiredInstance, observed: ObservedInstance) -> str:
    """In a word, and what is wrong if something is."""
    if observed.terminating:
        return "being removed"
    if observed.created is None:
        return "not applied"
    if not observed.components:
        return "incomplete: no Airflow in it"
    if desired.suspended:
        return "suspended" if all(each.wanted == 0 for each in observed.components) else "not yet suspended"
    waiting = [
        f"{each.name} {each.ready}/{each.wanted}" for each in observed.components if not each.settled or not each.wanted
    ]
    return f"not ready: {', '.join(waiting)}" if waiting else "healthy"


def reason(line: Mapping[str, Any]) -> str:
    """What a journal line has to say beside its facts."""
    error = line.get("error") or {}
    return str(line.get("detail") or error.get("what") or line.get("command") or line.get("ended") or "")


def is_fine(row: Row) -> bool:
    """Whether a status row needs nobody's attention."""
    return row["state"] in ("healthy", "suspended", "database kept")


def _version(observed: ObservedInstance) -> str:
    applied = observed.record.parts.get("airflow") if observed.record else None
    return str(applied.inputs["values"]["airflowVersion"]) if applied else ""


def _age(created: datetime | None, now: datetime) -> str:
    return "-" if created is None else duration(now - created)


def duration(length: timedelta) -> str:
    """As kubectl has it: the two largest units at most."""
    seconds = max(0, int(length.total_seconds()))
    for size, unit, below in ((86400, "d", 3600), (3600, "h", 60), (60, "m", 1)):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size}{unit}" + (
                f"{rest}{'h' if unit == 'd' else 'm' if unit == 'h' else 's'}" if rest else ""
            )
    return f"{seconds}s"


def findings_text(rows: Sequence[Row]) -> str:
    """What `fleet doctor` found, for a reader: what to do stands below what is wrong."""
    signs = {"ok": "✓", "warn": "!", "fail": "✗"}
    width = max((len(str(row["check"])) for row in rows), default=0)
    lines, area = list[str](), ""
    for row in sorted(rows, key=lambda row: _AREAS.index(str(row["area"]))):
        if row["area"] != area:
            area = str(row["area"])
            lines.append(area)
        lines.append(f"  {signs[str(row['verdict'])]} {str(row['check']).ljust(width)}   {row['what']}")
        if row["mend"]:
            lines.append(f"    {' ' * width}   → {row['mend']}")
    counts = [sum(row["verdict"] == verdict for row in rows) for verdict in ("fail", "warn")]
    return "\n".join([*lines, f"{count(counts[0], 'failure')}, {count(counts[1], 'warning')}"])


def output(name: str) -> Output:
    """A format by name.

    Raises:
        FleetError: there is no such format.
    """
    if name not in get_args(Output):
        raise FleetError(
            f"there is no output format `{name}`", hint="table, json or markdown", exit_code=ExitCode.REFUSED
        )
    return cast(Output, name)


def render(rows: Sequence[Row], columns: Sequence[str], output: Output) -> str:
    """Rows as a table, as JSON (all keys) or as Markdown."""
    if output == "json":
        return json.dumps(list(rows), indent=2)
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if output == "markdown":
        lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in line] for line in cells)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return _table([[column.upper() for column in columns], *cells])


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def _table(lines: Sequence[Sequence[str]]) -> str:
    """Columns as wide as needed and no borders: a terminal wraps it, `grep` and `awk` read it."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    padded = ("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def error_text(error: FleetError) -> str:
    """An error for a reader: what and where, then what to do."""
    if isinstance(error, FleetErrors):
        return "\n".join(error_text(each) for each in error.errors)
    return "\n".join([f"error: {error}", *([f"  {error.hint}"] if error.hint else [])])


def now() -> datetime:
    """The clock that ages are told by."""
    return datetime.now(UTC)


def join(lines: Iterable[str]) -> str:
    """Lines of a list, indented."""
    return "\n".join(f"  {line}" for line in lines)
