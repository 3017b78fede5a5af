"""Runs `fleet` as `python -m tests.support.counted FILE ARGUMENTS…` and writes one line per external process into FILE.

Python itself tells of each by an audit event (https://docs.python.org/3/library/audit_events.html), whoever starts it.
"""

from __future__ import annotations

import atexit
import sys
from pathlib import Path
from typing import Any

_STARTS = {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec"}
_seen: list[str] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _STARTS:
        _seen.append(" ".join(map(str, arguments[1])) if event == "subprocess.Popen" else event)


if __name__ == "__main__":
    file, sys.argv[1:] = Path(sys.argv[1]), sys.argv[2:]
    atexit.register(lambda: file.write_text("".join(f"{line}\n" for line in _seen)))
    sys.addaudithook(_hook)
    from fleet.cli.main import main

    main()
