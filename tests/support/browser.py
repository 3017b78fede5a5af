"""A real browser: takes the sandbox, gives Chromium that trusts the sandbox's certificate authority beside its usual ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.support.sandbox import Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
# Milliseconds. Airflow's first page on a busy machine: a megabyte of JavaScript, and a cold API server.
PATIENCE = 60_000


@contextmanager
def chromium(sandbox: Sandbox) -> Iterator[Browser]:
    """Debian's Chromium without a window; names below `localhost` it finds by itself."""
    program = _program("chromium")
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        _trust(Path(home), sandbox.environment["FLEET_SANDBOX_CA"])
        # Root may not use Chromium's own sandbox, and containers often have a small /dev/shm.
        arguments = [*(["--no-sandbox"] if os.geteuid() == 0 else []), "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(
            executable_path=program, args=arguments, env={**os.environ, "HOME": home}, timeout=PATIENCE
        )
        yield browser
        browser.close()


def sign_in(page: Page, url: str, username: str, password: str) -> None:
    """Open an Airflow's page and sign in there by Keycloak's form, as a person does; leaves the page where that leads."""
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.locator("#btn-signin-keycloak").click()
    page.locator("#username").fill(username)
    page.locator("#password").fill(password)
    page.locator("#kc-login").click()


def keep(page: Page, name: str) -> None:
    """A picture of the page, for whoever looks at what the tests saw."""
    page.screenshot(path=CHECKOUT / ".artefacts" / f"{name}.png")


def _trust(home: Path, authority: str) -> None:
    """The certificate store of NSS below the home folder is the one that Chromium reads."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = _program("certutil")
    for words in (("-N", "--empty-password"), ("-A", "-t", "C,,", "-n", "fleet-sandbox", "-i", authority)):
        subprocess.run([certutil, "-d", f"sql:{store}", *words], check=True, capture_output=True)


def _program(name: str) -> str:
    return shutil.which(name) or pytest.fail(f"{name} is missing: `make browser` installs it")
