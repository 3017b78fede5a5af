"""A layer holds what changed, marks what went away, and is the same for the same inputs."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from fleet.sandbox.images import layers


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("etc/kept", "etc/changed", "etc/gone", "old/a/b", "run/socket", "proc/1"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def change(root: Path) -> layers.Snapshot:
    before = layers.snapshot(root)
    (root / "etc/changed").write_text("other content")
    (root / "etc/gone").unlink()
    (root / "old/a/b").unlink()
    (root / "old/a").rmdir()
    (root / "old").rmdir()
    (root / "new").mkdir()
    (root / "new/link").symlink_to("file")
    (root / "new/file").write_text("new")
    os.link(root / "new/file", root / "new/hard")
    (root / "run/more").write_text("not of the image")
    return before


def test_only_differences_are_packed(root: Path, tmp_path: Path) -> None:
    layer = layers.write_layer(root, change(root), tmp_path / "layer.tar", stamp=7)
    with tarfile.open(layer.path) as tar:
        entries = {entry.name: entry for entry in tar}
    assert set(entries) == {"etc/changed", "new", "new/link", "new/file", "new/hard", "etc/.wh.gone", ".wh.old"}
    assert {entry.mtime for entry in entries.values()} == {7}
    assert entries["new/hard"].islnk()
    assert layer.size == layer.path.stat().st_size


def test_a_bottom_layer_holds_everything_but_what_the_runtime_fills(root: Path, tmp_path: Path) -> None:
    layer = layers.write_layer(root, {}, tmp_path / "layer.tar", stamp=0)
    with tarfile.open(layer.path) as tar:
        names = set(tar.getnames())
    assert {"etc/kept", "run", "proc"} <= names
    assert not {"run/socket", "proc/1"} & names


def test_layers_on_top_of_each_other_give_the_changed_tree_again(root: Path, tmp_path: Path) -> None:
    bottom = layers.write_layer(root, {}, tmp_path / "bottom.tar", stamp=0)
    top = layers.write_layer(root, change(root), tmp_path / "top.tar", stamp=0)
    layers.unpack([bottom, top], tmp_path / "again")
    listed = {path: (root / path).read_text() for path in layers.snapshot(root) if (root / path).is_file()}
    again = tmp_path / "again"
    assert {p: (again / p).read_text() for p in layers.snapshot(again) if (again / p).is_file()} == listed


def test_the_same_content_gives_the_same_digest(root: Path, tmp_path: Path) -> None:
    first = layers.write_layer(root, {}, tmp_path / "1.tar", stamp=0)
    for path in root.rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
    assert layers.write_layer(root, {}, tmp_path / "2.tar", stamp=0).digest == first.digest
