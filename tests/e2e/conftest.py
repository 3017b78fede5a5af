"""What end-to-end tests begin with: the demo's two teams on the real node, made once by the README's own command; two teams in
each URL scheme, with people; and a browser."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium
from tests.support.http import ask
from tests.support.inventories import calm, without_portal
from tests.support.sandbox import FLEET, Sandbox
from tests.support.waiting import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
TEAMS = ("marketing", "finance")  # the demo's


@dataclass(frozen=True)
class Demo:
    """What `make demo` left: its output, the inventory it worked on, and a way to run `fleet` on it."""

    output: str
    inventory: Path
    sandbox: Sandbox

    def fleet(self, *arguments: str, check: bool = True, path: str = "") -> subprocess.CompletedProcess[str]:
        """Run `fleet` on the demo's inventory, with ``path`` before PATH."""
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        if path:
            environment["PATH"] = f"{path}:{environment['PATH']}"
        return subprocess.run([FLEET, *arguments], env=environment, check=check, capture_output=True, text=True)

    def remove(self, team: str) -> None:
        self.fleet("remove-team", team, "--yes", "--confirm", team, "--no-backup")


@pytest.fixture(scope="session")
def demo(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`make demo`, in this checkout, on a sandbox without any team; it is without any again when its tests are over."""
    inventory = CHECKOUT / ".demo" / "tenants.yaml"
    empty = tmp_path_factory.mktemp("empty") / "tenants.yaml"
    empty.write_text((CHECKOUT / "tenants.yaml").read_text())
    environment = {**sandbox.environment, "FLEET_INVENTORY": str(empty)}
    status = subprocess.run([FLEET, "status", "--output", "json"], env=environment, capture_output=True, text=True)
    for row in json.loads(status.stdout):  # left by an earlier run
        name = row["instance"]
        subprocess.run([FLEET, "remove-team", name, "--yes", "--confirm", name], env=environment, check=True)
    inventory.unlink(missing_ok=True)
    made = subprocess.run(
        ["make", "demo"],
        cwd=CHECKOUT,
        env={**os.environ, "MAKEFLAGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert made.returncode == 0, made.stdout
    demo = Demo(made.stdout, inventory, sandbox)
    yield demo
    # An idle Airflow takes from those of the next tests.
    with ThreadPoolExecutor() as side_by_side:
        list(side_by_side.map(demo.remove, TEAMS))


# Of a module and no longer: as long as Playwright runs, this thread has an event loop, in which nothing else can be run.
@pytest.fixture(scope="module")
def browser(sandbox: Sandbox) -> Iterator[Browser]:
    with chromium(sandbox) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser without any cookie."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


URLS = {"host": "https://{}.fleet.localhost", "path": "https://fleet.localhost/{}"}
# Who is what, at the instance and at its neighbour.
PEOPLE = {
    "alice": ("admin", ""),
    "bob": ("", "admin"),
    "carol": ("viewer", ""),
    "dave": ("user", ""),
    "erin": ("viewer", "admin"),
}


@dataclass(frozen=True)
class Fronted:
    """Two instances in one URL scheme, and people in the realm with a role at the one, at the other or at both."""

    sandbox: Sandbox
    inventory: Path
    scheme: str
    _passwords: dict[str, str] = field(default_factory=lambda: {name: secrets.token_urlsafe(16) for name in PEOPLE})

    @property
    def name(self) -> str:
        return f"front-{self.scheme}"

    @property
    def neighbour(self) -> str:
        return f"next-{self.scheme}"

    @property
    def url(self) -> str:
        return URLS[self.scheme].format(self.name)

    @property
    def neighbours_url(self) -> str:
        return URLS[self.scheme].format(self.neighbour)

    @property
    def platform(self) -> str:
        """Paths are those of the portal's host; hosts of their own need no portal, and may stand beside other teams."""
        return without_portal() if self.scheme == "host" else (CHECKOUT / "tenants.yaml").read_text()

    def person(self, name: str) -> tuple[str, str]:
        """One of PEOPLE: user name and password."""
        return f"{self.scheme}-{name}", self._passwords[name]

    def fleet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        done = subprocess.run([FLEET, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done

    def make(self) -> None:
        """Both instances, side by side, with the demo's DAGs; then the people."""
        image = f"fleet.local/{self.name}:1"
        dags = CHECKOUT / "images" / "airflow" / "demo" / "dags"
        subprocess.run([FLEET, "sandbox", "image", image, "--dags", str(dags)], check=True, capture_output=True)
        data = yaml.safe_load(self.platform)
        data["platform"]["urls"] = self.scheme
        data["teams"] = {
            name: {
                "owner": "x@example.com", "executor": "LocalExecutor", "image": image, "dags": {"source": "baked"},
                "values": calm(),
            }
            for name in (self.name, self.neighbour)
        }  # fmt: skip
        self.inventory.write_text(yaml.safe_dump(data, sort_keys=False))
        self.apply()
        for name, roles in PEOPLE.items():
            groups = [f"/{at}/{role}" for at, role in zip((self.name, self.neighbour), roles, strict=True) if role]
            self.sandbox.keycloak.add_user("fleet", *self.person(name), *groups)
        for name in (self.name, self.neighbour):
            # An Airflow is healthy before it has read its DAGs.
            eventually(lambda name=name: self._knows_the_dag(name))

    def apply(self) -> None:
        """What the inventory says, until the front leads there and goes on to.

        It follows a change of routes a moment after they are made, and may hear of an old one's end before a new one.
        """
        self.fleet("apply", "--yes")
        for url in (self.url, self.neighbours_url):
            eventually(lambda url=url: all(self._answers(url) for _ in range(8)))

    @staticmethod
    def _answers(url: str) -> bool:
        time.sleep(0.5)
        return ask(f"{url}/api/v2/monitor/health").status == 200

    def _knows_the_dag(self, name: str) -> bool:
        with self.sandbox.team(name) as connection:
            return connection.execute("select 1 from dag where dag_id = 'fleet_hello'").fetchall() != []

    def remove(self) -> None:
        for name in PEOPLE:
            self.sandbox.keycloak.remove_user("fleet", self.person(name)[0])
        with ThreadPoolExecutor() as side_by_side:
            list(side_by_side.map(self._remove, (self.name, self.neighbour)))

    def _remove(self, name: str) -> None:
        self.fleet("remove-team", name, "--yes", "--confirm", name, "--no-backup")


@pytest.fixture(scope="module", params=[pytest.param("host", marks=pytest.mark.teams), "path"])
def fronted(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fronted]:
    fronted = Fronted(sandbox, tmp_path_factory.mktemp(request.param) / "tenants.yaml", request.param)
    try:
        fronted.make()
        yield fronted
    finally:
        fronted.remove()
