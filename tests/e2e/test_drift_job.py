"""The look at drift on a schedule, from its image on the real node: the CronJob fires and finds what was just changed,
Prometheus scrapes it, a webhook is told, Keycloak's absence is an error, two pods share the teams."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.desired import naming
from tests.support.prometheus import prometheus
from tests.support.rendering import render
from tests.support.sandbox import FLEET, Sandbox
from tests.support.waiting import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.apart("role of the look")

SYSTEM, TEAM, HOOK = naming.SYSTEM_NAMESPACE, "watched", "drift-hook"
NOBODY = "http://10.244.0.1:9"  # the port `discard`, at which nobody listens


@dataclass
class Watched:
    """A suspended team, the job that looks at it, and what the webhook was told."""

    sandbox: Sandbox
    inventory: Path
    told: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def write(self, **drift: Any) -> None:
        data = yaml.safe_load((CHECKOUT / "tenants.yaml").read_text())
        hook = {"secret": HOOK, "format": "generic", "port": self.port}
        data["platform"]["drift"] = {"enabled": True, "schedule": "* * * * *", "webhook": hook, **drift}
        data["teams"] = {TEAM: {"owner": "x@example.com", "suspended": True}}
        self.inventory.write_text(yaml.safe_dump(data, sort_keys=False))

    def fleet(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        done = subprocess.run([FLEET, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return self.sandbox.kubectl("--namespace", SYSTEM, *arguments, check=check)

    def report(self, name: str = "drift-report") -> dict[str, Any]:
        """What was published last; empty where nothing was."""
        data = json.loads(self.kubectl("get", "configmap", name, "--output", "json")).get("data") or {}
        found: dict[str, Any] = json.loads(data.get("report.json", "{}"))
        return found

    def news(self) -> list[dict[str, Any]]:
        """What was told of the team's role; to this fleet other tests' databases are orphans that come and go."""
        return [each for each in self.told if _about_the_role(each["new"])]

    def look_now(self, name: str) -> dict[str, Any]:
        """One more Job, run to its end; gives its status."""
        self.kubectl("create", "job", "--from", f"cronjob/{naming.DRIFT}", name)
        return self.ended(name)

    def ended(self, name: str) -> dict[str, Any]:
        def status() -> dict[str, Any]:
            found: dict[str, Any] = json.loads(self.kubectl("get", "job", name, "--output", "json"))["status"]
            return found

        eventually(lambda: any(each["type"] in ("Complete", "Failed") for each in status().get("conditions", [])))
        return status()

    def at_rest(self) -> bool:
        """Whether nobody looks at the moment."""
        jobs = json.loads(self.kubectl("get", "jobs", "--output", "json"))["items"]
        return not any(each.get("status", {}).get("active") for each in jobs)

    def log(self, job: str) -> str:
        return self.kubectl("logs", "--selector", f"job-name={job}", "--tail", "-1", check=False)


def now() -> str:
    """As reports have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def _receiving(watched: Watched) -> Iterator[None]:
    """A server at the bridge's address, where pods reach it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            watched.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer((watched.sandbox.environment["PGHOST"], 0), Handler) as server:
        watched.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def watched(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    found = Watched(sandbox, tmp_path_factory.mktemp("watched") / "tenants.yaml")
    with _receiving(found):
        try:
            found.write()
            found.kubectl("delete", "secret", HOOK, "--ignore-not-found")
            url = f"http://{sandbox.environment['PGHOST']}:{found.port}/hooks/t0k3n"
            found.kubectl("create", "secret", "generic", HOOK, f"--from-literal=url={url}")
            found.fleet("apply", "--yes")
            yield found
        finally:
            found.write(enabled=False)
            found.fleet("platform", "install", "--yes", check=False)
            found.fleet("remove-team", TEAM, "--no-backup", "--yes", "--confirm", TEAM, check=False)
            found.kubectl("delete", "secret", HOOK, "--ignore-not-found")


def _about_the_role(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["team"] == TEAM and row["layer"] == "database" and "connection" in row["field"]]


def test_it_finds_by_itself_what_was_just_changed_and_tells_everybody(watched: Watched) -> None:
    with watched.sandbox.admin() as admin:
        admin.execute(f"alter role {TEAM} connection limit 7")
    changed = now()
    # The look that is under way, if one is, may have seen the role before.
    eventually(lambda: watched.report().get("at", "") > changed)
    report = watched.report()
    assert report["errors"] == [], report["errors"]
    (found,) = _about_the_role(report["findings"])
    assert (found["found"], found["severity"] in ("warning", "critical")) == ("7", True)

    (news,) = eventually(watched.news)
    assert _about_the_role(news["new"]) == [found]
    events = json.loads(watched.kubectl("get", "events", "--output", "json"))["items"]
    assert any(each["reason"] == "DriftFound" and TEAM in each["message"] for each in events)
    # Of the pod's log and of the report: the address that it told is a secret.
    jobs = json.loads(watched.kubectl("get", "jobs", "--output", "json"))["items"]
    logs = "".join(watched.log(each["metadata"]["name"]) for each in jobs)
    assert "t0k3n" not in logs + json.dumps(report)


def test_prometheus_scrapes_it_and_its_alerts_ring(watched: Watched) -> None:
    values = {"portal": {"enabled": False}, "drift": {"enabled": True, "image": "x", "rule": {"enabled": True}}}
    (rule,) = [each for each in render("platform", values) if each["kind"] == "PrometheusRule"]
    address = watched.kubectl("get", "service", naming.DRIFT_METRICS, "--output", "jsonpath={.spec.clusterIP}")
    with prometheus(f"{address}:8080", rule["spec"]["groups"]) as server:
        found = server.eventually(f'fleet_drift_findings{{team="{TEAM}",layer="database"}}', bool)
        assert found[0]["value"] >= 1
        assert server.query("time() - fleet_drift_last_success_timestamp")[0]["value"] < 300
        server.eventually(f'ALERTS{{team="{TEAM}",layer="database",alertstate="firing"}}', bool)
        assert server.query('ALERTS{alertname=~"FleetDriftLate|FleetDriftErrors"}') == []
    text = watched.fleet("status", "--output", "prometheus").stdout
    assert "fleet_drift_last_success_timestamp" in text


def test_it_tells_nothing_twice_and_what_is_put_right_once(watched: Watched) -> None:
    eventually(watched.news)
    before = len(watched.told)
    assert watched.look_now("look-again")["succeeded"] == 1
    assert len(watched.news()) == 1
    watched.fleet("drift", "--heal", "--yes", "--team", TEAM, check=False)
    assert watched.look_now("look-healed")["succeeded"] == 1
    gone = [row for news in watched.told[before:] for row in news["gone"]]
    assert _about_the_role(gone) and not _about_the_role(watched.report()["findings"])


def test_it_says_how_it_is(watched: Watched) -> None:
    rows = {row["what"]: row for row in json.loads(watched.fleet("platform", "status", "--output", "json").stdout)}
    assert rows["look at drift"]["state"] == "fine" and rows["next look"]["detail"].startswith("in ")


def test_a_keycloak_that_is_away_is_an_error_and_never_no_drift(watched: Watched) -> None:
    watched.kubectl("patch", "cronjob", naming.DRIFT, "--patch", '{"spec": {"suspend": true}}')
    eventually(watched.at_rest)
    inventory = json.loads(watched.kubectl("get", "configmap", naming.DRIFT_INVENTORY, "--output", "json"))["data"]
    away = json.loads(inventory["tenants.yaml"])
    away["platform"]["sso"]["url"] = NOBODY
    change = {"data": {"tenants.yaml": json.dumps(away)}}
    watched.kubectl("patch", "configmap", naming.DRIFT_INVENTORY, "--patch", json.dumps(change))
    success, before = watched.report().get("success"), len(watched.told)
    assert watched.look_now("look-blind")["failed"] == 1
    pods = json.loads(watched.kubectl("get", "pods", "--selector", "job-name=look-blind", "--output", "json"))["items"]
    assert pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
    report = watched.report()
    assert "sso" in {row["layer"] for row in report["errors"]} and report["success"] == success
    assert "sso" in {row["layer"] for news in watched.told[before:] for row in news["errors"]}
    status = watched.fleet("status", check=False)
    assert status.returncode == 1 and "could not look at sso" in status.stderr
    watched.kubectl("patch", "configmap", naming.DRIFT_INVENTORY, "--patch", json.dumps({"data": inventory}))


def test_two_pods_share_the_teams_and_their_reports_join(watched: Watched) -> None:
    watched.write(shards=2, schedule="0 0 1 1 *")
    watched.fleet("platform", "install", "--yes")
    assert watched.look_now("look-shared")["succeeded"] == 2
    parts = [watched.report(naming.drift_report(number)) for number in range(2)]
    assert sorted(team for part in parts for team in part["teams"]) == [TEAM]
    assert all(part["errors"] == [] for part in parts)
    address = watched.kubectl("get", "service", naming.DRIFT_METRICS, "--output", "jsonpath={.spec.clusterIP}")
    with urllib.request.urlopen(f"http://{address}:8080/metrics", timeout=20) as answer:
        text = answer.read().decode()
    assert 'fleet_drift_errors{layer="sso"} 0.0' in text and "fleet_drift_last_success_timestamp 0.0" not in text
    rows = {row["what"]: row for row in json.loads(watched.fleet("platform", "status", "--output", "json").stdout)}
    assert rows["look at drift"]["state"] == "fine"
