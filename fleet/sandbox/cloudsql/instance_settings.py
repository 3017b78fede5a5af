"""The settings of the instance (`settings` of instances.get): takes what a patch asks for, gives what they are then, in the
API's words, never touches a server.

But for the flags, all of it is Google's machines and is kept and told, no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fleet.sandbox.cloudsql.http import Json, invalid

# As the platform module for Google Cloud makes a server, where that means something here.
FRESH: Json = {
    "tier": "sandbox",
    "availabilityType": "ZONAL",
    "deletionProtectionEnabled": True,
    "backupConfiguration": {
        "kind": "sql#backupConfiguration", "enabled": True, "startTime": "02:00", "pointInTimeRecoveryEnabled": True,
        "transactionLogRetentionDays": 7, "backupRetentionSettings": {"retentionUnit": "COUNT", "retainedBackups": 30},
    },
    "ipConfiguration": {
        "ipv4Enabled": False, "authorizedNetworks": [], "requireSsl": False, "sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED",
    },
    "maintenanceWindow": {"kind": "sql#maintenanceWindow", "day": 7, "hour": 4, "updateTrack": "stable"},
}  # fmt: skip
# What a patch may change; the disk is this machine's.
CHANGEABLE = (*FRESH, "userLabels", "databaseFlags")
# A client may send an enum's number.
_ENUMS: Mapping[str, tuple[str, ...]] = {
    "availabilityType": ("", "ZONAL", "REGIONAL"),
    "sslMode": ("", "ALLOW_UNENCRYPTED_AND_ENCRYPTED", "ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"),
    "retentionUnit": ("", "COUNT"),
    "updateTrack": ("", "canary", "stable", "week5"),
}


def patched(before: Json, asked: Json) -> Json:
    """Objects key by key, labels among them; lists and all else as a whole.

    Raises:
        ApiError: something is asked for that cannot be changed here, or by a number that has no name.
    """
    if strange := sorted(set(asked) - {*CHANGEABLE, "kind", "settingsVersion"}):
        raise invalid(f"The sandbox cannot change settings.{strange[0]}.")
    return _merged(before, {key: value for key, value in asked.items() if key in CHANGEABLE})


def replaced(asked: Json) -> Json:
    """All of them anew, as instances.update has it: what is not said is as in a fresh instance."""
    return {**FRESH, **_merged({}, {key: asked[key] for key in CHANGEABLE if key in asked})}


def _merged(before: Json, asked: Json) -> Json:
    found = dict(before)
    for key, value in asked.items():
        if isinstance(value, dict):
            found[key] = _merged(found.get(key) or {}, value)
        else:
            found[key] = _named(key, value)
    return found


def _named(key: str, value: Any) -> Any:
    names = _ENUMS.get(key)
    if names is None or value in names[1:]:
        return value
    if not isinstance(value, int) or not 0 < value < len(names):
        raise invalid(f"Invalid value for {key}: {value!r}.")
    return names[value]


def flags(settings: Json) -> dict[str, str]:
    """The flags by name."""
    return {str(flag["name"]): str(flag.get("value", "")) for flag in settings.get("databaseFlags") or []}
