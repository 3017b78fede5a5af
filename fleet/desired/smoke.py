"""The DAG of fleet's own in every Airflow: takes an instance's values, gives them with that DAG in them, never runs it.

The guardrails bring the file (`charts/guardrails/files`), the pods mount it as a DAG bundle beside the team's (ADR 0085).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DAG = "fleet_smoke"
# The pool of its task: an upgrade takes the slots of all others away.
POOL = "fleet_smoke"
SLOTS = 16
PURPOSE = f"For the DAG {DAG}"
_NAME = "fleet-smoke"  # of the ConfigMap, the volume and the bundle
_FOLDER = f"/opt/airflow/{_NAME}"
_LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"
_BUNDLE = {"name": _NAME, "classpath": _LOCAL, "kwargs": {"path": _FOLDER}}
# Both charts' default, which a list of ours replaces.
_TEAMS_BUNDLE = {"name": "dags-folder", "classpath": _LOCAL, "kwargs": {}}
_VOLUME = {"name": _NAME, "configMap": {"name": _NAME}}
# The one file, since Airflow would read a mounted folder's twice: through the ConfigMap's symbolic links.
_MOUNT = {"name": _NAME, "mountPath": f"{_FOLDER}/{DAG}.py", "subPath": f"{DAG}.py", "readOnly": True}


def with_dag(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values with the DAG. To be called last: lists of a team's own overrides take the place of any before them."""
    made = {**values, "volumes": _and(values.get("volumes"), _VOLUME)}
    made["volumeMounts"] = _and(values.get("volumeMounts"), _MOUNT)
    processor = values.get("dagProcessor", {})
    if isinstance(processor, Mapping):
        bundles = _and(processor.get("dagBundleConfigList", [_TEAMS_BUNDLE]), _BUNDLE)
        made["dagProcessor"] = {**processor, "dagBundleConfigList": bundles}
    return made


def is_in(values: Mapping[str, Any]) -> bool:
    """Whether an Airflow with these values has the DAG."""
    return _VOLUME in values.get("volumes", [])


def _and(found: Any, ours: Mapping[str, Any]) -> Any:
    """A list with one thing more; what is none is left for the chart's schema to refuse."""
    return [*(found or []), ours] if found is None or isinstance(found, list) else found
