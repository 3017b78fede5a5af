"""An archive is a whole OCI layout: every digest leads to a blob with that digest, and Docker's manifest agrees."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fleet.sandbox.images import archive, layers
from fleet.sandbox.images.model import Config, Tree

CONFIG = Config(
    env={"A": "1"}, labels={"l": "2"}, ports=("80/tcp",), entrypoint=("/e",), cmd=("c",), user="5", workdir="/w"
)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_text("content")
    layer = layers.write_layer(tmp_path / "root", {}, tmp_path / "layer.tar", stamp=0)
    archive.write(Tree("key", (layer,), CONFIG), "fleet.local/thing:1", tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        return {entry.name: (tar.extractfile(entry) or pytest.fail(entry.name)).read() for entry in tar}


def blob(files: dict[str, bytes], described: dict[str, Any]) -> bytes:
    content = files["blobs/" + described["digest"].replace(":", "/")]
    assert len(content) == described["size"]
    assert hashlib.sha256(content).hexdigest() == described["digest"].removeprefix("sha256:")
    return content


def test_index_leads_to_manifest_configuration_and_layers(files: dict[str, bytes]) -> None:
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "fleet.local/thing:1"
    manifest = json.loads(blob(files, entry))
    config = json.loads(blob(files, manifest["config"]))
    blob(files, manifest["layers"][0])
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]
    assert config["config"] == {
        "Env": ["A=1"],
        "Labels": {"l": "2"},
        "ExposedPorts": {"80/tcp": {}},
        "Entrypoint": ["/e"],
        "Cmd": ["c"],
        "User": "5",
        "WorkingDir": "/w",
    }


def test_dockers_manifest_names_the_same_blobs(files: dict[str, bytes]) -> None:
    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(blob(files, entry))
    (docker,) = json.loads(files["manifest.json"])
    assert docker["RepoTags"] == ["fleet.local/thing:1"]
    assert docker["Config"].endswith(manifest["config"]["digest"].removeprefix("sha256:"))
    assert [Path(name).name for name in docker["Layers"]] == [
        layer["digest"].removeprefix("sha256:") for layer in manifest["layers"]
    ]


def test_a_tree_survives_its_record(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    layer = layers.write_layer(tmp_path / "root", {}, tmp_path / "layer.tar", stamp=0)
    tree = Tree("key", (layer,), CONFIG)
    assert Tree.load(tree.dump(), tmp_path) == tree
