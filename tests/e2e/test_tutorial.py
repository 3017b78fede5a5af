"""The tutorial, read by a machine: its commands in its order on the sandbox, and what it says that a reader will see."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.sandbox import Sandbox

CHECKOUT = Path(__file__).resolve().parents[2]
TUTORIAL = CHECKOUT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$|(?P<shown>(?:^    [^\n]*\n)+)", re.MULTILINE | re.DOTALL)
ANSWERS = {"[y/N]: ": "y\n", "to go on: ": "research\n"}
# The environment is there, and other tests go on with the sandbox.
LEFT_OUT = re.compile(r"make venv|sandbox down")
ENDLESS = re.compile(r"--watch|port-forward")  # a reader ends these with Ctrl-C
# Other teams of the sandbox are no team of the tutorial's inventory, and `fleet status` says so.
MAY_FAIL = re.compile(r"fleet status$")
# Colours, lines of a file: they tell one run from another.
NOISE = re.compile(r"\x1b\[[0-9;]*m|\r|(?<=:)\d+(?=:)")


@dataclass
class Step:
    """A command, and what the tutorial shows below it."""

    command: str
    shown: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> set[int]:
        """Exit statuses that are right."""
        if any(line.startswith("error:") for line in self.shown):
            return {2}
        return {0, 1} if MAY_FAIL.search(self.command) else {0}


def steps() -> list[Step]:
    """The tutorial's commands; a shown inventory is an edit of the file."""
    found: list[Step] = []
    for block in BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        if block["shown"]:
            # Where it says `…`, or how long something took, it does not say what comes.
            lines = [line.strip() for line in block["shown"].splitlines() if "…" not in line and "✓" not in line]
            found[-1].shown += [NOISE.sub("", line) for line in lines]
        elif block["language"] == "sh":
            found += [Step(line) for line in block["text"].splitlines() if not LEFT_OUT.search(line)]
        else:
            found.append(Step(f"sed -i '/^teams:/,$d' my-fleet.yaml; cat >> my-fleet.yaml <<'END'\n{block['text']}END"))
    return found


def _script(found: list[Step]) -> Iterator[str]:
    for number, step in enumerate(found):
        yield f"timeout --foreground 5 {step.command} || true" if ENDLESS.search(step.command) else step.command
        yield f'echo "<end of {number}: $?>"'


def _read(folder: Path, found: list[Step], environment: dict[str, str]) -> str:
    """Run the commands in one shell on a terminal, and answer what is asked."""
    script = folder / "tutorial.sh"
    script.write_text("\n".join(_script(found)), encoding="utf-8")
    terminal, theirs = pty.openpty()
    environment = {**environment, "TERM": "dumb", "COLUMNS": "250", "BROWSER": "true"}
    shell = subprocess.Popen(["bash", script], cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said, answered = "", 0
    while True:
        try:
            said += os.read(terminal, 65536).decode(errors="replace")
        except OSError:  # the shell has ended
            break
        for question, answer in ANSWERS.items():
            if said.endswith(question) and len(said) > answered:
                answered = len(said)
                os.write(terminal, answer.encode())
    shell.wait()
    os.close(terminal)
    return NOISE.sub("", said)


def test_the_tutorial_does_what_it_says(sandbox: Sandbox, tmp_path: Path) -> None:
    for name in CHECKOUT.iterdir():
        (tmp_path / name.name).symlink_to(name)
    found = steps()
    environment = {key: value for key, value in sandbox.environment.items() if key != "FLEET_INVENTORY"}
    try:
        rest = _read(tmp_path, found, environment)
    finally:
        left = [
            "remove-team",
            "research",
            "--yes",
            "--confirm",
            "research",
            "--no-backup",
            "--inventory",
            "my-fleet.yaml",
        ]
        subprocess.run([tmp_path / ".venv/bin/fleet", *left], cwd=tmp_path, env=environment, capture_output=True)
    for number, step in enumerate(found):
        said, end, rest = rest.partition(f"<end of {number}: ")
        assert end, f"`{step.command}` did not end: {said}"
        status, _, rest = rest.partition(">")
        assert int(status) in step.wanted, f"`{step.command}` ended with {status}: {said}"
        lines = {line.strip() for line in said.splitlines()}
        assert set(step.shown) <= lines, f"`{step.command}` said: {said}"
