"""A real browser: takes the sandbox, gives Chromium that trusts the sandbox's certificate authority beside its usual ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from fleet.sandbox.shell import run
from tests.support.sandbox import Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
# Milliseconds. Airflow's first page on a busy machine: a megabyte of JavaScript, and a cold API server.
PATIENCE = 60_000


@contextmanager
def chromium(sandbox: Sandbox) -> Iterator[Browser]:
    """Debian's Chromium without a window, to which every name is the sandbox's front, and this machine beyond it."""
    front = sandbox.environment["PGHOST"]
    with _aside() as program, tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        _trust(Path(home), sandbox.environment["FLEET_SANDBOX_CA"])
        # Root may not use Chromium's own sandbox, and containers often have a small /dev/shm.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules=MAP * {front}"]
        browser = playwright.chromium.launch(
            executable_path=program, args=arguments, env={**os.environ, "HOME": home}, timeout=PATIENCE
        )
        yield browser
        browser.close()


@contextmanager
def _aside() -> Iterator[Path]:
    """Chromium in a network namespace of its own, as a program; needs root, as the sandbox's node does.

    When an address of the machine comes or goes, as one does with every pod, Chromium breaks off all that it loads
    (ERR_NETWORK_CHANGED). In there none does.
    """
    number, chosen = os.getpid(), _program("chromium")
    name = f"fleet-{number}"  # of the namespace, and of the link to it
    # Of the network that is set aside for measuring (RFC 2544); process ids are longer than it is wide.
    here = ip_address("198.18.0.0") + 4 * (number % 2**15) + 1
    with ExitStack() as made, tempfile.TemporaryDirectory() as folder:
        run("ip", "netns", "add", name)
        made.callback(run, "ip", "netns", "delete", name)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        made.callback(run, "ip", "link", "delete", name)
        run("ip", "address", "add", f"{here}/30", "dev", name)
        run("ip", "link", "set", name, "up")
        # Of itself it would get one more address, of IPv6, a second after it is up.
        run("ip", "-n", name, "link", "set", "eth0", "addrgenmode", "none")
        run("ip", "-n", name, "address", "add", f"{here + 1}/30", "dev", "eth0")
        for each in ("lo", "eth0"):
            run("ip", "-n", name, "link", "set", each, "up")
        run("ip", "-n", name, "route", "add", "default", "via", str(here))
        program = Path(folder) / "chromium"
        program.write_text(f'#!/bin/sh\nexec ip netns exec {name} {chosen} "$@"\n')
        program.chmod(0o755)
        yield program


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
