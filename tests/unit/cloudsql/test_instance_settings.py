"""The settings that the sandbox's API keeps: patches merge, updates replace, and nothing else gets in."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.sandbox.cloudsql.http import ApiError
from fleet.sandbox.cloudsql.instance_settings import FRESH, flags, patched, replaced


def test_a_patch_merges_objects_and_replaces_lists() -> None:
    once = patched(FRESH, {"backupConfiguration": {"enabled": False}, "databaseFlags": [{"name": "a", "value": "1"}]})
    assert once["backupConfiguration"] == {**FRESH["backupConfiguration"], "enabled": False}
    twice = patched(once, {"databaseFlags": [{"name": "b", "value": "2"}], "ipConfiguration": {"sslMode": 2}})
    assert flags(twice) == {"b": "2"}
    assert twice["ipConfiguration"] == {**FRESH["ipConfiguration"], "sslMode": "ENCRYPTED_ONLY"}
    assert twice["backupConfiguration"] == once["backupConfiguration"]


def test_an_update_replaces_everything() -> None:
    once = patched(FRESH, {"databaseFlags": [{"name": "a", "value": "1"}], "tier": "db-custom-1-3840"})
    again = replaced({**once, "databaseFlags": [], "dataDiskSizeGb": "10", "settingsVersion": "2"})
    assert flags(again) == {} and again["tier"] == "db-custom-1-3840"
    assert replaced({}) == FRESH


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"dataDiskSizeGb": "20"}, "settings.dataDiskSizeGb"),
        ({"availabilityType": 7}, "availabilityType"),
        ({"ipConfiguration": {"sslMode": "PLAIN"}}, "sslMode"),
    ],
)
def test_what_cannot_be_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiError, match=said):
        patched(FRESH, asked)
