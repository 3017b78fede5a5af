"""Checks `values` overrides: takes an inventory and what is desired of it, gives errors with file:line, never mends one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet import paths
from fleet.desired import Desired, DesiredInstance
from fleet.errors import ExitCode, FleetError, FleetErrors
from fleet.inventory import Document

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError


def check(document: Document, desired: Desired) -> None:
    """Hold every overridden set of values against the Airflow chart's schema, before Helm sees it.

    A chart from a repository is not here yet: there Helm holds them against the schema, when they are applied.

    Raises:
        FleetErrors: all that does not fit.
    """
    errors = []
    for kind, entries in (("teams", document.inventory.teams), ("instances", document.inventory.instances)):
        for name, entry in entries.items():
            schema = _schema(desired.instances[name])
            if entry.values and schema and schema.exists():
                found = _violations(dict(desired.instances[name].parts["airflow"]["values"]), schema)
                errors += [_error(document, (kind, name, "values"), violation) for violation in found]
    if errors:
        raise FleetErrors(errors, exit_code=ExitCode.REFUSED)


def _schema(instance: DesiredInstance) -> Path | None:
    """Where the schema of the instance's chart would be."""
    shipped = isinstance(instance.parts["airflow"]["chart"], str)
    folder = paths.asset("charts") / "airflow" if shipped else instance.chart_folder
    return folder and folder / "values.schema.json"


def _violations(values: dict[str, Any], schema: Path) -> list[ValidationError]:
    from jsonschema import Draft7Validator

    return sorted(
        Draft7Validator(json.loads(schema.read_text())).iter_errors(values), key=lambda error: error.json_path
    )


def _error(document: Document, keys: tuple[str, ...], violation: ValidationError) -> FleetError:
    path = [part for part in violation.absolute_path if isinstance(part, str)]
    return FleetError(
        f"{'.'.join([*keys, *path])}: {violation.message}",
        where=document.where(*keys, *path),
        hint="the keys are the official Airflow chart's (1.22.0), those that charts/airflow/values.yaml lists",
        exit_code=ExitCode.REFUSED,
    )
