"""The Cloud SQL instance's settings: takes what the inventory says of them, gives where Google's API says otherwise, in one
request, never changes one.

What the inventory does not say is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.diff import PLATFORM
from fleet.drift.database import kinds
from fleet.drift.finding import Finding, Kind, Looked, shown
from fleet.drift.mend import Configure
from fleet.drift.scene import Scene
from fleet.model import CloudSqlSettings, Inventory

_RESOURCE = "module.gcp[0].google_sql_database_instance.this"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_RUNS = "RUNNABLE"
_NETWORKS = "ipConfiguration.authorizedNetworks"
# A change of these restarts the server, and no fleet's whole database goes away because somebody wanted a report healed.
_RESTARTS = ("max_connections",)
_FLAGS_DECLARED = 4  # that Terraform could tell of by number


@dataclass(frozen=True)
class _Expected:
    """One setting: its path in the API's words, its value, and Terraform's names for it below `settings`."""

    kind: Kind
    path: str
    value: Any
    declared: tuple[str, ...] = ()

    def among(self, settings: Mapping[str, Any]) -> Any:
        """As it is."""
        found: Any = settings
        for key in self.path.split("."):
            found = (found or {}).get(key)
        return sorted(each["value"] for each in found or []) if self.path == _NETWORKS else found

    def mend(self) -> Configure:
        """What makes it so."""
        *above, last = self.path.split(".")
        value = [{"value": each} for each in self.value] if self.path == _NETWORKS else self.value
        settings: dict[str, Any] = {last: value}
        for key in reversed(above):
            settings = {key: settings}
        return Configure(settings)


async def look(scene: Scene) -> Looked:
    """Hold the instance against the inventory.

    Raises:
        FleetError: the API does not answer, or refuses.
    """
    wanted = settings(scene.inventory)
    if not scene.platform or wanted is None:
        return Looked()
    if scene.inventory.platform.gcp and not (scene.observed.platform and PLATFORM in scene.observed.platform.parts):
        return Looked()  # it was never made
    return Looked.of(findings(wanted, await scene.world.cloud_sql.instance(), _address(scene.inventory)))


def settings(inventory: Inventory) -> CloudSqlSettings | None:
    """What the server should be: as the platform stack makes it on Google Cloud, and what the inventory says beside that. None
    where there is no API to ask, or nothing to ask it for."""
    api, cloud = inventory.platform.database.cloud_sql, inventory.platform.gcp
    if api is None or (api.settings is None and cloud is None):
        return None
    said = api.settings.model_dump(exclude_none=True) if api.settings else {}
    if cloud is not None:
        made = cloud.database
        iam = {"cloudsql.iam_authentication": "on"} if made.iam_authentication else {}
        said |= {
            "version": made.version, "tier": made.tier, "availability": made.availability, "backups": made.backups,
            "backup_start": made.backup_start, "point_in_time": True, "public_address": False, "networks": [],
            "deletion_protection": made.deletion_protection, "tls_only": True,
            "flags": {"max_connections": str(made.max_connections), **iam},
        }  # fmt: skip
    return CloudSqlSettings.model_validate(said)


def _address(inventory: Inventory) -> str:
    api = inventory.platform.database.cloud_sql
    assert api is not None  # noqa: S101 (without it nothing was asked)
    return f"Cloud SQL instance {api.project}/{api.instance}"


def findings(wanted: CloudSqlSettings, instance: Mapping[str, Any], address: str) -> Iterator[Finding]:
    """Where the instance differs; as `instances.get` gives it, in the API's words."""

    def about(each: _Expected, found: Any, mend: Configure | None) -> Finding:
        field = (
            each.path
            if each.kind is kinds.SERVER_GONE or each.kind is kinds.SERVER_VERSION
            else f"settings.{each.path}"
        )
        twins = tuple(f"{_RESOURCE}|{name}" for name in each.declared)
        return Finding(each.kind, PLATFORM, address, field, shown(each.value), shown(found), twins=twins, mend=mend)

    for each in _instance(wanted):
        if (found := each.among(instance)) != each.value:
            yield about(each, found, None)
    there = instance.get("settings", {})
    for each in _expected(wanted):
        if (found := each.among(there)) != each.value and (found or each.value):
            yield about(each, found, each.mend() if each.kind.heals else None)
    if wanted.flags is not None:
        yield from _flags(wanted.flags, there.get("databaseFlags", []), address)


