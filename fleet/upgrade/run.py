"""A whole upgrade: takes an inventory, what was asked for and the world, gives a result per instance, never talks to a person.

Each instance's new version is written into the inventory when it runs, and not before: so the file says the truth at every
moment, and the same command goes on where it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fleet import report, windows
from fleet.apply import Tell
from fleet.desired import Desired
from fleet.desired.resolve import resolve
from fleet.diff import diff
from fleet.drivers.world import World
from fleet.errors import FleetError
from fleet.inventory import edit
from fleet.inventory.document import Document, Keys
from fleet.observe import Observed, observe
from fleet.plan import Plan, plan
from fleet.upgrade import flow, preflight, readiness, targets
from fleet.upgrade.flow import Order, Settings
from fleet.upgrade.memory import Memory
from fleet.upgrade.rollout import Done, Result, Rules, roll
from fleet.upgrade.targets import Aim, Chosen
from fleet.waves import Group


@dataclass(frozen=True)
class Upgrade:
    """What is to be done, before any of it is.

    Args:
        document: as the inventory would be with all edits.
        groups: waves of those instances that have something to be done.
        moves: per instance, from what to what, in words.
        missing: chosen instances that were never applied: there is nothing to upgrade.
    """

    document: Document
    desired: Desired
    groups: Sequence[Group]
    orders: Mapping[str, Order]
    edits: Mapping[str, Mapping[Keys, str]]
    moves: Mapping[str, tuple[str, str]]
    changes: Plan
    missing: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """Its instances, in order."""
        return [name for group in self.groups for name in group.instances]

    def versions(self, observed: Observed) -> dict[str, tuple[str, str]]:
        """Instance → Airflow version as applied, and as wanted."""
        found = {}
        for name in self.names:
            record = observed.instances[name].record
            if record and "migration" in record.parts:
                found[name] = str(record.parts["migration"].inputs["version"]), self.desired.instances[name].version
        return found

    @property
    def shared(self) -> Plan:
        """What is to be done to the platform."""
        return self.changes.shared

    def reasons(self, name: str) -> str:
        """Why this one."""
        found = [reason for change in self.changes.instances.get(name, ()) for reason in change.reasons]
        return "; ".join(dict.fromkeys(found)) or (
            "begun and not ended" if not self.edits[name] else "the inventory's entry"
        )

    def disruption(self, name: str) -> str:
        """What people will notice."""
        parts, desired = self.orders[name].parts, self.desired.instances[name]
        if desired.suspended:
            return "none: suspended"
        if "migration" in parts:
            return "no task starts, then no page: while it is saved, migrated and started"
        return "pods are replaced" if "airflow" in parts else "none"


def preview(document: Document, chosen: Chosen, aim: Aim) -> tuple[Document, dict[str, dict[Keys, str]]]:
    """The inventory with what is asked for written in, on no disk; and the edits, by instance.

    Raises:
        FleetError: it cannot be so; all reasons at once.
    """
    names = [name for group in targets.choose(document.inventory, chosen) for name in group.instances]
    wanted = {} if aim.nothing else targets.edits(document, names, aim)
    all_edits = {keys: value for edits in wanted.values() for keys, value in edits.items()}
    if not all_edits:
        return document, {name: {} for name in names}
    after = edit.preview_values(document.path, all_edits)
    # The cluster may be another than the file's (`--context`).
    platform = document.inventory.platform
    return replace(after, inventory=after.inventory.model_copy(update={"platform": platform})), wanted


def prepare(
    after: Document, edits: Mapping[str, Mapping[Keys, str]], desired: Desired, observed: Observed,
    memories: Mapping[str, Memory], chosen: Chosen,
) -> Upgrade:  # fmt: skip
    """What there is to do for each chosen instance that was applied before."""
    there = {name for name, each in observed.instances.items() if each.record and "airflow" in each.record.parts}
    found = plan(diff(desired, observed), frozenset(edits) & there)
    orders, moves = {}, {}
    for name in edits:
        if name not in there:
            continue
        wanted = resolve(after.inventory, name, after.inventory.entries[name])
        parts = frozenset(change.part for change in found.instances.get(name, ()))
        memory = memories.get(name, Memory(name))
        if parts or edits[name] or memory.underway:
            to = f"Airflow {wanted.version}, {wanted.image}"
            orders[name] = Order(desired.instances[name], parts, to, memory.underway is not None)
            moves[name] = (_before(observed, name, memory), to)
    groups = [
        Group(group.name, members)
        for group in targets.choose(after.inventory, chosen)
        if (members := tuple(name for name in group.instances if name in orders))
    ]
    missing = [name for name in edits if name not in there]
    return Upgrade(after, desired, groups, orders, edits, moves, found, missing)


def _before(observed: Observed, name: str, memory: Memory) -> str:
    if memory.underway:
        return f"Airflow {memory.underway.origin.version}, {memory.underway.origin.image}"
    record = observed.instances[name].record
    applied = record.parts["migration"].inputs if record and "migration" in record.parts else {}
    return f"Airflow {applied.get('version', '?')}, {applied.get('image', '?')}"


@dataclass(frozen=True)
class Checks:
    """What the preflight found.

    Args:
        lines: instance → for a reader.
        sql: instance → what its migrations will run.
    """

    lines: dict[str, list[str]] = field(default_factory=dict)
    sql: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """Carries an upgrade out.

    Args:
        drifted: of instances, by name, what is no longer as it was applied: for a reader, it stands in nobody's way.
        soak: seconds between two waves.
        say: told what there is to wait for.
        ask: before each further wave; whether to go on with it.
    """

    upgrade: Upgrade
    world: World
    drifted: Callable[[Collection[str]], Awaitable[Mapping[str, Sequence[str]]]]
    settings: Settings
    rules: Rules
    soak: float
    ignore_windows: bool
    observed: Observed
    say: Callable[[str], None]
    ask: Callable[[str], bool]
    stopped: str = ""  # why nothing more is to be begun; set by whoever was interrupted
    blocked: dict[str, list[str]] = field(default_factory=dict)  # instance → why it is not to be begun
    _tell: Tell = field(default=lambda event: None)

    async def preflight(self, tell: Tell) -> Checks:
        """Look at all instances before the first is begun; what was found of each, also what does not stand in the way.

        One that an earlier run began is not well, and is gone on with.

        Raises:
            FleetError: the cluster does not answer.
        """
        fresh = [order for order in self.upgrade.orders.values() if not order.begun]
        checks, room = Checks(), asyncio.Semaphore(self.rules.parallel)
        backups = self.rules.parallel if self.settings.with_backup else 0
        looked, drifted = await asyncio.gather(
            preflight.look([each.desired for each in fresh], self.observed, self.world, backups=backups),
            self.drifted([each.name for each in fresh]),
        )
        for name, findings in looked.items():
            checks.lines[name] = [f"{each.check}: {each.what}" for each in findings]
            checks.lines[name] += [f"drift: {line}" for line in drifted.get(name, ())]
            self.blocked[name] = [f"{each.check}: {each.what}" for each in findings if each.blocking]

        async def tried(order: Order) -> None:
            async with room:
                await self._try(order, checks, tell)

        await asyncio.gather(*(tried(each) for each in fresh if each.moves and not self.blocked[each.name]))
        return checks

    async def _try(self, order: Order, checks: Checks, tell: Tell) -> None:
        """Ask the new Airflow itself, unless the upgrade is not to be begun anyway."""
        if self.stopped or self._closed(order.name):
            return
        try:
            found = await readiness.check(order.desired, self.world, tell)
        except FleetError as error:
            self.blocked[order.name].append(f"readiness: {error.what}")
        else:
            self.blocked[order.name] += found.blocking
            checks.lines[order.name] += found.lines
            checks.sql[order.name] = found.sql

    async def run(self, tell: Tell) -> list[Result]:
        """Wave by wave."""
        self._tell = tell
        if any("terraform" in order.parts for order in self.upgrade.orders.values()):
            await self.world.open_stack("team")  # one `init`, before the instances run side by side
        return await roll(self.upgrade.groups, self._one, self.rules, self._between, lambda: self.stopped)

    async def _one(self, name: str) -> Done:
        if closed := self._closed(name):
            return Done("skipped", closed)
        if reasons := self.blocked.get(name):
            return Done("failed", "not begun: " + "; ".join(reasons))
        order = self.upgrade.orders[name]
        # Without a part that differs, an earlier run ended it, and was killed before it wrote the entry.
        done = Done("upgraded")
        if order.parts or order.begun:
            done = await flow.upgrade(order, self.world, self._tell, self.settings)
        if done.state != "upgraded":
            return done
        try:
            for keys, value in self.upgrade.edits[name].items():
                edit.set_value(self.upgrade.document.path, keys, value)
        except FleetError as error:
            return Done("broken", f"it is upgraded, but the inventory does not say so: {error}", error)
        return done

    def _closed(self, name: str) -> str:
        window = self.upgrade.document.inventory.entries[name].window
        # What an earlier run began may have no page by now: it does not wait for a window.
        if window is None or self.ignore_windows or self.upgrade.orders[name].begun:
            return ""
        now, found = datetime.now(UTC), windows.parse(window)
        return "" if found.is_open(now) else f"its window {window} opens {found.opens(now):%a %Y-%m-%d %H:%M %Z}"

    async def _between(self, group: Group, results: Sequence[Result]) -> str:
        if self.soak:
            self.say(f"soak: {self.soak:.0f} s until wave {group.name}")
        for _ in range(int(self.soak)):
            if self.stopped:
                return self.stopped
            await asyncio.sleep(1)
        if self.soak and (ill := await self._ill([each.instance for each in results if each.state == "upgraded"])):
            return f"no longer healthy after the soak: {', '.join(ill)}"
        return self.stopped or ("" if self.ask(group.name) else "told to stop")

    async def _ill(self, names: Sequence[str]) -> list[str]:
        """Those of the upgraded that are not well any more."""
        observed = await observe(self.world.cluster)
        states = {
            name: report.state(self.upgrade.desired.instances[name], observed.instances[name])
            for name in names
            if name in observed.instances
        }
        return [f"{name} ({state})" for name, state in states.items() if state not in ("healthy", "suspended")]
