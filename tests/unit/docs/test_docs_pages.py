"""Pages tell the truth: links lead somewhere, quoted commands exist, shown inventories hold, nothing is of one machine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from fleet.cli import common
from fleet.cli.main import app
from fleet.errors import FleetError
from fleet.model import Inventory
from fleet.report import error_text

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "images").glob("*.md")])
PICTURES = sorted((ROOT / "docs").rglob("*.svg"))
# A decision may speak of what is to come; the commands' page shows forms rather than commands.
QUOTING = [page for page in PAGES if page.parent.name != "adr"]
SHOWING = [page for page in QUOTING if page.name != "commands.md"]
FLEET: Any = get_command(app)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# Links.

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(page: Path) -> set[str]:
    """GitHub's: lower case, letters, digits, dashes and underscores; blanks become dashes."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


# Commands.


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and text of each block: fenced, or set in by four blanks."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    yield from ((match[1], match[2]) for match in fence.finditer(text))
    for match in re.finditer(r"(?:^    .*\n)+", fence.sub("", text), re.MULTILINE):
        yield "", re.sub(r"^    ", "", match[0], flags=re.MULTILINE)


def _whole_commands(text: str) -> Iterator[str]:
    """Every `fleet …` that a reader would paste."""
    for language, block in _blocks(text):
        if language in ("", "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                yield from re.findall(r"(?:^|^\$ |\$\(|&& |\| )(fleet [^|;&>)]+)", line)


def _mentions(text: str) -> Iterator[str]:
    """Every `fleet …` in running text, with or without its arguments."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (each for each in re.findall(r"`(fleet [^`]+)`", prose) if "…" not in each)


def _wrong(quoted: str, whole: bool) -> str:
    """What is wrong with a command line; parsed here, because the program's own parser would begin to act."""
    command, given = FLEET, 0
    words = iter(shlex.split(quoted, comments=True)[1:])
    for word in words:
        if word.startswith("-"):
            options = {name: each for each in command.params for name in each.opts if each.param_type_name == "option"}
            name, _, value = word.partition("=")
            if name == "--help":
                return ""
            if name not in options:
                return f"no option {name}"
            if not options[name].is_flag and not value and next(words, None) is None and whole:
                return f"{name} wants a value"
        elif not hasattr(command, "commands"):
            given += 1
        elif word.isupper():
            return ""  # COMMAND stands for any
        elif word not in command.commands:
            return f"no command {word}"
        else:
            command = command.commands[word]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    if given > len(arguments) and not any(each.nargs == -1 for each in arguments):
        return "too many arguments"
    return "too few arguments" if whole and given < sum(each.required for each in arguments) else ""


@pytest.mark.parametrize("page", QUOTING, ids=_name)
def test_quoted_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    whole = [(each, True) for each in _whole_commands(text)] if page in SHOWING else []
    quoted = [*whole, *((each, False) for each in _mentions(text))]
    assert {command: wrong for command, strictly in quoted if (wrong := _wrong(command, strictly))} == {}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("fleet plan --nope", "no option --nope"),
        ("fleet sandbox fly", "no command fly"),
        ("fleet logs", "too few arguments"),
        ("fleet logs a b", "too many arguments"),
        ("fleet logs a --tail", "--tail wants a value"),
        ("fleet --verbose apply a b  # both", ""),
        ("fleet sandbox up --simulated-nodes=3", ""),
    ],
)
def test_a_wrong_command_would_be_found(command: str, wrong: str) -> None:
    assert _wrong(command, whole=True) == wrong


@pytest.mark.parametrize("page", QUOTING, ids=_name)
def test_quoted_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    blocks = "\n".join(block for language, block in _blocks(text) if language in ("", "sh"))
    inline = re.findall(r"`make ([a-z -]+)`", text)
    quoted = {
        word for line in [*inline, *re.findall(r"^make ([a-z -]+)", blocks, re.MULTILINE)] for word in line.split()
    }
    assert quoted <= targets


# Inventories.


def _inventories() -> Iterator[Any]:
    for page in QUOTING:
        for number, (language, block) in enumerate(_blocks(page.read_text(encoding="utf-8"))):
            data = yaml.safe_load(block) if language == "yaml" else None
            if isinstance(data, dict) and data.keys() <= Inventory.model_fields.keys():
                yield pytest.param(data, id=f"{_name(page)}-{number}")


@pytest.mark.parametrize("shown", list(_inventories()))
def test_a_shown_inventory_is_accepted(shown: dict[str, Any], tmp_path: Path) -> None:
    whole = {**yaml.safe_load((ROOT / "tenants.yaml").read_text(encoding="utf-8")), **shown}
    path = tmp_path / "tenants.yaml"
    path.write_text(yaml.safe_dump(whole), encoding="utf-8")
    try:
        assert common.desired(common.load(path)).instances.keys() == whole["teams"].keys()
    except FleetError as error:
        pytest.fail(error_text(error))


# Nothing of one machine, and no address that a reader did not ask for.

OURS = re.compile(r"/(?:work|root|Users)/|/home/(?!airflow\b)|pyenv")
HOSTS = re.compile(r"https?://([A-Za-z0-9.-]+\b)(?!\.?<(?!/))|(?<![\w./-])((?:[a-z0-9-]+\.)+[a-z]{2,})/[a-z]")
# Examples, names inside of clusters and of the sandbox; then pages of specifications, and Google's own addresses.
FREE = re.compile(
    r"(.*\.)?example\.com|(.*\.)?localhost|.*\.svc\.cluster\.local|fleet\.local|10\.\d+\.\d+\.\d+|127\.0\.0\.1"
)
PAGES_OF_OTHERS = {
    "airflow.apache.org",
    "www.w3.org",
    "keepachangelog.com",
    "semver.org",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
    "github.com",
    "kubernetes.io",
    "cert-manager.io",  # an annotation's prefix
    "k8s.io",
    "pod-security.kubernetes.io",
}


@pytest.mark.parametrize("page", [*PAGES, *PICTURES], ids=_name)
def test_nothing_of_one_machine(page: Path) -> None:
    assert OURS.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", [*PAGES, *PICTURES], ids=_name)
def test_no_host_of_a_registry(page: Path) -> None:
    hosts = {url or image for url, image in HOSTS.findall(page.read_text(encoding="utf-8"))}
    assert {host for host in hosts if not FREE.fullmatch(host)} <= PAGES_OF_OTHERS


@pytest.mark.parametrize("picture", PICTURES, ids=_name)
def test_a_picture_loads_nothing(picture: Path) -> None:
    text = picture.read_text(encoding="utf-8")
    assert not re.search(r"@import|@font-face|url\((?!#)|<script|<image|<foreignObject|href=", text)
