"""Pages of the documentation, read by a machine: their commands in their order, and what they say that a reader will see.

A block `sh` holds commands, one a line (a backslash goes on in the next line). A block `yaml` with `teams:` is an edit of the
inventory, one with `version:` a whole inventory; any other is left to tests/unit/docs. What is set in by four blanks is output
of the command before it, but for lines with an ellipsis or a time, which do not say what comes; where no command is before it,
it is an example. Other blocks are for people only.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$|(?P<shown>(?:^    [^\n]*\n)+)", re.MULTILINE | re.DOTALL)
ANSWERS = {"[y/N]: ": "y\n", "to go on: ": "research\n", "Enter a value: ": "yes\n"}
ENDLESS = re.compile(r"--watch|--follow|port-forward")  # a reader ends these with Ctrl-C
# Other tests' teams are in no page's inventory, which these say; what they end with then.
OTHERS_SHOW = {"fleet status": 1, "fleet drift": 2}
VARYING = re.compile(r"…|✓|\d{8}T\d{6}Z")
# Colours, lines of a file: they tell one run from another.
NOISE = re.compile(r"\x1b\[[0-9;]*m|\r|(?<=:)\d+(?=:)")
LIMIT_SECONDS = 3600  # far beyond any page: a question that nobody answers


@dataclass
class Step:
    """A command, and what the page shows below it."""

    command: str
    shown: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> set[int]:
        """Exit statuses that are right."""
        if any(line.startswith("error:") for line in self.shown):
            return {2}
        return {0, OTHERS_SHOW.get(self.command.strip(), 0)}


def steps(page: Path) -> list[Step]:
    """The page's commands; a shown inventory is an edit of the file."""
    found: list[Step] = []
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["shown"] and found:
            lines = [line.strip() for line in block["shown"].splitlines() if not VARYING.search(line)]
            found[-1].shown += [NOISE.sub("", line) for line in lines]
        elif block["language"] == "sh":
            found += [Step(re.sub(r"\s+# .*", "", line)) for line in block["text"].replace("\\\n", " ").splitlines()]
        elif block["language"] == "yaml":
            found += [Step(command) for command in _edit(block["text"])]
    return found


def _edit(text: str) -> Iterator[str]:
    file = '"${FLEET_INVENTORY:-tenants.yaml}"'
    if re.search(r"^version:", text, re.MULTILINE):
        yield f"cat > {file} <<'END'\n{text}END"
    elif re.search(r"^teams:", text, re.MULTILINE):
        yield f"sed -i '/^teams:/,$d' {file}; cat >> {file} <<'END'\n{text}END"


def run(folder: Path, found: list[Step], environment: Mapping[str, str]) -> None:
    """Run the steps in one shell on a terminal, answer what is asked, and hold what is said against the page.

    Raises:
        AssertionError: a command ended otherwise than the page says, or said something else.
    """
    rest = _read(folder, found, environment)
    for number, step in enumerate(found):
        said, end, rest = rest.partition(f"<end of {number}: ")
        assert end, f"`{step.command}` did not end: {said}"
        status, _, rest = rest.partition(">")
        assert int(status) in step.wanted, f"`{step.command}` ended with {status}: {said}"
        lines = {line.strip() for line in said.splitlines()}
        assert set(step.shown) <= lines, f"`{step.command}` said: {said}"


def _script(found: Iterable[Step]) -> Iterator[str]:
    for number, step in enumerate(found):
        # It has to be interrupted: what ends by itself has found nothing to wait for.
        endless = f"timeout --foreground --signal INT --kill-after 10 5 {step.command}; [ $? = 124 ]"
        yield endless if ENDLESS.search(step.command) else step.command
        yield f'echo "<end of {number}: $?>"'


def _read(folder: Path, found: Iterable[Step], environment: Mapping[str, str]) -> str:
    """Everything that the shell and its commands print."""
    script = folder / "page.sh"
    script.write_text("\n".join(_script(found)), encoding="utf-8")
    terminal, theirs = pty.openpty()
    command = ["timeout", "--foreground", str(LIMIT_SECONDS), "bash", str(script)]
    environment = {**environment, "TERM": "dumb", "COLUMNS": "250", "BROWSER": "true"}
    shell = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
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
