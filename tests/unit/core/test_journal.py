"""Runs are written down line by line, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet import journal
from fleet.apply import Event, Outcome
from fleet.diff import Change
from fleet.errors import FleetError

CHANGE = Change("marketing", "airflow", "update", ("image: a → b",))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield tmp_path


def test_a_run_that_was_done() -> None:
    with journal.recording("apply", Path("tenants.yaml"), [CHANGE]) as written:
        written.event(Event("marketing", "airflow", "done", 1.5, "revision 2"))
        journal.outcomes(written, [Outcome("marketing", None, 2.0)])
    (run,) = journal.runs(10)
    assert (run.command, run.changes, run.ended) == ("apply", 1, "done")
    kinds = [line["kind"] for line in journal.lines(run.name)]
    assert kinds == ["run", "step", "outcome", "end"]
    assert journal.lines(run.name)[0]["plan"][0]["why"] == ["image: a → b"]


@pytest.mark.parametrize(
    ("errors", "ended"), [((None, FleetError("x")), "partly done"), ((FleetError("x"),), "failed")]
)
def test_failures_show(errors: tuple[FleetError | None, ...], ended: str) -> None:
    with journal.recording("apply", Path("tenants.yaml"), []) as written:
        journal.outcomes(written, [Outcome(str(number), error, 1.0) for number, error in enumerate(errors)])
    assert journal.runs(1)[0].ended == ended


def test_an_interrupted_run() -> None:
    with pytest.raises(KeyboardInterrupt), journal.recording("apply", Path("tenants.yaml"), []):
        raise KeyboardInterrupt
    assert journal.runs(1)[0].ended == "interrupted"


def test_a_killed_run_keeps_what_it_wrote(state: Path) -> None:
    code = (
        "from fleet import journal; from fleet.apply import Event; from pathlib import Path; import os, signal\n"
        "with journal.recording('apply', Path('x'), []) as written:\n"
        "    written.event(Event('marketing', 'terraform', 'started'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], env={**os.environ, "XDG_STATE_HOME": str(state)}, check=False)
    assert killed.returncode == -signal.SIGKILL
    (run,) = journal.runs(10)
    assert run.ended == "killed"
    assert journal.lines(run.name)[-1]["step"] == "terraform"


def test_half_a_line_at_the_end_is_passed_over() -> None:
    with journal.recording("apply", Path("tenants.yaml"), []):
        pass
    (path,) = (journal._folder()).glob("*.jsonl")
    path.write_text(path.read_text() + '{"at": "20')
    assert [line["kind"] for line in journal.lines(path.stem)] == ["run", "end"]


def test_nobody_reads_another_file() -> None:
    assert journal.lines("../../../etc/passwd") == []


def test_old_runs_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_KEPT_RUNS", 3)
    folder = journal._folder()
    folder.mkdir(parents=True)
    for number in range(5):
        (folder / f"2020010{number}T000000-1.jsonl").write_text("")
    with journal.recording("apply", Path("tenants.yaml"), []):
        pass
    assert len(journal.runs(10)) == 3
    assert journal.runs(1)[0].command == "apply"
