"""Images of files alone are built for real, in a cache of their own; what is there is not built again."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from fleet.sandbox.images import cache, catalog
from fleet.sandbox.images.builder import Builder
from fleet.sandbox.images.model import Image

TEXT = """\
FROM scratch AS below
COPY --chmod=0750 folder /opt/folder
FROM below AS top
COPY --chmod=0644 folder/inner/file extra /opt/folder/
USER 5
ENTRYPOINT ["/x"]
"""


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    context = tmp_path / "context"
    (context / "folder" / "inner").mkdir(parents=True)
    for name in ("folder/inner/file", "extra"):
        (context / name).write_text(name)
    (context / "Dockerfile").write_text(TEXT)
    return context


def build(context: Path, said: list[str] | None = None) -> Image:
    say = (said if said is not None else []).append
    builder = Builder(context / "Dockerfile", context, {}, catalog._Parents(say), say)
    return catalog._image("fleet.local/thing:1", builder, say)


def names(image: Image, layer: int) -> dict[str, int]:
    with tarfile.open(image.tree.layers[layer].path) as tar:
        return {entry.name: entry.mode for entry in tar if entry.name != "opt"}


def test_files_go_where_docker_puts_them_and_known_folders_stay_out(context: Path) -> None:
    image = build(context)
    below = {"opt/folder": 0o755, "opt/folder/inner": 0o750, "opt/folder/inner/file": 0o750}
    assert {name: mode & 0o777 for name, mode in names(image, 0).items()} == below
    assert names(image, 1) == {"opt/folder/file": 0o644, "opt/folder/extra": 0o644}
    assert image.tree.config.user == "5"


def test_the_second_time_everything_is_there(context: Path) -> None:
    first, said = build(context), list[str]()
    again = build(context, said)
    assert (first.cached, again.cached, said) == (False, True, [])
    assert again.path == first.path


def test_a_changed_file_builds_only_what_is_above_it(context: Path) -> None:
    first = build(context)
    (context / "extra").write_text("other")
    again = build(context)
    assert again.tree.layers[0] == first.tree.layers[0]
    assert again.tree.layers[1].digest != first.tree.layers[1].digest


def test_changed_settings_change_the_archive_and_no_layer_and_the_old_one_goes(context: Path) -> None:
    first = build(context)
    (context / "Dockerfile").write_text(TEXT.replace("USER 5", "USER 6"))
    again = build(context)
    assert again.tree.layers == first.tree.layers
    assert again.tree.config.user == "6"
    assert sorted((cache.root() / "thing").iterdir()) == [again.path]


def test_nothing_is_left_of_the_work(context: Path) -> None:
    build(context)
    assert [path for path in (cache.root() / "work").iterdir() if path.suffix != ".lock"] == []


def test_what_killed_builds_left_goes_and_running_ones_stay(context: Path) -> None:
    left, running = cache.root() / "work" / "left", cache.root() / "work" / "running"
    left.mkdir(parents=True)
    with cache.locked("running"):
        running.mkdir()
        build(context)
        assert (left.exists(), running.exists()) == (False, True)
