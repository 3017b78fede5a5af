"""A real Prometheus as a process of the test's: takes an address to scrape and rules, gives what it answers to queries."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet.paths import cache_dir


@dataclass(frozen=True)
class Prometheus:
    """The running server."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant query's samples: their labels, and their value as a number."""
        asked = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{asked}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
        return [{**each["metric"], "value": float(each["value"][1])} for each in found]

    def eventually(self, expression: str, holds: Callable[[list[dict[str, Any]]], bool], seconds: float = 120) -> Any:
        """The samples, once they are as they should be."""
        deadline = time.monotonic() + seconds
        while not holds(found := self.query(expression)):
            assert time.monotonic() < deadline, f"{expression}: {found}"
            time.sleep(0.5)
        return found


@contextmanager
def prometheus(target: str, groups: list[dict[str, Any]]) -> Iterator[Prometheus]:
    """One that scrapes ``target`` (host:port) every five seconds and evaluates ``groups``, while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="fleet-prometheus-") as folder:
        home, port = Path(folder), _free_port()
        (home / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
        (home / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "5s", "scrape_timeout": "5s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "fleet", "static_configs": [{"targets": [target]}]}],
        }))  # fmt: skip
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [_program(), f"--config.file={home / 'prometheus.yml'}", f"--storage.tsdb.path={home / 'data'}",
                 f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log,
            )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}/-/ready", home / "log")
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(20)


def _program() -> str:
    """On PATH, or Debian's, unpacked into the cache: nothing is installed."""
    if found := shutil.which("prometheus"):
        return found
    unpacked = cache_dir() / "debian" / "prometheus"
    program = unpacked / "usr" / "bin" / "prometheus"
    if not program.is_file():
        with tempfile.TemporaryDirectory(prefix="fleet-prometheus-") as folder:
            subprocess.run(["apt-get", "download", "prometheus"], cwd=folder, check=True, capture_output=True)
            (package,) = Path(folder).glob("*.deb")
            unpacked.mkdir(parents=True, exist_ok=True)
            subprocess.run(["dpkg-deb", "--extract", str(package), str(unpacked)], check=True, capture_output=True)
    return str(program)


def _wait(url: str, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
