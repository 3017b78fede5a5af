"""axe-core in a real browser: takes a page, gives what it finds wrong for people with disabilities."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def faults(page: Page) -> list[str]:
    """Every violation of any rule, the lesser ones too, as `impact rule: element`."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{each['impact']} {each['id']}: {node['html']}" for each in found for node in each["nodes"]]
