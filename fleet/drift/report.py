"""A drift report told: takes a report, gives text, Markdown, JSON or Prometheus' words, never looks at the world."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fleet.drift.finding import Finding
from fleet.drift.look import Report
from fleet.metrics import Metric
from fleet.report import Row, count

_COLUMNS = ("team", "layer", "severity", "address", "field", "expected", "found", "who", "when", "heals")
FINDINGS = Metric("fleet_drift_findings", ("team", "layer", "severity"), "Number of findings that no rule hides.")
ERRORS = Metric("fleet_drift_errors", ("layer",), "Number of things in a layer that could not be looked at.")
DURATION = Metric("fleet_drift_duration_seconds", ("layer",), "Seconds that the last look at a layer took.")
RUN = Metric("fleet_drift_last_run_timestamp", (), "When the last look began, in seconds since 1970.")
SUCCESS = Metric(
    "fleet_drift_last_success_timestamp",
    (),
    "When the last look began that could read every layer, in seconds since 1970.",
)
METRICS = (FINDINGS, ERRORS, DURATION, RUN, SUCCESS)


def rows(report: Report) -> list[Row]:
    """One row per finding that stands."""
    return [row(finding) for finding in report.findings]


def row(finding: Finding) -> dict[str, str | bool]:
    """A finding as plain data."""
    return {
        "team": finding.team, "layer": finding.layer, "kind": finding.kind.name, "severity": finding.severity,
        "address": finding.address, "field": finding.field, "expected": finding.expected, "found": finding.found,
        "who": finding.who, "when": finding.when, "heals": finding.mend is not None, "remedy": finding.advice,
    }  # fmt: skip


def data(report: Report) -> dict[str, Any]:
    """The whole report as plain data: what `--output json` prints and the job keeps."""
    return {
        "at": report.at,
        "teams": list(report.teams),
        "seconds": {layer: round(seconds, 2) for layer, seconds in report.seconds.items()},
        "findings": [row(finding) for finding in report.findings],
        "ignored": [
            {**row(each.finding), "reason": each.rule.reason, "owner": each.rule.owner, "until": each.rule.until}
            for each in report.ignored
        ],
        "errors": [
            {"layer": each.layer, "team": each.team, "what": each.what, "hint": each.hint} for each in report.unseen
        ],
    }


def text(report: Report) -> str:
    """The report for a reader: by team, what is wrong, and what to do about it."""
    lines, team = list[str](), ""
    for finding in report.findings:
        if finding.team != team:
            team = finding.team
            lines.append(team)
        lines += _lines(finding)
    for error in report.unseen:
        lines.append(f"could not look: {error.layer}{f' of {error.team}' if error.team else ''}: {error.what}")
        lines += [f"  {error.hint}"] if error.hint else []
    return "\n".join([*lines, summary(report)])


def _lines(finding: Finding) -> list[str]:
    change = f"{finding.expected or 'not there'} → {finding.found or 'gone'}"
    by = f"  ({' '.join(filter(None, (finding.who, finding.when)))})" if finding.who or finding.when else ""
    return [
        f"  {_SIGNS[finding.severity]} {finding.layer:<9} {finding.place}",
        f"      {finding.kind.meaning}: {change}{by}",
        f"      → {finding.advice}",
    ]


_SIGNS = {"critical": "✗", "warning": "!", "info": "·"}


def summary(report: Report) -> str:
    """The report in a line."""
    by = Counter(finding.severity for finding in report.findings)
    found = ", ".join(f"{by[each]} {each}" for each in ("critical", "warning", "info") if by[each])
    parts = [f"{count(len(report.findings), 'finding')}{f' ({found})' if found else ''}"]
    parts += [f"{len(report.ignored)} ignored"] if report.ignored else []
    parts += [count(len(report.unseen), "error")] if report.unseen else []
    return f"{', '.join(parts)}; {count(len(report.teams), 'team')}, {', '.join(report.seconds)}"


def markdown(report: Report) -> str:
    """The report for a ticket or a chat."""
    from fleet.report import render

    lines = [f"# Drift, {report.at}", "", summary(report)]
    if report.findings:
        lines += ["", render(rows(report), _COLUMNS, "markdown")]
    if report.unseen:
        lines += ["", "## Could not look", ""]
        lines += [f"- {each.layer}{f' of {each.team}' if each.team else ''}: {each.what}" for each in report.unseen]
    if report.ignored:
        lines += ["", "## Ignored", ""]
        lines += [
            f"- {each.finding.team} {each.finding.address} {each.finding.field}: "
            f"{each.rule.reason} ({each.rule.owner}, until {each.rule.until})"
            for each in report.ignored
        ]
    return "\n".join(lines)


def json_text(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(data(report), indent=2, ensure_ascii=False)


def prometheus(report: Report) -> str:
    """The report in Prometheus' text format, ending with a line break; see :func:`metrics`."""
    return metrics(data(report))


def metrics(report: Mapping[str, Any]) -> str:
    """A report's data in Prometheus' text format, ending with a line break.

    Args:
        report: as :func:`data` gives it; with `success` where somebody remembers the last look that could read everything.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    gauges = {metric: Gauge(metric.name, metric.meaning, metric.labels, registry=registry) for metric in METRICS}
    counted = Counter((each["team"], each["layer"], each["severity"]) for each in report["findings"])
    for labels, number in counted.items():
        gauges[FINDINGS].labels(*labels).set(number)
    errors = Counter(each["layer"] for each in report["errors"])
    for layer, seconds in report["seconds"].items():
        gauges[DURATION].labels(layer).set(seconds)
    for layer in {**report["seconds"], **errors}:  # what could not even begin took no time
        gauges[ERRORS].labels(layer).set(errors[layer])
    gauges[RUN].set(_seconds(report["at"]))
    if success := report.get("success") or (None if report["errors"] else report["at"]):
        gauges[SUCCESS].set(_seconds(success))
    return generate_latest(registry).decode()


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
