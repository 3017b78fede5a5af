"""What a reader is told after a failed gate: which events, in which words, and never a password."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.upgrade.evidence import masked, warnings


def event(pod: str, message: str, at: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "Warning", "reason": "BackOff", "message": message, "lastTimestamp": at,
        "involvedObject": {"kind": "Pod", "name": pod}, "metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}, **more,
    }  # fmt: skip


def test_the_newest_warnings_about_pods_come_first_and_once() -> None:
    found = [
        event("a", "first", "2026-01-01T00:00:01Z"),
        event("a", "last  of\nall", "2026-01-01T00:00:09Z"),
        event("a", "first", "2026-01-01T00:00:05Z"),
        event("a", "fine", "2026-01-01T00:00:10Z", type="Normal"),
        event("node", "not a pod", "2026-01-01T00:00:10Z", involvedObject={"kind": "Node", "name": "node"}),
        event("b", "of the newer API", "", eventTime="2026-01-01T00:00:07.5Z"),
    ]
    assert warnings(found) == ["a: BackOff: last of all", "b: BackOff: of the newer API", "a: BackOff: first"]


@pytest.mark.parametrize(
    "text, shown",
    [
        ("to postgresql+asyncpg://gates:p%40ss@10.0.0.1:5432/gates?ssl=x", "to postgresql+asyncpg://***@10.0.0.1:5432/gates?ssl=x"),
        ("redis://:pa/ss:w@rd@host/0 and more", "redis://***@host/0 and more"),
        ("see https://example.com:8080/a and x@example.com", "see https://example.com:8080/a and x@example.com"),
    ],
)  # fmt: skip
def test_passwords_of_connections_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