def _instance(wanted: CloudSqlSettings) -> Iterator[_Expected]:
    yield _Expected(kinds.SERVER_GONE, "state", _RUNS)
    if wanted.version:
        yield _Expected(kinds.SERVER_VERSION, "databaseVersion", wanted.version, ("database_version",))


def _expected(wanted: CloudSqlSettings) -> Iterator[_Expected]:
    """What is said, but for the flags."""
    backup, network = "backupConfiguration", "ipConfiguration"
    told = (
        _Expected(kinds.TIER, "tier", wanted.tier, ("settings.tier",)),
        _Expected(kinds.AVAILABILITY, "availabilityType", wanted.availability, ("settings.availability_type",)),
        _Expected(
            kinds.PROTECTION, "deletionProtectionEnabled", wanted.deletion_protection,
            ("settings.deletion_protection_enabled",),
        ),
        _Expected(
            kinds.BACKUPS, f"{backup}.enabled", None if wanted.backups is None else True,
            ("settings.backup_configuration.enabled",),
        ),
        _Expected(
            kinds.BACKUPS, f"{backup}.pointInTimeRecoveryEnabled", wanted.point_in_time,
            ("settings.backup_configuration.point_in_time_recovery_enabled",),
        ),
        _Expected(
            kinds.RETENTION, f"{backup}.backupRetentionSettings.retainedBackups", wanted.backups,
            ("settings.backup_configuration.backup_retention_settings.retained_backups",),
        ),
        _Expected(
            kinds.RETENTION, f"{backup}.startTime", wanted.backup_start, ("settings.backup_configuration.start_time",)
        ),
        _Expected(kinds.ADDRESS, f"{network}.ipv4Enabled", wanted.public_address, ("settings.ip_configuration.ipv4_enabled",)),
        _Expected(
            kinds.TLS, f"{network}.sslMode", "ENCRYPTED_ONLY" if wanted.tls_only else None,
            ("settings.ip_configuration.ssl_mode",),
        ),
    )  # fmt: skip
    yield from (each for each in told if each.value is not None)
    if wanted.networks is not None:
        yield _Expected(
            kinds.ADDRESS, _NETWORKS, sorted(wanted.networks), ("settings.ip_configuration.authorized_networks",)
        )
    if wanted.maintenance:
        yield _Expected(kinds.MAINTENANCE, "maintenanceWindow.day", _DAYS.index(wanted.maintenance.day) + 1)
        yield _Expected(kinds.MAINTENANCE, "maintenanceWindow.hour", wanted.maintenance.hour)


def _flags(wanted: Mapping[str, str], there: Sequence[Mapping[str, str]], address: str) -> Iterator[Finding]:
    """Flag by flag: all that are not named are not to be set."""
    found = {each["name"]: each.get("value", "") for each in there}
    kept = {name: found[name] for name in _RESTARTS if name in found}
    # One change for all of them, since the API takes them as one list; what restarts the server stays as it is.
    put = {**{name: value for name, value in wanted.items() if name not in _RESTARTS}, **kept}
    mend = Configure({"databaseFlags": [{"name": name, "value": value} for name, value in sorted(put.items())]})
    fields = ("", *(f".{place}{end}" for place in ("", *range(_FLAGS_DECLARED)) for end in (".name", ".value")))
    twins = tuple(f"{_RESOURCE}|settings.database_flags{end.replace('..', '.')}" for end in fields)
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            yield Finding(
                kinds.FLAG, PLATFORM, address, f"settings.databaseFlags.{name}", wanted.get(name, ""), found.get(name, ""),
                twins=twins, mend=None if name in _RESTARTS else mend, remedy=_restarting(name),
            )  # fmt: skip


def _restarting(name: str) -> str:
    return f"`fleet apply --refresh`, or Google's console, in a quiet hour: {name} restarts the server"
