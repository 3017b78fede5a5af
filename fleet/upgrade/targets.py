"""What is to be upgraded to what: takes an inventory and what was asked for, gives edits and instances, never writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet import waves
from fleet.desired.resolve import resolve, with_tag
from fleet.errors import ExitCode, FleetError, FleetErrors
from fleet.inventory.document import Document, Keys
from fleet.model import Inventory, OfficialChart
from fleet.waves import Group


@dataclass(frozen=True)
class Chosen:
    """Which instances: those that every given kind of choice names.

    Args:
        teams: by name.
        labels: `key=value`, all of which an entry must have.
        waves: by name, `rest` for those in none.
    """

    teams: Sequence[str] = ()
    labels: Sequence[str] = ()
    waves: Sequence[str] = ()

    @property
    def everything(self) -> bool:
        """Nothing narrows it."""
        return not (self.teams or self.labels or self.waves)


@dataclass(frozen=True)
class Aim:
    """What to write into each entry; what is None stays."""

    airflow: str | None = None
    image: str | None = None
    chart: str | None = None

    @property
    def nothing(self) -> bool:
        """The inventory says already what is wanted."""
        return self.airflow is None and self.image is None and self.chart is None


def choose(inventory: Inventory, chosen: Chosen) -> list[Group]:
    """The waves, with those of their instances that are chosen.

    Raises:
        FleetError: a wave is not there, or a label is no `key=value`.
    """
    labels = _labels(chosen.labels)
    there = inventory.entries
    names = {
        name
        for name, entry in there.items()
        if (not chosen.teams or name in chosen.teams) and labels.items() <= entry.labels.items()
    }
    found = waves.groups(inventory.waves, list(there), names)
    known = [*(wave.name for wave in inventory.waves), waves.REST]
    for name in chosen.waves:
        if name not in known:
            hint = f"there are: {', '.join(known)}"
            raise FleetError(f"there is no wave `{name}`", hint=hint, exit_code=ExitCode.REFUSED)
    return [group for group in found if not chosen.waves or group.name in chosen.waves]


def _labels(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for label in given:
        key, equals, value = label.partition("=")
        if not equals:
            raise FleetError(f"`{label}` is no label", hint="--label key=value", exit_code=ExitCode.REFUSED)
        found[key] = value
    return found


def edits(document: Document, names: Sequence[str], aim: Aim) -> dict[str, dict[Keys, str]]:
    """Per instance, what to write into its entry; nothing where it says so already.

    Raises:
        FleetErrors: an entry's image is bound to another version, or has no chart version.
    """
    found: dict[str, dict[Keys, str]] = {}
    wrong = []
    for name in names:
        try:
            found[name] = _edits(document, name, aim)
        except FleetError as error:
            wrong.append(error)
    if wrong:
        raise FleetErrors(wrong, exit_code=ExitCode.REFUSED)
    return found


def _edits(document: Document, name: str, aim: Aim) -> dict[Keys, str]:
    inventory = document.inventory
    entry, place = inventory.entries[name], inventory.place(name)
    now = resolve(inventory, name, entry)
    wanted: dict[Keys, str] = {}
    if aim.airflow and aim.airflow != now.version:
        image = entry.image or inventory.defaults.image
        if not aim.image and with_tag(image, "x") == image:
            raise FleetError(
                f"its image {image} has a tag of its own, so Airflow {aim.airflow} would not be in it",
                where=document.where(*place, "image"), hint="give the image for that version as well: --image",
            )  # fmt: skip
        wanted[*place, "airflow"] = aim.airflow
    if aim.image and with_tag(aim.image, aim.airflow or now.version) != now.image:
        wanted[*place, "image"] = aim.image
    if aim.chart:
        if not isinstance(entry.chart, OfficialChart):
            raise FleetError(
                "its entry has no official chart, so no version of one either",
                where=document.where(*place), hint="fleet's own chart comes with fleet; leave the team out",
            )  # fmt: skip
        if aim.chart != entry.chart.version:
            wanted[*place, "chart", "version"] = aim.chart
    return wanted


def as_it_was(document: Document, name: str, version: str, image: str) -> Mapping[Keys, str]:
    """What to write into an entry so that it says a version and an image of before."""
    entry, place = document.inventory.entries[name], document.inventory.place(name)
    wanted: dict[Keys, str] = {}
    if resolve(document.inventory, name, entry).version != version:
        wanted[*place, "airflow"] = version
    if with_tag(entry.image or document.inventory.defaults.image, version) != image:
        wanted[*place, "image"] = image
    return wanted
