"""An installed fleet needs no checkout: modules, charts, images and the sandbox's files travel in the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
ASSETS = ("terraform", "charts", "images", "sandbox")
# Where the package comes from, what it takes for its assets, and that commands work on them.
PROGRAM = """
import fleet, sys
from pathlib import Path
from fleet import inventory, paths
from fleet.desired import build
from fleet.digest import contents
root = Path(sys.argv[1])
assert Path(fleet.__file__).is_relative_to(root), fleet.__file__
for name in sys.argv[3:]:
    assert paths.asset(name).is_relative_to(root), paths.asset(name)
print(build(inventory.load(Path(sys.argv[2])).inventory, contents()).platform["modules"])
from fleet.sandbox import versions
print(versions.load().keycloak)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's contents, as pip would lay them."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)],
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_shipped_file_is_in_the_wheel(installed: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", *ASSETS], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(tracked) > 100
    missing = [name for name in tracked if not (installed / "fleet" / "_assets" / name).is_file()]
    assert missing == []


def test_it_works_without_the_checkout(installed: Path, tmp_path: Path) -> None:
    inventory = tmp_path / "tenants.yaml"
    inventory.write_text((CHECKOUT / "tenants.yaml").read_text())
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(installed), str(inventory), *ASSETS],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(installed)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
