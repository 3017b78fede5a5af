"""Which ways from one Airflow to another there are, and how a pod and a quota, databases and a disk are compared."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.upgrade.paths import problem
from fleet.upgrade.preflight import room, space


@pytest.mark.parametrize(
    "before, after, words",
    [
        ("3.2.2", "3.3.2", None),
        ("3.2.2", "3.10.0", None),  # numbers, not text
        ("3.0.0", "3.3.2", None),
        ("3.3.2", "3.3.2", "3.3.2 already"),
        ("3.3.2", "3.2.2", "downgrade"),
        ("3.10.0", "3.9.9", "downgrade"),
        ("4.0.0", "3.3.2", "downgrade"),
        ("2.11.0", "3.3.2", "major version"),
        ("3.3.2", "4.0.0", "major version"),
    ],
)
def test_a_way_is_there_or_is_explained(before: str, after: str, words: str | None) -> None:
    said = problem(before, after)
    assert said is None if words is None else said is not None and words in said


def quota(hard: dict[str, str], used: dict[str, str] | None = None) -> dict[str, Any]:
    return {"spec": {"hard": hard}, "status": {"used": used or {}}}


JOB = {
    "spec": {"template": {"spec": {"containers": [
        {"resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}}
    ]}}}
}  # fmt: skip


@pytest.mark.parametrize(
    "found, words, blocking",
    [
        (None, [], []),
        (quota({"requests.cpu": "1", "services.nodeports": "0"}, {"requests.cpu": "750m"}), [], []),
        (quota({"requests.cpu": "1"}, {"requests.cpu": "751m"}), ["751m in use"], [False]),
        (
            quota({"limits.memory": "512Mi", "pods": "0"}),
            ["limits.memory, the quota is 512Mi", "quota is 0"],
            [True, True],
        ),
        (quota({"requests.memory": "2Gi"}), [], []),  # nothing is counted yet
    ],
)
def test_a_pod_fits_or_waits_or_never_fits(found: dict[str, Any], words: list[str], blocking: list[bool]) -> None:
    said = list(room("migration", JOB, found))
    assert [each.blocking for each in said] == blocking
    assert all(word in each.what for word, each in zip(words, said, strict=True))


MIB = 1024**2
SIZES = {"postgres": 10 * MIB, "research": 40 * MIB, "data": 30 * MIB, "ml": 20 * MIB, "secret": None}  # 100 MiB


@pytest.mark.parametrize(
    "disk, backups, said",
    [
        (None, 4, ""),  # it grows
        (140, 1, ""),
        (139, 1, "39 MiB free; backups that are restored beside their databases take 40 MiB"),
        (170, 2, ""),  # the largest of the others beside it
        (169, 2, "69 MiB free; backups that are restored beside their databases take 70 MiB"),
        (190, 9, ""),  # no more than there are
        (189, 9, "take 90 MiB"),
        (50, 1, "has 0 MiB free"),
    ],
)
def test_a_disk_takes_the_restored_backups_or_is_too_small(disk: int | None, backups: int, said: str) -> None:
    size = None if disk is None else disk * MIB
    found = list(space("research", ["data", "ml", "nobody"], SIZES, size, backups))
    assert [each.blocking for each in found] == ([True] if said else [])
    assert all(said in each.what for each in found)
