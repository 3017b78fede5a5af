"""From `fleet add-team` to a page in a browser with somebody signed in: takes the sandbox, gives the row, leaves no team."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from playwright.sync_api import expect

from tests.bench.measure import ROOT, Row
from tests.support.browser import chromium, sign_in
from tests.support.sandbox import FLEET, Sandbox, start

TEAM, PERSON = "bench-page", "bench-alice"


def rows() -> Iterator[Row]:
    """On a warm sandbox: programs and images are there, and the realm is."""
    sandbox, password = start(), secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "tenants.yaml"
        inventory.write_text((ROOT / "tenants.yaml").read_text())
        entry = {"owner": "bench@example.com", "access": {"users": {"admin": [PERSON]}}}
        (Path(folder) / "entry.yaml").write_text(yaml.safe_dump(entry))
        _fleet(sandbox, inventory, "apply", "--yes")
        sandbox.keycloak.remove_user("fleet", PERSON)
        sandbox.keycloak.add_user("fleet", PERSON, password)
        try:
            started = time.monotonic()
            _fleet(sandbox, inventory, "add-team", TEAM, "--from", f"{folder}/entry.yaml", "--yes")
            added = time.monotonic() - started
            _see(sandbox, password)
            seconds = time.monotonic() - started
            yield Row(
                "fleet add-team to a signed-in page", 90, seconds, "s", f"{added:.0f} s of it in `fleet add-team`"
            )
        finally:
            _fleet(sandbox, inventory, "remove-team", TEAM, "--yes", "--confirm", TEAM, "--no-backup")
            sandbox.keycloak.remove_user("fleet", PERSON)


def _see(sandbox: Sandbox, password: str) -> None:
    with chromium(sandbox) as browser:
        page = browser.new_page()
        sign_in(page, f"https://{TEAM}.fleet.localhost/", PERSON, password)
        expect(page.get_by_text("Active Dags")).to_be_visible()


def _fleet(sandbox: Sandbox, inventory: Path, *words: str) -> None:
    environment = {**sandbox.environment, "FLEET_INVENTORY": str(inventory)}
    subprocess.run([FLEET, *words], env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
