"""Google Cloud's share of the values: pods that are a service account, logs in the bucket, and no way out beyond Google's."""

from __future__ import annotations

from typing import Any

from fleet import inventory
from fleet.desired import gcp, naming
from fleet.model import GOOGLE_ACCOUNT_MAX, Platform
from tests.golden.test_plans import CASES, desired

CASE = next(case for case in CASES if case.name == "google-cloud")
ELSEWHERE = next(case for case in CASES if case.name == "one-team-added")


def _values(part: str) -> dict[str, Any]:
    return dict(desired(CASE / "after.yaml").instances["marketing"].parts[part]["values"])  # type: ignore[index]


def _platform(case: Any) -> Platform:
    return inventory.load(case / "after.yaml").inventory.platform


def test_every_component_is_the_instances_service_account() -> None:
    values = _values("airflow")
    components = [values[name] for name in ("apiServer", "scheduler", "dagProcessor", "triggerer")]
    accounts = [each["serviceAccount"]["annotations"] for each in (*components, values["workers"]["kubernetes"])]
    email = "airflow-marketing@example-fleet.iam.gserviceaccount.com"
    assert accounts == [{"iam.gke.io/gcp-service-account": email}] * 5


def test_logs_go_to_the_instances_folder() -> None:
    logging = _values("airflow")["config"]["logging"]
    assert logging == {
        "remote_logging": "True",
        "remote_base_log_folder": "gs://example-fleet-logs/marketing",
    }


def test_the_service_accounts_of_the_binding_are_those_of_the_chart() -> None:
    variables = gcp.team_variables(_platform(CASE), "marketing")["gcp"]
    assert variables["kubernetes_service_accounts"] == [
        f"airflow-{name}" for name in ("api-server", "dag-processor", "scheduler", "triggerer", "worker")
    ]


def test_pods_reach_google_and_nothing_else() -> None:
    ways = _values("guardrails")["network"]["extraEgress"]
    assert {cidr for way in ways for cidr in way.get("cidrs", ())} == {
        "169.254.169.254/32",
        "169.254.169.252/32",
        "199.36.153.8/30",
    }


def test_elsewhere_nothing_is_added() -> None:
    platform = _platform(ELSEWHERE)
    assert (
        gcp.platform_variables(platform) == gcp.team_variables(platform, "a") == gcp.airflow_values(platform, "a") == {}
    )
    assert gcp.egress(platform) == []


def test_the_longest_name_that_is_taken_fits_a_service_account() -> None:
    longest = "a" * (GOOGLE_ACCOUNT_MAX - len("airflow-"))
    assert len(naming.service_account(longest)) == GOOGLE_ACCOUNT_MAX
