"""The file: takes the path of an inventory, gives its bytes and its text within bounds, never parses."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from fleet.inventory.problems import Problem, refuse

# 1,000 teams with twenty lines each are 0.6 MB. The bound keeps a wrong path (an image, a dump) from eating the memory.
MAX_BYTES = 4 * 1024 * 1024

# YAML's c-printable, less what not all readers and editors count as the same line: https://yaml.org/spec/1.2.2/#51-character-set
_STRANGE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\r(?!\n)")
BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read(path: Path) -> bytes:
    """The file's bytes, at most `MAX_BYTES`.

    Raises:
        FleetErrors: no such file, not a regular file, not readable, too large.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise refuse(str(path), Problem("is not a file", hint="give the path of a `tenants.yaml`"))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "run fleet where your `tenants.yaml` is, or give its path with --inventory"
        raise refuse(str(path), Problem("there is no such file", hint=hint)) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise refuse(str(path), Problem(f"cannot be read: {reason}", hint="see to its permissions")) from None
    if len(content) > MAX_BYTES:
        what = f"is larger than {MAX_BYTES // 1024**2} MiB"
        raise refuse(str(path), Problem(what, hint="is it really an inventory? 1,000 teams take less than 1 MiB"))
    return content


def decode(content: bytes, name: str) -> str:
    """The text, without a byte order mark.

    Raises:
        FleetErrors: not UTF-8, or with characters that a text file has not.
    """
    if content.startswith(_UTF16):
        raise refuse(name, Problem("is UTF-16, not UTF-8", line=1, hint="save it as UTF-8"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8: byte 0x{content[error.start]:02x}"
        raise refuse(name, Problem(what, line=line, hint="save it as UTF-8")) from None
    if found := _STRANGE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        what = f"there is a character U+{ord(found[0]):04X}, which a text file has not"
        raise refuse(
            name, Problem(what, line=line, hint='remove it, or write it as an escape in double quotes: "\\u…"')
        )
    return text
