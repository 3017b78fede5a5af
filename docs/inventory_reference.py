"""The inventory's reference: takes the model, gives pages, never writes them (generate.py does)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fleet.inventory.schema import json_schema
from fleet.model import DEFAULT_SIZES

HEAD = """\
# The inventory, key by key

<!-- Made by docs/generate.py from fleet/model.py. Do not edit. -->

A `tenants.yaml` says which teams there are and what each gets. `fleet validate` checks it, `fleet schema` prints this page
for machines. For completion in an editor, begin the file with

    # yaml-language-server: $schema=docs/reference/tenants.schema.json

Text that looks like a number, a date or a boolean needs quotes. Anchors, aliases, tags and merge keys are refused: `defaults`
and `sizes` are there for what entries have in common. `NAME` stands for a name of your own: lower-case letters, digits and
dashes, from a letter to a letter or digit, at most 42 characters.
"""


def pages() -> dict[str, str]:
    """Path below docs, and content."""
    schema = json.dumps(json_schema(), indent=2) + "\n"
    return {"reference/inventory.md": inventory_page(), "reference/tenants.schema.json": schema}


def inventory_page() -> str:
    """The inventory's keys as Markdown."""
    schema = json_schema()
    places: dict[str, tuple[list[str], dict[str, Any]]] = {}
    for path, found in _mappings("", schema, schema["$defs"]):
        places.setdefault(json.dumps(found), ([], found))[0].append(path)
    tables = [line for paths, found in places.values() for line in _table(paths, found, schema["$defs"])]
    return "\n".join([HEAD, *tables, *_sizes()])


def _mappings(path: str, found: dict[str, Any], defs: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The mapping at this path and those inside it."""
    yield path, found
    for key, value in found["properties"].items():
        for suffix, inside in _inside(value, defs):
            yield from _mappings(f"{path}.{key}{suffix}".removeprefix("."), inside, defs)


def _table(paths: list[str], found: dict[str, Any], defs: dict[str, Any]) -> Iterator[str]:
    yield f"## {', '.join(f'`{path}`' if path else 'Top level' for path in paths)}\n\n{_line(found['description'])}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    required = found.get("required", [])
    for key, value in found["properties"].items():
        meaning = _line(value.get("description") or _follow(value, defs).get("description", ""))
        default = "**needed**" if key in required else f"`{json.dumps(value['default'])}`" if _shows(value) else ""
        yield f"| `{key}` | {_type(value, defs)} | {default} | {meaning} |"
    yield ""


def _shows(value: dict[str, Any]) -> bool:
    return value.get("default") not in (None, "", {}) and not isinstance(value.get("default"), dict)


def _inside(value: dict[str, Any], defs: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The mappings with keys of their own at this value, each with what its path has more."""
    for choice in _choices(value, defs):
        if "properties" in choice:
            kind = choice["properties"].get("source", {}).get("const", "")
            if not kind or len(choice["properties"]) > 1:
                yield (f" (source: {kind})" if kind else ""), choice
        for below in choice.get("patternProperties", {}).values():
            yield from ((f".NAME{suffix}", found) for suffix, found in _inside(below, defs))
        if isinstance(choice.get("items"), dict):
            yield from ((f"[]{suffix}", found) for suffix, found in _inside(choice["items"], defs))


def _type(value: dict[str, Any], defs: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(words for choice in _choices(value, defs) if (words := _word(choice, defs))))


def _word(choice: dict[str, Any], defs: dict[str, Any]) -> str:
    if "properties" in choice:
        kind = choice["properties"].get("source", {}).get("const", "")
        return f"`source: {kind}`" if kind else "keys"
    if "enum" in choice or "const" in choice:
        return ", ".join(f"`{word}`" for word in choice.get("enum", [choice.get("const")]))
    kind = choice.get("type")
    if kind == "integer":
        bounds = [choice.get("minimum"), choice.get("maximum")]
        return "number" + (f" from {bounds[0]}" if bounds[0] else "") + (f" to {bounds[1]}" if bounds[1] else "")
    if kind == "array":
        return f"list of {_type(choice['items'], defs)}"
    below = [*choice.get("patternProperties", {}).values(), choice.get("additionalProperties")]
    if kind == "object":
        kinds = [_type(each, defs) for each in below if isinstance(each, dict)]
        return f"{_keys(choice)}: {kinds[0]}" if kinds and kinds[0] else "any keys"
    return {"string": "text", "boolean": "`true`, `false`"}.get(kind or "", "")


def _keys(choice: dict[str, Any]) -> str:
    names = choice.get("propertyNames", {}).get("enum")
    return ", ".join(f"`{name}`" for name in names) if names else "NAME"


def _choices(value: dict[str, Any], defs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    value = _follow(value, defs)
    inner = value.get("anyOf", []) + value.get("oneOf", [])
    for choice in inner:
        yield from _choices(choice, defs)
    if not inner:
        yield value


def _follow(value: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    return defs[value["$ref"].removeprefix("#/$defs/")] if "$ref" in value else value


def _sizes() -> Iterator[str]:
    yield "## Built-in sizes\n"
    parts = ["api_server", "scheduler", "dag_processor", "triggerer", "worker"]
    yield f"CPU request and memory of {', '.join(f'`{part}`' for part in parts)}; then the limits.\n"
    yield "| size | " + " | ".join(parts) + " | parallelism | connections | quota |\n|" + "---|" * (len(parts) + 4)
    for name, size in DEFAULT_SIZES.items():
        each = [f"{getattr(size, part).cpu} {getattr(size, part).memory}" for part in parts]
        quota = f"{size.quota.cpu} {size.quota.memory}, {size.quota.pods} pods"
        yield f"| `{name}` | {' | '.join(each)} | {size.parallelism} | {size.connections} | {quota} |"
    yield ""


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
