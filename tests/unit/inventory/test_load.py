"""Loading: the typed inventory, the line of each key, bounds on time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from fleet.inventory import load
from tests.unit.inventory.texts import HEAD, load_text

ROOT = Path(__file__).parents[3]
TEXT = (
    HEAD
    + "waves:\n  - name: canary\n    teams:\n      - a\nteams:\n  # first\n  a:\n    owner: x\n    quota: {\n      pods: 9}\n"
)


def test_the_typed_inventory() -> None:
    inventory = load_text(TEXT).inventory
    assert inventory.teams["a"].quota.pods == 9
    assert inventory.waves[0].teams == ["a"]
    assert inventory.platform.database.port == 5432


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ((), 1),
        (("teams",), 11),
        (("teams", "a"), 13),
        (("teams", "a", "owner"), 14),
        (("teams", "a", "quota", "pods"), 16),
        (("waves", 0), 8),
        (("waves", 0, "teams", 0), 10),
        (("teams", "a", "size"), 13),
        (("teams", "a", "access", "groups", "admin", 3), 13),
        (("teams", "b", "size"), 11),
        (("instances", "b"), 1),
    ],
)
def test_where_gives_the_line_of_a_key_or_of_its_nearest_parent(keys: tuple[str | int, ...], line: int) -> None:
    document = load_text(TEXT)
    assert document.where(*keys) == f"{document.path}:{line}"


def test_the_path_is_shown_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tenants.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    assert load(Path("tenants.yaml")).where("teams", "a") == "tenants.yaml:13"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("0", 0),
        ("-17", -17),
        ("1.50", 1.5),
        ("3.2.2", "3.2.2"),
        ("500m", "500m"),
        ('"on"', "on"),
        ("'010'", "010"),
        ("once", "once"),
        ("a: b", {"a": "b"}),
        ("10.244.0.1", "10.244.0.1"),
        ("fleet.local/airflow:3.3.2", "fleet.local/airflow:3.3.2"),
    ],
)
def test_what_a_value_means(written: str, value: object) -> None:
    text = (
        HEAD + "teams:\n  a:\n    owner: x\n    values:\n      k: " + (f"{{{written}}}" if ": " in written else written)
    )
    assert load_text(text).inventory.teams["a"].values["k"] == value


def test_plain_values_mean_what_they_mean_to_pyyaml() -> None:
    text = (ROOT / "tenants.yaml").read_text()
    from fleet.inventory.loading import plain

    assert plain(text, Path("tenants.yaml")).data == yaml.safe_load(text)


def test_the_inventory_of_the_sandbox_is_valid() -> None:
    document = load(ROOT / "tenants.yaml")
    assert document.inventory.platform.kubernetes.context == "fleet-sandbox"
    assert document.inventory.teams == {}


def test_the_examples_in_the_sandboxs_inventory_are_valid() -> None:
    lines = (ROOT / "tenants.yaml").read_text().splitlines()
    begin = lines.index("# waves:")
    uncommented = [
        line[2:] if line.startswith(("# waves", "#   ")) else line for line in lines[begin:] if line != "teams: {}"
    ]
    uncommented.insert(uncommented.index("  marketing:"), "teams:")
    inventory = load_text("\n".join(lines[:begin] + uncommented)).inventory
    assert [*inventory.teams] == ["marketing"]
    assert len(inventory.waves) == 2


def test_importing_the_package_loads_no_parser() -> None:
    code = "import sys, fleet.inventory; sys.exit(any(name in sys.modules for name in ('yaml', 'pydantic', 'ruamel')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_thousand_teams_load_as_fast_as_the_c_parser_alone() -> None:
    team = "    owner: x@example.com\n    size: medium\n    access:\n      groups:\n        admin: [x]\n        user: [z]\n"
    team += "    labels:\n      cost-centre: cc\n    values:\n      scheduler:\n        replicas: 2\n"
    text = HEAD + "teams:\n" + "".join(f"  team-{number}:\n{team}" for number in range(1000))
    load_text(HEAD)
    ours = _cpu(lambda: load_text(text))
    assert ours <= 3 * _cpu(lambda: yaml.load(text, Loader=yaml.CSafeLoader))
    assert ours < 2


def _cpu(work: object) -> float:
    """The least CPU time of three runs, in seconds."""
    assert callable(work)
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)
