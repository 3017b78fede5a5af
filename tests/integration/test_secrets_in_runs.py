"""No secret in any process's arguments, in what a verbose run prints, in a traceback, or in the journal.

States, Helm releases, rendered files and pods' logs are searched by tests/e2e/test_slice.py.
"""

from __future__ import annotations

import base64
import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import paths
from tests.support.inventories import without_portal
from tests.support.sandbox import FLEET, Sandbox

pytestmark = pytest.mark.teams

TEAM = "quiet-team"


class Arguments:
    """Every argument list that any process of this machine shows while this is open."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> Arguments:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._over.is_set():
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    with contextlib.suppress(OSError):  # it ended meanwhile
                        self.seen.add((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            time.sleep(0.02)


@pytest.fixture
def inventory(sandbox: Sandbox, tmp_path: Path) -> Iterator[Path]:
    """An inventory with one suspended team, which is removed in the end."""
    path = tmp_path / "tenants.yaml"
    path.write_text(without_portal(**{TEAM: {"owner": "tests@example.com", "suspended": True}}))
    yield path
    done = run(sandbox, path, "remove-team", TEAM, "--yes", "--confirm", TEAM, "--no-backup")
    assert done.returncode == 0, done.stdout


def run(sandbox: Sandbox, inventory: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**sandbox.environment, "FLEET_INVENTORY": str(inventory)}
    environment["PATH"] = f"{path}:{environment['PATH']}" if path else environment["PATH"]
    return subprocess.run(
        [FLEET, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def leaks(sandbox: Sandbox, text: str) -> list[str]:
    values = {**sandbox.secret("fleet-system", f"keys-{TEAM}"), **sandbox.platform_secrets}
    assert len(values) == 8
    return [
        name for name, value in values.items() if value in text or base64.b64encode(value.encode()).decode() in text
    ]


def test_a_verbose_run(sandbox: Sandbox, inventory: Path) -> None:
    with Arguments() as arguments:
        done = run(sandbox, inventory, "--debug", "--verbose", "apply", TEAM, "--yes")
    assert done.returncode == 0, done.stdout
    shown = "\n".join(arguments.seen)
    # What is searched is what ran: both programs were seen at work.
    assert "terraform apply" in shown and "upgrade airflow" in shown
    assert leaks(sandbox, shown) == []
    assert "$ " in done.stdout and "terraform apply" in done.stdout
    assert leaks(sandbox, done.stdout) == []
    written = [path.read_text() for path in (paths.state_dir() / "journal").glob("*.jsonl")]
    assert any(TEAM in text for text in written)
    assert leaks(sandbox, "\n".join(written)) == []


def test_a_traceback(sandbox: Sandbox, inventory: Path, tmp_path: Path) -> None:
    assert run(sandbox, inventory, "apply", TEAM, "--yes").returncode == 0
    broken = tmp_path / "bin" / "helm"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho Error: broken on purpose >&2\nexit 1\n")
    broken.chmod(0o755)
    done = run(
        sandbox,
        inventory,
        "--debug",
        "remove-team",
        TEAM,
        "--yes",
        "--confirm",
        TEAM,
        "--no-backup",
        path=str(broken.parent),
    )
    assert done.returncode != 0
    assert "Traceback" in done.stdout and "broken on purpose" in done.stdout
    assert leaks(sandbox, done.stdout) == []
    without = run(
        sandbox, inventory, "remove-team", TEAM, "--yes", "--confirm", TEAM, "--no-backup", path=str(broken.parent)
    )
    assert without.returncode == 1 and "Traceback" not in without.stdout
