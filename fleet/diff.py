"""What is not as it should be: takes desired and observed, gives changes with their reasons, never orders or makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fleet.desired import PARTS, Desired, DesiredInstance, Part, secrets
from fleet.errors import ExitCode, FleetError
from fleet.observe import Observed, ObservedInstance
from fleet.record import Record

PLATFORM = "platform"  # stands for the platform where an instance's name would stand
# The parts of it that are Helm releases: the door for people, and the look at drift on a schedule.
PORTAL: Literal["portal"] = "portal"
DRIFT: Literal["drift"] = "drift"
_SHORT = 48  # characters of a value that is shown in a reason
_MANY = 6  # reasons shown one by one


@dataclass(frozen=True)
class Change:
    """One part of one instance that is not as it should be, and why."""

    instance: str
    part: Part | Literal["platform", "portal", "drift"]
    action: Literal["create", "update", "repair", "remove"]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """All changes of a fleet, in the inventory's order, and what no inventory entry explains."""

    changes: tuple[Change, ...]
    orphans: tuple[str, ...]


def diff(desired: Desired, observed: Observed, *, refresh: bool = False) -> Difference:
    """Every difference.

    Args:
        refresh: take every part for changed, since the world may have changed behind the records.
    """
    changes = [
        *_platform(desired, observed, refresh),
        *_release(PORTAL, desired.portal, observed.portal, observed.platform, refresh),
        *_release(DRIFT, desired.drift, observed.drift, observed.platform, refresh),
    ]
    for name, instance in desired.instances.items():
        changes += _instance(instance, observed.instances.get(name, ObservedInstance(name)), refresh)
    orphans = sorted(
        name for name, each in observed.instances.items() if name not in desired.instances and not kept(each)
    )
    return Difference(tuple(changes), tuple(orphans))


def refuse_downgrades(desired: Desired, observed: Observed) -> None:
    """An older Airflow cannot read a database that a newer one has migrated.

    Raises:
        FleetError: some instance is to go back to an older version.
    """
    for name, instance in desired.instances.items():
        record = observed.instances.get(name, ObservedInstance(name)).record
        applied = record.parts.get("migration") if record else None
        if applied and numbers(instance.version) < numbers(applied.inputs["version"]):
            raise FleetError(
                f"Airflow {applied.inputs['version']} → {instance.version} is a downgrade; the database is migrated already",
                where=name,
                hint="put the newer version back into the inventory",
                exit_code=ExitCode.REFUSED,
            )


def numbers(version: str) -> tuple[int, ...]:
    """An Airflow version, so that the later one is the larger."""
    return tuple(map(int, version.split(".")))


def _platform(desired: Desired, observed: Observed, refresh: bool) -> Iterator[Change]:
    applied = observed.platform.parts.get(PLATFORM) if observed.platform else None
    if applied is None:
        yield Change(PLATFORM, "platform", "create", ("new",))
    elif reasons := _reasons(applied.inputs, desired.platform) or _asked(refresh):
        yield Change(PLATFORM, "platform", "update", reasons)


def _release(
    part: Literal["portal", "drift"],
    wanted: Mapping[str, Any] | None,
    status: str | None,
    record: Record | None,
    refresh: bool,
) -> Iterator[Change]:
    applied = record.parts.get(part) if record else None
    if wanted is None:
        if applied or status:  # one that was never made whole has no record
            yield Change(PLATFORM, part, "remove", ("the inventory has none any more",))
    elif applied is None:
        yield Change(PLATFORM, part, "create", ("new",))
    elif reasons := _reasons(applied.inputs, wanted):
        yield Change(PLATFORM, part, "update", reasons)
    elif reasons := _release_broken(status) or _asked(refresh):
        yield Change(PLATFORM, part, "repair", reasons)


def _instance(desired: DesiredInstance, observed: ObservedInstance, refresh: bool) -> Iterator[Change]:
    record = observed.record
    for part in PARTS:
        applied = record.parts.get(part) if record else None
        if applied is None:
            yield Change(desired.name, part, "create", ("new",))
        elif reasons := _reasons(applied.inputs, desired.parts[part]):
            yield Change(desired.name, part, "update", reasons)
        elif reasons := _broken(part, observed) or _asked(refresh and part != "migration"):
            yield Change(desired.name, part, "repair", reasons)


def kept(observed: ObservedInstance) -> bool:
    """Only its database is left, and that on purpose (`remove-team --keep-database`)."""
    return observed.record is not None and observed.record.kept is not None and observed.created is None


def _asked(refresh: bool) -> tuple[str, ...]:
    return ("refresh asked for",) if refresh else ()


def _broken(part: Part, observed: ObservedInstance) -> tuple[str, ...]:
    """What was applied and is gone or half-done."""
    if part == "secrets":
        missing = sorted(set(secrets.NAMES) - observed.secrets)
        return (f"gone: {', '.join(missing)}",) if missing else ()
    if part not in ("guardrails", "airflow"):
        return ()
    if observed.created is None:
        return ("the namespace is gone",)
    if part == "airflow" and any(each.paused for each in observed.components):
        return ("stopped for a backup or a restore that did not end",)
    return _release_broken(observed.releases.get(part))


def _release_broken(status: str | None) -> tuple[str, ...]:
    if status is None:
        return ("the Helm release is gone",)
    return () if status == "deployed" else (f"the Helm release is {status}",)


def _reasons(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    # Which chart it is explains the values that change with it, so it comes first.
    reasons = sorted(_leaves("", before, after), key=lambda reason: (not reason.startswith("chart"), reason))
    if len(reasons) <= _MANY:
        return tuple(reasons)
    return (*reasons[: _MANY - 1], f"and {len(reasons) - _MANY + 1} more")


def _leaves(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            yield from _leaves(f"{path}.{key}" if path else key, before.get(key), after.get(key))
    elif path == "chart" and not (isinstance(before, str) and isinstance(after, str)):
        yield f"chart: {_chart(before)} → {_chart(after)}"
    elif path == "inventory":
        yield "the inventory changed"
    elif path in ("modules", "chart"):
        yield f"this version of fleet brings another {path.removesuffix('s')}"
    else:
        # The first word of the path is where it stands in the inputs, which says nothing to a reader.
        name = path.removeprefix("variables.").removeprefix("values.")
        shown = [_show(value) for value in (before, after)]
        yield f"{name}: {' → '.join(shown)}" if all(shown) else f"{name} changed"


def _chart(chosen: Any) -> str:
    """A chart in short: what is recorded of fleet's own is its digest."""
    return f"{chosen.get('source')} {chosen.get('version')}" if isinstance(chosen, Mapping) else "fleet"


def _show(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHORT and "\n" not in text else ""
