"""Image archives: takes layers and a configuration, gives one tar that containerd, Docker and crane read, no registry.

The tar is an OCI image layout (index.json) that carries Docker's manifest.json as well, as `docker save` writes it.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

from fleet.sandbox.images.model import Config, Tree

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_TYPE = "application/vnd.oci.image"


def architecture() -> str:
    """This machine's architecture under the name that image configurations use."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def configuration(tree: Tree) -> dict[str, Any]:
    """The OCI image configuration of a tree."""
    return {
        "created": "1970-01-01T00:00:00Z",
        "architecture": architecture(),
        "os": "linux",
        "config": _container(tree.config),
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in tree.layers]},
        "history": [{"created_by": "fleet"} for _ in tree.layers],
    }


def _container(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in config.env.items()],
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "User": config.user,
        "WorkingDir": config.workdir,
        "Labels": config.labels,
        "ExposedPorts": {port: {} for port in config.ports},
    }
    return {name: value for name, value in found.items() if value}


def write(tree: Tree, reference: str, target: Path) -> None:
    """Writes the image ``reference`` to the file ``target`` (the caller publishes it)."""
    config = json.dumps(configuration(tree)).encode()
    blobs = [_described("layer.v1.tar", layer.digest, layer.size) for layer in tree.layers]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}.manifest.v1+json",
            "config": _described("config.v1+json", _digest(config), len(config)),
            "layers": blobs,
        }
    ).encode()
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", _index(manifest, reference))
        _add(tar, "manifest.json", _docker(tree, config, reference))
        for blob in (manifest, config):
            _add(tar, _blob(_digest(blob)), blob)
        for layer in tree.layers:
            with layer.path.open("rb") as content:
                tar.addfile(_entry(_blob(layer.digest), layer.size), content)


def _index(manifest: bytes, reference: str) -> bytes:
    described = _described("manifest.v1+json", _digest(manifest), len(manifest))
    described["platform"] = {"architecture": architecture(), "os": "linux"}
    tag = reference.rpartition(":")[2]
    described["annotations"] = {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag}
    return json.dumps({"schemaVersion": 2, "manifests": [described]}).encode()


def _docker(tree: Tree, config: bytes, reference: str) -> bytes:
    layers = [_blob(layer.digest) for layer in tree.layers]
    return json.dumps([{"Config": _blob(_digest(config)), "RepoTags": [reference], "Layers": layers}]).encode()


def _described(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"{_TYPE}.{kind}", "digest": digest, "size": size}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _entry(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_entry(name, len(content)), io.BytesIO(content))
