"""Inventories for tests: the checkout's own, in the sandbox's words."""

from __future__ import annotations

from pathlib import Path

import yaml

_OWN = Path(__file__).resolve().parents[2] / "tenants.yaml"


def without_portal(**teams: object) -> str:
    """The checkout's inventory with these teams and no portal.

    Of the cluster's things the portal alone depends on which teams sleep: without one, tests with an inventory each (marker
    `teams`) may run beside one another, and each finds nothing to do for the platform.
    """
    text = _OWN.read_text().replace("\nplatform:\n", "\nplatform:\n  portal: {enabled: false}\n")
    assert "portal: {enabled: false}" in text
    if not teams:
        return text
    return text.partition("\nteams:")[0] + "\n" + yaml.safe_dump({"teams": teams}, sort_keys=False)
