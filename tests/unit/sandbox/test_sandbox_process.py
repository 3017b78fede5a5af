"""Processes known again by pid, start time and boot; real ones are started, killed and mistaken for others here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.errors import FleetError
from fleet.sandbox import process
from fleet.sandbox.process import Part, Record, Register
from fleet.sandbox.progress import Progress
from fleet.sandbox.supervisor import Supervisor
from tests.support.waiting import eventually

SLEEP = ("sleep", "300")


def part(name: str = "sleeper", command: tuple[str, ...] = SLEEP, **more: object) -> Part:
    return Part(name=name, version="1", command=command, ready=lambda: True, **more)  # type: ignore[arg-type]


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[[Part], Record]]:
    """Starts parts and ends whatever is left of them."""
    records: list[tuple[Record, Part]] = []

    def start(wanted: Part) -> Record:
        records.append((process.start(wanted, tmp_path / f"{wanted.name}.log", f"test/{wanted.name}"), wanted))
        return records[-1][0]

    yield start
    for record, wanted in records:
        process.stop(record, f"test/{wanted.name}", replace(wanted, stop_timeout=0.1))


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path / "run", tmp_path / "logs", Progress())
    yield found
    for name in found.register.names():
        found.stop(name)


def test_a_started_process_is_alive_until_it_is_stopped(started: Callable[[Part], Record]) -> None:
    record = started(part())
    assert record.alive()
    process.stop(record, "test/sleeper", part())
    assert not record.alive()


def test_a_killed_child_of_this_very_program_counts_as_dead(started: Callable[[Part], Record]) -> None:
    record = started(part())
    os.kill(record.pid, signal.SIGKILL)
    eventually(lambda: not record.alive())


def test_a_recycled_pid_is_never_killed() -> None:
    with subprocess.Popen(SLEEP) as stranger:
        started = process.start_time(stranger.pid)
        assert started is not None
        for record in (
            Record(stranger.pid, started - 1, process.boot_id(), ""),
            Record(stranger.pid, started, "another boot", ""),
        ):
            assert not record.alive()
            process.stop(record, "test/sleeper", part())
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_that_ignores_the_polite_signal_is_killed(started: Callable[[Part], Record]) -> None:
    stubborn = part(
        "stubborn", python("import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(300)"), stop_timeout=0.3
    )
    record = started(stubborn)
    time.sleep(0.3)
    process.stop(record, "test/stubborn", stubborn)
    assert not record.alive()


_PARENT = "import subprocess,time; subprocess.Popen(['sleep','300']); time.sleep(300)"


def _with_child(started: Callable[[Part], Record], wanted: Part) -> tuple[Record, int]:
    record = started(wanted)
    eventually(lambda: len(process.session(record.pid)) == 2)
    return record, next(pid for pid in process.session(record.pid) if pid != record.pid)


def test_the_children_of_a_killed_leader_are_ended(started: Callable[[Part], Record]) -> None:
    record, child = _with_child(started, part("parent", python(_PARENT)))
    os.kill(record.pid, signal.SIGKILL)
    eventually(lambda: not record.alive())
    process.stop(record, "test/parent", part("parent"))
    eventually(lambda: process.start_time(child) is None)


def test_children_that_are_not_its_own_outlive_it(started: Callable[[Part], Record]) -> None:
    shims = part("shims", python(_PARENT), own_children=False)
    record, child = _with_child(started, shims)
    process.stop(record, "test/shims", shims)
    assert process.start_time(child) is not None
    os.kill(child, signal.SIGKILL)


def test_a_part_whose_starter_was_killed_before_it_wrote_that_down_is_replaced(supervisor: Supervisor) -> None:
    supervisor.ensure(part())
    lost = supervisor.register.read("sleeper")
    supervisor.register.forget("sleeper")
    supervisor.ensure(part())
    found = supervisor.register.read("sleeper")
    assert lost and found and found.pid != lost.pid
    assert not lost.alive() and found.alive()


def test_the_same_part_of_another_sandbox_is_spared(supervisor: Supervisor, tmp_path: Path) -> None:
    other = Supervisor(tmp_path / "other", tmp_path / "logs", Progress())
    other.ensure(part())
    supervisor.ensure(part())
    supervisor.stop("sleeper", part())
    record = other.register.read("sleeper")
    assert record and record.alive()
    other.stop("sleeper", part())
    assert not record.alive()


def test_a_part_does_not_inherit_what_the_caller_has_in_its_environment(
    started: Callable[[Part], Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    record = started(part("env", environment=(("OWN", "1"),)))
    environment = Path(f"/proc/{record.pid}/environ")
    eventually(lambda: environment.read_bytes() != b"")  # it is empty amid the exec
    seen = environment.read_bytes().split(b"\0")
    assert b"OWN=1" in seen
    assert not any(entry.startswith(b"A_SECRET") for entry in seen)


def test_memory_is_counted_over_the_session(started: Callable[[Part], Record]) -> None:
    record, _ = _with_child(started, part("parent", python(_PARENT)))
    assert process.memory(record, with_children=True) > process.memory(record, with_children=False) > 1_000_000


def test_a_broken_record_counts_as_none(tmp_path: Path) -> None:
    register = Register(tmp_path)
    for content in ("", "{", '{"pid": 1}', "[]"):
        (tmp_path / "x.pid.json").write_text(content)
        assert register.read("x") is None


def test_a_running_part_is_kept_and_a_changed_one_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    settings.write_text("1")
    wanted = part(inputs=(settings,))
    supervisor.ensure(wanted)
    first = supervisor.register.read("sleeper")
    supervisor.ensure(wanted)
    assert supervisor.register.read("sleeper") == first
    settings.write_text("2")
    supervisor.ensure(wanted)
    second = supervisor.register.read("sleeper")
    assert first and second and first.pid != second.pid
    assert not first.alive()


def test_a_killed_part_is_started_again(supervisor: Supervisor) -> None:
    supervisor.ensure(part())
    first = supervisor.register.read("sleeper")
    assert first
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: not first.alive())
    supervisor.ensure(part())
    second = supervisor.register.read("sleeper")
    assert second and second.alive() and second.pid != first.pid


def test_a_part_that_ends_at_once_fails_with_the_last_words_of_its_log(supervisor: Supervisor) -> None:
    broken = Part("broken", "1", ("sh", "-c", "echo no such port; exit 3"), ready=lambda: False)
    with pytest.raises(FleetError) as caught:
        supervisor.ensure(broken)
    assert "ended right after its start" in caught.value.what
    assert "no such port" in caught.value.hint


def test_a_part_that_never_serves_fails_after_its_timeout(supervisor: Supervisor) -> None:
    with pytest.raises(FleetError, match="not ready after"):
        supervisor.ensure(Part("slow", "1", SLEEP, ready=lambda: False, timeout=0.5))


def test_preparation_comes_before_the_start_and_the_follow_up_after_readiness(supervisor: Supervisor) -> None:
    events: list[str] = []

    def ready() -> bool:
        events.append("ready")
        return True

    wanted = Part(
        "ordered", "1", SLEEP, ready,
        prepare=lambda: events.append("prepare"), follow_up=lambda: events.append("follow up"),
    )  # fmt: skip
    supervisor.ensure(wanted)
    assert events == ["prepare", "ready", "follow up"]
    supervisor.ensure(wanted)
    assert events[3:] == ["ready", "follow up"]
