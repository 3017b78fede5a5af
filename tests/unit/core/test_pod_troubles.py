"""What keeps a pod from running, told from a moment's look at it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fleet.drivers.kubernetes import Cluster, Manifest
from fleet.wait import pod_troubles, said


class Pods(Cluster):
    """A cluster that has these pods."""

    def __init__(self, *pods: Manifest) -> None:
        self._pods = list(pods)

    async def list(self, *_: Any, **__: Any) -> list[Manifest]:
        return self._pods


def pod(name: str, *containers: Manifest, **status: Any) -> Manifest:
    return {"metadata": {"name": name}, "status": {"containerStatuses": list(containers), **status}}


CRASHED = {"lastState": {"terminated": {"exitCode": 3, "reason": "Error"}}, "restartCount": 2}
RUNS: Manifest = {"state": {"running": {}}}
UNPLACED = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}


@pytest.mark.parametrize(
    "status, words",
    [
        ({"state": {"running": {}}, "restartCount": 0}, ""),
        ({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}, ""),
        ({"state": {"waiting": {"reason": "ErrImagePull", "message": "no\nsuch"}}}, "waits: ErrImagePull no such"),
        ({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}, "ended with exit code 137 (OOMKilled)"),
        (
            {
                "state": {"running": {}}, "restartCount": 3,
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            },
            "ended before with exit code 1 (Error), 3 restarts",
        ),
    ],
)  # fmt: skip
def test_a_container_that_waits_or_crashed_is_put_into_words(status: dict[str, Any], words: str) -> None:
    assert said(status) == words


def test_only_what_does_not_come_up_by_itself_is_a_trouble() -> None:
    found = asyncio.run(pod_troubles(Pods(
        pod("begins", {"state": {"waiting": {"reason": "ContainerCreating"}}, "ready": False}),
        pod("starts", {**RUNS, "ready": False}),
        pod("between-crashes", {**RUNS, **CRASHED, "ready": False}),
        pod("recovered", {**RUNS, **CRASHED, "ready": True}),
        pod("ended-well", {"state": {"terminated": {"exitCode": 0}}, "ready": False}),
        pod("unplaced", conditions=[UNPLACED]),
    ), "any"))  # fmt: skip
    assert found == [
        "between-crashes: ended before with exit code 3 (Error), 2 restarts",
        "unplaced: 0/1 nodes are available",
    ]
