"""Form and types: takes plain data, gives the typed inventory or problems in plain words, never looks at what names mean."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fleet import model
from fleet.inventory.document import Keys
from fleet.inventory.problems import Problem, shorten
from fleet.inventory.schema import known_keys, sources

_NAME = "lower-case letters, digits and dashes, from a letter to a letter or digit"

# What a pattern of the model asks for, in words; the second is an example.
_PATTERNS = {
    model.NAME_PATTERN: (_NAME, "data-science"),
    model.QUANTITY_PATTERN: ("a Kubernetes quantity", "500m` or `1.5Gi"),
    model.AIRFLOW_PATTERN: ("an Airflow 3 version in three parts", "3.3.2"),
    model.CHART_VERSION_PATTERN: ("one version of a chart", "1.22.0"),
    model.LABEL_KEY_PATTERN: ("a Kubernetes label's key", "example.com/cost-centre"),
    model.LABEL_VALUE_PATTERN: ("a Kubernetes label's value (letters, digits, `-_.`, at most 63)", "cc-1234"),
    model.HOST_PATTERN: ("a host name or an address", "10.0.0.3"),
    model.DOMAIN_PATTERN: ("a DNS domain in lower case", "airflow.example.com"),
    model.IMAGE_PATTERN: ("a container image", "registry.example.com/airflow:3.3.2"),
    model.DAG_ID_PATTERN: ("the beginning of a DAG's id (letters, digits, `-_.`)", "payroll_"),
    model.TAG_PATTERN: ("a DAG's tag (without braces, and without blanks around it)", "finance"),
    model.OBJECT_PATTERN: ("the name of a Kubernetes object", "dags-credentials"),
    model.PROJECT_PATTERN: (
        "a Google Cloud project's id (6 to 30 lower-case letters, digits, dashes)",
        "example-fleet",
    ),
    model.BUCKET_PATTERN: ("a bucket's name (lower-case letters, digits, `-_`)", "example-fleet-logs"),
    model.ROLE_PATTERN: ("a PostgreSQL role's name (lower-case letters, digits, underscores)", "fleet_admin"),
    model.EMAIL_PATTERN: ("an e-mail address", "fleet-drift@example-fleet.iam.gserviceaccount.com"),
    model.NETWORK_PATTERN: ("a network's name (lower-case letters, digits, dashes), not its path", "fleet"),
    model.REGION_PATTERN: ("a Google Cloud region", "europe-west3"),
    model.SERVER_PATTERN: (
        "a Cloud SQL instance's name (at most 55 lower-case letters, digits, dashes)",
        "fleet-postgres",
    ),
    model.SERVER_VERSION_PATTERN: ("Cloud SQL's word for a PostgreSQL version", "POSTGRES_17"),
    model.TIER_PATTERN: ("a machine of Cloud SQL's", "db-custom-4-16384"),
    model.TIME_PATTERN: ("a time of day in UTC", "02:00"),
    model.URL_PATTERN: ("an http or https URL", "https://sso.example.com"),
    model.GIT_URL_PATTERN: ("a git repository's address", "https://git.example.com/team/dags.git"),
}
_TYPES = {"string": "text", "int": "a whole number", "bool": "`true` or `false`", "list": "a list"}


def check(data: dict[str, Any]) -> model.Inventory | list[Problem]:
    """The typed inventory, or everything that does not fit the model."""
    try:
        return model.Inventory.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return [_problem(data, detail) for detail in details]


def name_problem(name: str, keys: Keys) -> Problem | None:
    """What is wrong with the spelling of a name, if anything."""
    if re.fullmatch(model.NAME_PATTERN, name) is None:
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
        meant = f"did you mean `{slug}`?" if slug and len(slug) <= model.NAME_MAX else ""
        return Problem(f"`{shorten(name)}` is not a name: {_NAME}", keys, hint=meant or "for example `data-science`")
    if (length := len(name)) > model.NAME_MAX:
        what = f"a name of {length} characters; at most {model.NAME_MAX}"
        reason = "with `guardrails-` before it, it names a Helm release, which may have 53"
        return Problem(what, keys, hint=f"shorten it: {reason}")
    return None


def _problem(data: dict[str, Any], detail: ErrorDetails) -> Problem:
    keys = _keys(data, detail["loc"])
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return Problem("is missing", keys, hint=f"add `{keys[-1]}:`")
    if kind == "extra_forbidden":
        return _unknown(keys)
    if kind in ("literal_error", "union_tag_invalid"):
        return _not_one_of(keys, given, context)
    if kind == "union_tag_not_found":
        return Problem(
            "has no `source`", keys, hint="add " + " or ".join(f"`source: {kind}`" for kind in sources(keys))
        )
    if kind == "string_pattern_mismatch":
        return _mismatch(keys, given, context["pattern"])
    if kind in ("string_too_long", "string_too_short"):
        return _length(keys, given, context)
    if kind == "value_error":
        return Problem(str(context["error"]), keys, hint="see `fleet schema` for the keys and what they mean")
    return _other(keys, detail)


def _keys(data: Any, location: tuple[str | int, ...]) -> Keys:
    """The key path in the file: without pydantic's marks for a mapping's key and for the chosen kind of `dags`."""
    keys: list[str | int] = []
    for part in location:
        chosen_kind = isinstance(data, dict) and part not in data and data.get("source") == part
        if part == "[key]" or chosen_kind:
            continue
        keys.append(part)
        inside = isinstance(data, dict) or (isinstance(data, list) and isinstance(part, int))
        data = (data.get(part) if isinstance(data, dict) else data[part]) if inside else None
    return tuple(keys)


def _unknown(keys: Keys) -> Problem:
    key, known = str(keys[-1]), known_keys(keys[:-1])
    return Problem("is no known key", keys, hint=f"known here: {', '.join(known)}", given=key, among=known)


def _not_one_of(keys: Keys, given: Any, context: dict[str, Any]) -> Problem:
    if "tag" in context:
        keys, given = (*keys, "source"), context["tag"]
    allowed = context.get("expected_tags") or context["expected"]
    words: Collection[str] = re.findall(r"'([^']*)'", allowed) or [allowed]
    hint = "one of " + ", ".join(words) if len(words) > 1 else f"write `{allowed}`"
    return Problem(f"`{_shown(given)}` is not possible", keys, hint=hint, given=str(given), among=words)


def _mismatch(keys: Keys, given: str, pattern: str) -> Problem:
    if pattern == model.NAME_PATTERN and (problem := name_problem(given, keys)):
        return problem
    if pattern not in _PATTERNS:
        return Problem(f"`{_shown(given)}` does not fit `{pattern}`", keys, hint="see `fleet schema`")
    words, example = _PATTERNS[pattern]
    return Problem(f"`{_shown(given)}` is not {words}", keys, hint=f"for example `{example}`")


def _length(keys: Keys, given: str, context: dict[str, Any]) -> Problem:
    if keys[-1] == "" and (problem := name_problem("", keys)):
        return problem
    if not given:
        return Problem("is empty", keys, hint="write something, or remove the key")
    limit = context["max_length"]
    if limit == model.NAME_MAX and (problem := name_problem(given, keys)):
        return problem
    return Problem(f"is longer than {limit} characters", keys, hint="shorten it")


def _other(keys: Keys, detail: ErrorDetails) -> Problem:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        hint = "write `{}` for none" if given is None else "indent its keys below it"
        return Problem(f"{_what_is(given)}, not a mapping of keys", keys, hint=hint)
    if (wanted := _TYPES.get(kind.removesuffix("_type"))) and kind.endswith("_type"):
        return Problem(f"{_what_is(given)}, not {wanted}", keys, hint=_type_hint(keys, wanted, given))
    bounds = {"greater_than_equal": ("less", "ge"), "less_than_equal": ("more", "le")}
    if kind in bounds:
        word, limit = bounds[kind]
        return Problem(f"`{_shown(given)}` is {word} than {context[limit]}", keys, hint=f"write {context[limit]}")
    return Problem(detail["msg"], keys, hint="see `fleet schema`")


def _type_hint(keys: Keys, wanted: str, given: Any) -> str:
    if wanted == "a list":
        return f"write `[{_shown(given)}]`" if isinstance(given, str | int) else "write `[]` for none"
    if wanted != "text":
        return "without quotes" if isinstance(given, str) else "see `fleet schema`"
    if keys[-1] == "airflow":
        return 'an Airflow version has three parts, such as "3.3.2"'
    return f'write "{_shown(given)}" for text' if isinstance(given, bool | int | float) else "write it after the colon"


def _what_is(value: Any) -> str:
    if value is None:
        return "is empty"
    if isinstance(value, dict | list):
        return "is a mapping" if isinstance(value, dict) else "is a list"
    return f"is `{_shown(value)}`"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else shorten(str(value))
