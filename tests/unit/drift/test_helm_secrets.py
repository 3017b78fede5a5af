"""The Secrets that fleet makes: what is told of them, and that wrong keys are never spread."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fleet import keys as makers
from fleet.desired import naming, secrets
from fleet.drift.helm import secrets as layer
from fleet.drift.helm.secrets import Kept
from fleet.drift.mend import Patch, Reapply
from fleet.record import Applied

MADE, APPLIED, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:10+00:00", "2026-02-01T00:00:00Z"
INPUTS: dict[str, Any] = {
    "database": {"host": "db", "port": 5432, "sslmode": "require", "name": "a", "role": "a"}, "client_id": "airflow-a"
}  # fmt: skip
KEYS = {key: makers.fresh(key) for key in secrets.KEYS}
SYSTEM, OWN = naming.SYSTEM_NAMESPACE, naming.namespace("a")


def secret(name: str, namespace: str, data: dict[str, str], created: str = MADE, **metadata: Any) -> dict[str, Any]:
    coded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": name, "namespace": namespace, "creationTimestamp": created, **metadata}, "data": coded}


def healthy() -> dict[tuple[str, str], dict[str, Any]]:
    found = [secret("keys-a", SYSTEM, KEYS)]
    found += [secret(name, OWN, data) for name, data in secrets.contents(INPUTS, KEYS).items()]
    return {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in found}


def told(kept: dict[tuple[str, str], dict[str, Any]], **more: Any) -> list[tuple[str, str, bool]]:
    found = layer.team("a", Applied(INPUTS, APPLIED), Kept(kept, **more))
    return [(each.kind.name.removeprefix("helm."), each.address, each.mend is not None) for each in found]


def test_nothing_is_told_where_nothing_is_wrong() -> None:
    assert told(healthy()) == []


def test_keys_that_were_replaced_are_told_once_and_nothing_is_made_from_them() -> None:
    kept = healthy()
    kept[SYSTEM, "keys-a"] = secret("keys-a", SYSTEM, {**KEYS, "fernet-key": makers.fresh("fernet-key")}, LATER)
    del kept[OWN, secrets.SIGN_ON]
    assert told(kept) == [
        ("secret-gone", f"Secret {OWN}/airflow-sso", False), ("keys-changed", f"Secret {SYSTEM}/keys-a", False),
    ]  # fmt: skip


def test_keys_that_lack_one_are_told() -> None:
    kept = healthy()
    kept[SYSTEM, "keys-a"] = secret(
        "keys-a", SYSTEM, {key: value for key, value in KEYS.items() if key != "jwt-secret"}
    )
    assert told(kept) == [("keys-changed", f"Secret {SYSTEM}/keys-a", False)]


def test_a_copy_that_differs_is_told_without_its_value() -> None:
    kept = healthy()
    kept[OWN, secrets.JWT] = secret(secrets.JWT, OWN, {"jwt-secret": "hunter2", "mine": "hunter2"})
    found = layer.team("a", Applied(INPUTS, APPLIED), Kept(kept))
    assert [(each.field, type(each.mend)) for each in found] == [("data.jwt-secret", Reapply), ("data.mine", Patch)]
    assert "hunter2" not in "".join(map(str, found))


@pytest.mark.parametrize("inputs", [{"rotated_fernet-key": 1}, {}])
def test_a_rotation_that_is_not_applied_yet_is_a_plan_and_no_drift(inputs: dict[str, int]) -> None:
    kept = healthy()
    rotated = {} if inputs else {"annotations": {secrets.ROTATED: '{"fernet-key": 1}'}}
    kept[SYSTEM, "keys-a"] = secret("keys-a", SYSTEM, {**KEYS, "fernet-key": "new"}, LATER, **rotated)
    assert layer.team("a", Applied({**INPUTS, **inputs}, APPLIED), Kept(kept)) == []


def test_a_rotation_under_way_is_left_alone() -> None:
    kept = healthy()
    kept[SYSTEM, naming.next_keys_secret("a")] = kept.pop((SYSTEM, "keys-a"))
    assert told(kept) == []


def test_a_secret_that_lost_its_label_is_not_gone() -> None:
    kept = healthy()
    without = {(OWN, secrets.API): kept.pop((OWN, secrets.API))}
    assert told(kept, unlabelled=without) == [("mark", f"Secret {OWN}/airflow-api-secret-key", True)]
    assert told(kept, unlabelled={}) == [("secret-gone", f"Secret {OWN}/airflow-api-secret-key", True)]
