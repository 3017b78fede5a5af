"""Draws a terminal session: takes its output on standard input, colours and all, writes an SVG, never runs anything.

    TERM=dumb COLUMNS=120 script --quiet --command "make demo" /dev/null | python docs/record.py docs/images/demo.svg

(TERM=dumb: no line is drawn over another.)

What a command says at length is cut in its middle. The picture loads nothing: no font, no address.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 120
FIRST, LAST = 2, 7  # of what one command says, the lines that are shown; the others are counted
PROMPT = "$ "
_FONT_FACE = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)
_REMARK = re.compile(r"<!--.*?-->\s*", re.DOTALL)


def picture(session: str, title: str) -> str:
    """The SVG of a session."""
    console = Console(
        record=True, file=StringIO(), width=COLUMNS, height=1, force_terminal=True, color_system="standard"
    )
    for line in shortened(anonymous(session).splitlines()):
        console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True)
    svg = console.export_svg(title=title)
    return _REMARK.sub("", _FONT_FACE.sub("", svg)).replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas")


def anonymous(session: str) -> str:
    """The session without this machine's folders."""
    return session.replace("\r", "").replace(f"{Path.cwd()}/", "").replace(str(Path.home()), "~")


def shortened(lines: list[str]) -> Iterator[str]:
    """The lines, those between two prompts or headings cut to the first and last ones."""
    said: list[str] = []
    for line in [*lines, PROMPT]:
        plain = Text.from_ansi(line).plain
        if plain.startswith(PROMPT) or not plain:
            yield from _cut(said)
            said = []
            if line is not PROMPT:
                yield line
        else:
            said.append(line)


def _cut(said: list[str]) -> list[str]:
    hidden = len(said) - FIRST - LAST
    return said if hidden < 2 else [*said[:FIRST], f"\x1b[2m  ({hidden} more lines)\x1b[0m", *said[-LAST:]]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    Path(sys.argv[1]).write_text(picture(sys.stdin.read(), "make demo"), encoding="utf-8")
