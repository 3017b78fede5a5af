"""A plan told as findings: takes what Terraform found and would do, gives findings, never runs anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from fleet.diff import PLATFORM
from fleet.drift.finding import Finding, Kind, shown
from fleet.drift.mend import Reapply
from fleet.drift.terraform import weights
from fleet.drift.terraform.attributes import Difference, differences
from fleet.drift.terraform.merged import Known
from fleet.drivers.terraform_look import Change, Planned

SECRET = "(secret)"  # noqa: S105 (what stands in a secret's place)
_PLAN = "`fleet plan --refresh {team}` says what an apply would do"
_WITH_DATA = (
    "find out what became of it (dropped? renamed?) before anything is applied, which would make an empty one; "
    "`fleet restore {team}` brings a backup back"
)
_LEFT_SO = "an apply leaves it so: change it back by hand"
_BESIDE = f"not mended beside what an apply would destroy or make empty; {_PLAN}"


@dataclass(frozen=True)
class Owner:
    """Whose resources these are.

    Args:
        team: the instance's name, or ``platform``.
        part: what an apply makes again.
        same: whether the modules are those that were applied last. With others, what nobody touched may differ for their
            sake alone: that is a plan's business.
    """

    team: str
    part: Literal["platform", "terraform"]
    same: bool


def findings(planned: Planned, owner: Owner, addresses: Collection[str], state: Known) -> list[Finding]:
    """What of one owner's resources is not as it was applied.

    An apply makes all of a stack: so nothing of it is mended where the same apply would take away what cannot be made again.

    Args:
        addresses: what the plan names of this owner.
        state: what the state holds.
    """
    gone = {each for each in addresses if each in planned.drift and "delete" in planned.drift[each].actions}
    off = {address for address, drift in planned.drift.items() if address not in gone and weights.rights_off(drift)}
    told = _Told(planned, owner, gone, off, state)
    found = [finding for each in sorted(addresses) for finding in told.resource(each)]
    if any(map(told.loses, addresses)):
        beside = told.words(_BESIDE)
        return [replace(each, mend=None, remedy=beside if each.mend else each.remedy, empties=True) for each in found]
    return found


@dataclass(frozen=True)
class _Told:
    planned: Planned
    owner: Owner
    gone: Collection[str]
    off: Collection[
        str
    ]  # clients whose authorization services were switched off, which takes all that was said in them
    state: Known

    def loses(self, address: str) -> bool:
        """Whether an apply would destroy it, or make it anew and empty."""
        change = self.planned.changes.get(address)
        if change is None:
            return False
        if change.actions == ("create",):
            return address in self.gone and weights.holds_data(change.type)
        return "delete" in change.actions and not weights.replaceable(change.type)

    def resource(self, address: str) -> Iterator[Finding]:
        drift, change = self.planned.drift.get(address), self.planned.changes.get(address)
        if drift is not None and address in self.gone:
            if not self._fell(address, drift):
                yield self._gone(address, drift)
        elif change is None or change.actions in (("create",), ("delete",)):
            if change is not None and self.owner.same:
                yield self._never_made(address) if change.before is None else self._left(address)
            if drift is not None and change is None:
                yield from self._left_so(address, differences(drift))
        elif change.reason == "replace_because_tainted":
            yield self._finding(weights.TAINTED, address, "", "whole", "half made", self._remedy(address))
        else:
            yield from self._changed(address, differences(drift) if drift else [], change)

    def _gone(self, address: str, drift: Change) -> Finding:
        leaning = sum(self._stands_on(other, address) for other in self.gone)
        expected = f"there, with {leaning} more that stand on it" if leaning else "there"
        with_data = _WITH_DATA if self.owner.team != PLATFORM else _WITH_DATA.partition(";")[0]
        remedy = with_data if weights.holds_data(drift.type) else ""
        return self._finding(weights.gone(drift.type), address, "", expected, "", remedy)

    def _fell(self, address: str, drift: Change) -> bool:
        """Whether it is gone because something below it is: a thing is told once."""
        below = {*self.gone, *(self.off if weights.says_rights(drift.type) else ())}
        return any(self._stands_on(address, other) for other in below)

    def _stands_on(self, one: str, other: str) -> bool:
        """States name what a resource stands on without its key; one of several stands on that of its own key."""
        if one == other or one not in self.state.standing or other not in self.state.standing:
            return False
        upper, lower = self.state.standing[one], self.state.standing[other]
        return lower.declared in upper.on and lower.key in (None, upper.key)

    def _never_made(self, address: str) -> Finding:
        return self._finding(weights.UNAPPLIED, address, "", "there", "", "")

    def _left(self, address: str) -> Finding:
        return self._finding(weights.LEFT, address, "", "", "there", _PLAN)

    def _left_so(self, address: str, touched: Collection[Difference]) -> Iterator[Finding]:
        """Changed, and an apply would not change it back: told where it opens a wall or breaks something."""
        for each in touched:
            kind = weights.changed(self._type(address), each.field, each.before, each.after)
            if kind is not weights.CHANGED:
                yield self._attribute(kind, address, each, expected=each.before, found=each.after, remedy=_LEFT_SO)

    def _changed(self, address: str, touched: Collection[Difference], change: Change) -> Iterator[Finding]:
        fields, put_back = {each.field for each in touched}, differences(change)
        for each in put_back:
            if each.field in fields:
                kind = weights.changed(change.type, each.field, each.after, each.before)
            elif self.owner.same:
                kind = weights.UNAPPLIED
            else:
                continue
            yield self._attribute(
                kind, address, each, expected=each.after, found=each.before, remedy=self._remedy(address)
            )
        yield from self._left_so(
            address, [each for each in touched if each.field not in {other.field for other in put_back}]
        )

    def _type(self, address: str) -> str:
        return (self.planned.drift.get(address) or self.planned.changes[address]).type

    def _remedy(self, address: str) -> str:
        return f"an apply would destroy it and make it anew; {_PLAN}" if self.loses(address) else ""

    def _attribute(
        self, kind: Kind, address: str, each: Difference, *, expected: object, found: object, remedy: str
    ) -> Finding:
        told = [SECRET if each.secret else shown(self.state.named(value)) for value in (expected, found)]
        return self._finding(kind, address, each.field, told[0], told[1], remedy)

    def _finding(self, kind: Kind, address: str, field: str, expected: str, found: str, remedy: str) -> Finding:
        mend = None if remedy else Reapply(self.owner.part)
        return Finding(kind, self.owner.team, address, field, expected, found, mend=mend, remedy=self.words(remedy))

    def words(self, remedy: str) -> str:
        """A remedy as it goes for the owner: `fleet plan` takes no name for the platform."""
        return remedy.replace(" {team}", "") if self.owner.team == PLATFORM else remedy
