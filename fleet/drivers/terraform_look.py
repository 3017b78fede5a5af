"""Plans over a copy of states: takes a state and variables, gives what Terraform found and would do, never takes a lock and
never writes where states are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fleet.drivers import process
from fleet.drivers.process import Finished
from fleet.drivers.terraform import Stack, Variables
from fleet.drivers.terraform_errors import explained
from fleet.errors import FleetError

# Reads wait for servers, not for this machine: more of them at once than Terraform's own 10.
_PARALLELISM = 40
_NOTHING = (("no-op",), ("read",))


@dataclass(frozen=True)
class Change:
    """One resource that differs.

    Args:
        type: of the resource, `postgresql_role`.
        actions: Terraform's words: `create`, `update`, `delete`; two of them for a replacement.
        unknown: the places of ``after`` that only an apply would tell, in the same form.
        secret: the places of ``before`` and of ``after`` that nobody is to see.
        reason: why it would be replaced or deleted, in Terraform's words; empty where it says nothing.
    """

    address: str
    type: str
    actions: tuple[str, ...]
    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] | None = field(repr=False)
    unknown: Any = field(default=False, repr=False)
    secret: tuple[Any, Any] = field(default=(False, False), repr=False)
    reason: str = ""


@dataclass(frozen=True)
class Planned:
    """What a plan says, by address; resources with nothing to tell are left out.

    Args:
        drift: what is otherwise than the state has it: ``before`` as in the state, ``after`` as found.
        changes: what an apply would change: ``before`` as found, ``after`` as it would be.
    """

    drift: Mapping[str, Change]
    changes: Mapping[str, Change]

    @property
    def addresses(self) -> set[str]:
        """All that it names."""
        return {*self.drift, *self.changes}


@dataclass(frozen=True)
class Fault:
    """One of Terraform's errors: of which resource (empty: of none), and its words."""

    address: str
    words: str


class Unplanned(FleetError):
    """There is no plan; ``faults`` are Terraform's errors, empty where it said nothing of the kind."""

    def __init__(self, error: FleetError, faults: Sequence[Fault]) -> None:
        super().__init__(error.what, where=error.where, hint=error.hint)
        self.faults = tuple(faults)


async def differing(stack: Stack, state: Mapping[str, Any], variables: Variables) -> set[str]:
    """Addresses of what differs, by one process; what it is, `look` says.

    A plan that is kept holds all that does not differ, several times over: for two hundred instances that costs more than to
    plan the few that do once more.

    Raises:
        Unplanned: as `look`.
    """
    with _copied(state, variables) as copies:
        return {event["change"]["resource"]["addr"] for event in await _planned(stack, copies, stack.env)}


async def look(
    stack: Stack, state: Mapping[str, Any], variables: Variables, secrets: Mapping[str, str] | None = None
) -> Planned:
    """Refresh a copy of a state and plan over it: one process, whatever the state holds, and one more where something differs.

    Args:
        stack: initialised with the back end `local`.
        state: as Terraform writes it (format 4). Its copy lies in a private folder, which is gone afterwards.

    Raises:
        Unplanned: Terraform failed.
    """
    environment = {**stack.env, **{f"TF_VAR_{name}": value for name, value in (secrets or {}).items()}}
    with _copied(state, variables) as copies:
        if not await _planned(stack, copies, environment, f"-out={copies.plan}"):
            return Planned({}, {})
        show = ["show", "-json", str(copies.plan)]
        finished = await process.run([stack.program, *show], cwd=stack.directory, env=environment)
    if finished.returncode != 0:
        raise Unplanned(explained("show", finished, [], stack.directory), [])
    return read(json.loads(finished.stdout))


@dataclass(frozen=True)
class _Copies:
    """What Terraform reads, and where it may write."""

    state: Path
    variables: Path
    plan: Path


@contextmanager
def _copied(state: Mapping[str, Any], variables: Variables) -> Iterator[_Copies]:
    with TemporaryDirectory(prefix="fleet-look-") as folder:  # mode 0700
        copies = _Copies(*(Path(folder) / name for name in ("state", "variables.tfvars.json", "plan")))
        _write(copies.state, state)
        _write(copies.variables, variables)
        yield copies


async def _planned(
    stack: Stack, copies: _Copies, environment: Mapping[str, str | None], *more: str
) -> list[dict[str, Any]]:
    """Terraform's events about what differs."""
    plan = [
        "plan", "-json", "-input=false", "-lock=false", f"-parallelism={_PARALLELISM}", f"-state={copies.state}",
        f"-var-file={copies.variables}", *more,
    ]  # fmt: skip
    finished = await process.run([stack.program, *plan], cwd=stack.directory, env={**environment, "TF_WORKSPACE": None})
    if finished.returncode != 0:
        raise _unplanned(finished, stack.directory)
    return [event for event in _events(finished) if _differs(event)]


def _write(path: Path, content: Any) -> None:
    path.touch(0o600, exist_ok=False)
    with path.open("w") as file:
        json.dump(content, file)


def _events(finished: Finished) -> Iterator[dict[str, Any]]:
    """https://developer.hashicorp.com/terraform/internals/machine-readable-ui"""
    return (json.loads(line) for line in finished.stdout.splitlines() if line.startswith(b"{"))


def _differs(event: Mapping[str, Any]) -> bool:
    told = event.get("type") in ("resource_drift", "planned_change")
    return told and event["change"]["action"] not in ("noop", "read")


def _unplanned(finished: Finished, directory: Path) -> Unplanned:
    said = [event["diagnostic"] for event in _events(finished) if event.get("type") == "diagnostic"]
    errors = [each for each in said if each["severity"] == "error"]
    return Unplanned(explained("plan", finished, errors, directory), [*map(_fault, errors)])


def _fault(diagnostic: Mapping[str, Any]) -> Fault:
    words = " ".join(f"{diagnostic['summary']}: {diagnostic.get('detail', '')}".split()).removesuffix(":")
    return Fault(str(diagnostic.get("address", "")), words)


def read(plan: Mapping[str, Any]) -> Planned:
    """What `terraform show -json` says of a plan: https://developer.hashicorp.com/terraform/internals/json-format"""
    return Planned(
        {each.address: each for each in _changes(plan.get("resource_drift", ()))},
        {each.address: each for each in _changes(plan.get("resource_changes", ()))},
    )


def _changes(told: Sequence[Mapping[str, Any]]) -> Iterator[Change]:
    for each in told:
        change, actions = each["change"], tuple(each["change"]["actions"])
        if each["mode"] == "managed" and actions not in _NOTHING:
            yield Change(
                each["address"], each["type"], actions, change["before"], change["after"],
                change.get("after_unknown", False),
                (change.get("before_sensitive", False), change.get("after_sensitive", False)),
                each.get("action_reason", "deposed" if "deposed" in each else ""),
            )  # fmt: skip
