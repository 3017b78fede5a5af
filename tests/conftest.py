"""Markers by folder, the sandbox that integration and end-to-end tests share, and runs of pytest that share the tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import inventories, side_by_side
from tests.support.sandbox import Sandbox, start

HERE = Path(__file__).parent
# No test fails because the machine was busy.
settings.register_profile("fleet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fleet")

LAYERS = ("unit", "golden", "integration", "e2e")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share", type=Path, metavar="FOLDER", help="share the tests with other runs that are given this folder"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder; a test outside of the four folders is a mistake."""
    for item in items:
        layer = item.path.relative_to(HERE).parts[0]
        if layer not in LAYERS:
            raise pytest.UsageError(f"{item.nodeid}: a test belongs into one of tests/{{{','.join(LAYERS)}}}")
        item.add_marker(getattr(pytest.mark, layer))
        if layer == "e2e" and not item.get_closest_marker("teams"):
            item.add_marker(pytest.mark.fleet)
    # It takes the sandbox down that all others share, so it comes last (the sort is stable).
    items.sort(key=lambda item: item.path.name == "test_sandbox_down.py")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Instead of pytest's own loop, where the tests are shared; errors of the collection are left to that."""
    folder: Path | None = session.config.getoption("share")
    if folder is None or session.testsfailed or session.config.option.collectonly:
        return None
    side_by_side.run(session, folder)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What has teams beside others' begins without a portal, also where the group before it left one."""
    if item.get_closest_marker("teams"):
        inventories.take_the_portal_away(_up())


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    """The sandbox, up. It is left running: `make sandbox-down` takes it down."""
    return _up()


# Fixtures of the session may begin more than once (tests/support/side_by_side.py); one look is enough for a run.
_up = cache(start)
