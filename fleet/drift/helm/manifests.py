"""A release's manifest as the API server would hold it: takes its text, gives objects, never compares."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

Manifest = dict[str, Any]

# What Helm itself puts on every object that it makes: https://helm.sh/docs/topics/charts_tips_and_tricks/
MANAGED_BY = "app.kubernetes.io/managed-by"
_RELEASE_NAME, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
# Helm reads YAML as Go does, where these differ from PyYAML's words.
_BOOLEANS = re.compile(r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$")
_WHOLE = re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$")
_BROKEN = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")


def objects(text: str) -> list[Manifest]:
    """Every object of a manifest, those of a `List` one by one.

    Raises:
        ValueError: it is no YAML of objects.
    """
    import yaml

    try:
        found = [each for document in yaml.load_all(text, _loader()) for each in _flat(document)]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its manifest cannot be read ({type(error).__name__})") from error
    return found


def _flat(document: Any) -> Iterator[Manifest]:
    if not document:
        return
    if document["kind"] == "List":
        for item in document["items"]:
            yield from _flat(item)
    else:
        assert document["metadata"]["name"]  # noqa: S101 (Helm had it accepted)
        yield document


@cache
def _loader() -> Any:
    """PyYAML's loader in C where it is there (ten times as fast), with Go's idea of scalars."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    tags = {"bool": (_BOOLEANS, "yYnNtTfFoO"), "int": (_WHOLE, "-+0123456789"), "float": (_BROKEN, "-+.0123456789")}
    kept = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}
    found = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in kept]
        for first, resolvers in Loader.yaml_implicit_resolvers.items()
    }
    Loader.yaml_implicit_resolvers = found
    for name, (pattern, first) in tags.items():
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", pattern, list(first))
    Loader.add_constructor(
        "tag:yaml.org,2002:bool", lambda _, node: node.value[0] in "yYtT" or node.value.lower() == "on"
    )
    Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: _number(node.value))
    return Loader


def _number(text: str) -> int:
    digits = text.replace("_", "")
    old_octal = re.fullmatch(r"([-+]?)0([0-7]+)", digits)
    return int(f"{old_octal[1]}0o{old_octal[2]}" if old_octal else digits, 0)


def as_held(document: Manifest, release: str, release_namespace: str, namespace: str) -> Manifest:
    """An object as Helm sends it: in its namespace, with Helm's marks; what is write-only in it as it is kept.

    Args:
        namespace: the object's; empty where its kind has none.
    """
    metadata = document.get("metadata") or {}
    held = {key: value for key, value in document.items() if key not in ("metadata", "status", "stringData")}
    held["metadata"] = {
        "name": metadata["name"],
        **({"namespace": namespace} if namespace else {}),
        "labels": {**(metadata.get("labels") or {}), MANAGED_BY: "Helm"},
        "annotations": {
            **(metadata.get("annotations") or {}), _RELEASE_NAME: release, _RELEASE_NAMESPACE: release_namespace,
        },
    }  # fmt: skip
    if plain := document.get("stringData"):
        coded = {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        held["data"] = {**(document.get("data") or {}), **coded}
    return held
