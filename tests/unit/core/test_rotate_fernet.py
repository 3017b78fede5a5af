"""The list of Fernet keys on its way from one to the next: at no point can a pod not read what another one wrote."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet, MultiFernet

from fleet.desired import secrets
from fleet.errors import FleetError
from fleet.keys import fresh
from fleet.rotate import _next


def _airflow(value: str) -> MultiFernet:
    """As Airflow reads `core.fernet_key`."""
    return MultiFernet([Fernet(key) for key in value.split(",")])


def _stages(value: str) -> list[str]:
    stages = [value]
    for stage in range(3):
        stages.append(_next(stages[-1], stage))
    return stages


@pytest.mark.parametrize("stage", [0, 1])
def test_pods_of_both_ages_read_each_other(stage: int) -> None:
    stages = _stages(fresh("fernet-key"))
    one, two = map(_airflow, stages[stage : stage + 2])
    assert two.decrypt(one.encrypt(b"x")) == one.decrypt(two.encrypt(b"x")) == b"x"


def test_what_was_encrypted_anew_is_read_without_the_old_key() -> None:
    old, _, both, new = _stages(fresh("fernet-key"))
    token = _airflow(both).rotate(_airflow(old).encrypt(b"x"))
    assert _airflow(new).decrypt(token) == b"x"
    assert new not in old and "," not in new


def test_no_known_key_is_lost_before_everything_is_encrypted_anew() -> None:
    """Two keys at the beginning: the Secret was restored from its copies amid a rotation."""
    two = f"{fresh('fernet-key')},{fresh('fernet-key')}"
    _, first, second, last = _stages(two)
    assert set(two.split(",")) < set(first.split(",")) == set(second.split(","))
    assert last == second.split(",")[0]


@pytest.mark.parametrize("text", ["", "x", "[]", '{"fernet": "x"}', "3"])
def test_a_number_that_somebody_spoilt_is_said(text: str) -> None:
    with pytest.raises(FleetError, match="the annotation fleet/rotated of the Secret keys-x holds no numbers"):
        secrets.rotated({"name": "keys-x", "annotations": {secrets.ROTATED: text}})
