"""Markers by folder, and the sandbox that integration and end-to-end tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.sandbox import Sandbox, start

HERE = Path(__file__).parent
# No test fails because the machine was busy.
settings.register_profile("fleet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fleet")

LAYERS = ("unit", "golden", "integration", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder; a test outside of the four folders is a mistake."""
    for item in items:
        layer = item.path.relative_to(HERE).parts[0]
        if layer not in LAYERS:
            raise pytest.UsageError(f"{item.nodeid}: a test belongs into one of tests/{{{','.join(LAYERS)}}}")
        item.add_marker(getattr(pytest.mark, layer))
    # It takes the sandbox down that all others share, so it comes last (the sort is stable).
    items.sort(key=lambda item: item.path.name == "test_sandbox_down.py")


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The sandbox, up. It is left running: `make sandbox-down` takes it down."""
    return start()
