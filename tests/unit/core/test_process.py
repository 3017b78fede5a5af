"""The process runner, with real processes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fleet.drivers import process

PYTHON = sys.executable


def run(code: str, **options: object) -> process.Finished:
    return asyncio.run(process.run([PYTHON, "-c", code], **options))  # type: ignore[arg-type]


def test_output_status_and_time() -> None:
    finished = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, b"out\n", b"err\n")
    assert finished.seconds > 0


def test_environment_is_added_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAYS", "1")
    monkeypatch.setenv("GOES", "1")
    show = "import os; print(os.environ.get('STAYS'), os.environ.get('GOES'), os.environ.get('COMES'))"
    assert run(show, env={"GOES": None, "COMES": "2"}).stdout == b"1 None 2\n"


def test_standard_input() -> None:
    finished = run("import sys; [print(x.strip()[::-1]) for x in sys.stdin]", stdin=b"ab\ncd\n")
    assert finished.stdout == b"ba\ndc\n"


def test_without_input_it_reads_none() -> None:
    assert run("import sys; print(len(sys.stdin.read()))").stdout == b"0\n"


def test_input_that_nobody_reads_is_no_error() -> None:
    assert run("pass", stdin=b"x" * 10_000_000).returncode == 0


def test_a_line_as_long_as_a_manifest() -> None:
    assert len(run("print('x' * 5_000_000)").stdout) == 5_000_001


def test_the_log_shows_the_command_and_nothing_of_its_environment(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="fleet.commands"):
        run("pass", env={"SECRET": "hunter2"}, stdin=b"hunter2")
    assert "$ " in caplog.text and "-c pass" in caplog.text
    assert "hunter2" not in caplog.text


def _until(path: Path) -> str:
    async def wait() -> str:
        while not path.exists() or not path.read_text().endswith("\n"):
            await asyncio.sleep(0.01)
        return path.read_text()

    return asyncio.run(asyncio.wait_for(wait(), 20))


async def _cancel_when_it_runs(code: str, mark: Path) -> None:
    task = asyncio.create_task(process.run([PYTHON, "-c", code, str(mark)]))
    await asyncio.to_thread(_until, mark)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


_READY = "import os,sys,time,signal; from pathlib import Path; mark = Path(sys.argv[1])\n"


def test_cancel_interrupts_once_and_waits_for_a_clean_end(tmp_path: Path) -> None:
    code = _READY + (
        "seen = []\n"
        "def stop(*_): seen.append(1); time.sleep(0.5); mark.write_text(f'{len(seen)} interrupts\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGINT, stop); mark.write_text('ready\\n'); time.sleep(60)"
    )
    asyncio.run(_cancel_when_it_runs(code, tmp_path / "mark"))
    assert (tmp_path / "mark").read_text() == "1 interrupts\n"


def test_cancel_kills_what_does_not_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.3)
    code = _READY + "signal.signal(signal.SIGINT, signal.SIG_IGN); mark.write_text(f'{os.getpid()}\\n'); time.sleep(60)"
    asyncio.run(_cancel_when_it_runs(code, tmp_path / "mark"))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "mark").read_text()), signal.SIG_DFL)


def test_a_program_ends_its_work_when_its_caller_is_killed(tmp_path: Path) -> None:
    work = _READY + (
        "mark.write_text('begun\\n')\n"
        "while os.getppid() == int(sys.argv[2]): time.sleep(0.01)\n"
        "print('x' * 1_000_000, flush=True); print('x', file=sys.stderr, flush=True); mark.write_text('done\\n')"
    )
    caller = (
        "import asyncio, os, sys; from fleet.drivers import process\n"
        f"asyncio.run(process.run([sys.executable, '-c', {work!r}, {str(tmp_path / 'mark')!r}, str(os.getpid())]))"
    )
    killed = subprocess.Popen([PYTHON, "-c", caller])
    _until(tmp_path / "mark")
    killed.kill()
    killed.wait()
    deadline = time.monotonic() + 20
    while _until(tmp_path / "mark") == "begun\n" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _until(tmp_path / "mark") == "done\n"


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(process.run(["/nonexistent/program"]))
