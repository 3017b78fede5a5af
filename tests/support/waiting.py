"""Waits for what is to come about: takes a question, gives its answer, or an AssertionError."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Answer = TypeVar("Answer")

_SECONDS = 600.0  # far beyond a busy machine
_PAUSE_SECONDS = 0.5  # a question is a process, as a rule


def eventually(ask: Callable[[], Answer], seconds: float = _SECONDS) -> Answer:
    """The first answer that is true; a server that does not answer is not there yet."""
    end = time.monotonic() + seconds
    while True:
        with suppress(OSError):
            if found := ask():
                return found
        assert time.monotonic() < end, "did not come about in time"
        time.sleep(_PAUSE_SECONDS)
