"""Takes the OpenAPI description that Kubernetes' own Go module holds, gives JSON schemas for kubeconform, never the network's.

The public schema collection that kubeconform knows lies on a web site; the module is already there, because the
sandbox's API server is built from it, and has the same version.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from fleet.paths import asset, cache_dir
from fleet.sandbox import versions

_DESCRIPTION = "api/openapi-spec/swagger.json"
# Types that OpenAPI v2 cannot say, and that the API server takes as either.
_EITHER: dict[str, list[str]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["string", "integer"],
    "io.k8s.apimachinery.pkg.api.resource.Quantity": ["string", "number"],
}


def schemas() -> Path:
    """Folder of one schema per kind of Kubernetes, named as kubeconform's template in `location` says; written once."""
    version = versions.load().tool("kube-apiserver").version
    folder = cache_dir() / "kubeconform" / version
    if not (folder / "complete").exists():
        _write(folder, json.loads(_description().read_text(encoding="utf-8"))["definitions"])
    return folder


def location() -> str:
    """kubeconform's `-schema-location` for that folder."""
    return f"{schemas()}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def _description() -> Path:
    """Raises CalledProcessError when Go is missing or cannot fetch the module."""
    module = subprocess.run(
        ["go", "mod", "download", "-json", "k8s.io/kubernetes"],
        cwd=asset("sandbox") / "go" / versions.load().tool("kube-apiserver").module_set,
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(json.loads(module.stdout)["Dir"]) / _DESCRIPTION


def _write(folder: Path, definitions: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    closed = {name: _closed(name, schema) for name, schema in definitions.items()}
    (folder / "definitions.json").write_text(json.dumps({"definitions": closed}), encoding="utf-8")
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            reference = {"$ref": f"definitions.json#/definitions/{name}"}
            (folder / _file_name(kind)).write_text(json.dumps(reference), encoding="utf-8")
    (folder / "complete").touch()


def _file_name(kind: dict[str, str]) -> str:
    group = kind["group"].split(".")[0]
    return "-".join(part for part in (kind["kind"], group, kind["version"]) if part).lower() + ".json"


def _closed(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The definition with types where a value may be either, and closed where it lists its keys."""
    if name in _EITHER:
        return {"type": _EITHER[name]}
    texts_dropped = {key: value for key, value in schema.items() if key not in ("description", "format")}
    if "properties" not in schema:
        return texts_dropped
    refs = {key: _local(value) for key, value in schema["properties"].items()}
    return {**texts_dropped, "properties": refs, "additionalProperties": False}


def _local(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("description", "format", "default")}
