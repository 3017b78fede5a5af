"""Every other page with commands, read by a machine as the tutorial is: its commands in its order, in one shell each.

A page's example names hosts and files that this machine does not have. The tables below say what is put in their place, each
with its reason; a test fails when an entry fits no command any more. What a page takes for granted, a file or a team, is really
made.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.support import chart_repository, cloudsql, docs, terraform
from tests.support.docs import Step
from tests.support.inventories import without_portal
from tests.support.sandbox import FLEET, Sandbox

pytestmark = [pytest.mark.apart("open databases", "role of the look"), pytest.mark.long]

CHECKOUT = Path(__file__).resolve().parents[2]
OWNED = ("--owner", "research@example.com")
TEAMS = ("research", "pricing")  # those that the pages add

# In the order that costs least: one page leaves what the next one begins with. Each can be run alone as well.
# Those about teams need no portal, so that other tests' teams may be beside theirs. Those about a team that sleeps show what no
# Airflow has to run for; tests/e2e does the same to one that runs.
ABOUT_A_TEAM_ASLEEP = (
    "docs/how-to/override-values.md",
    "docs/how-to/back-up-and-restore.md",
    "docs/how-to/change-keys.md",
    "docs/how-to/official-chart.md",
)
ABOUT_TEAMS = (
    *ABOUT_A_TEAM_ASLEEP,
    "docs/how-to/remove-a-team.md",
    "docs/how-to/when-it-went-wrong.md",
    "docs/how-to/upgrade-your-fleet.md",
    "docs/how-to/prove-the-walls.md",
    "docs/how-to/suspend-a-team.md",
    "docs/how-to/find-drift.md",
    "docs/how-to/connect-your-identity-provider.md",
    "docs/how-to/gitops.md",
    "docs/how-to/bring-dags.md",
    "README.md",
)
ABOUT_THE_PLATFORM = (
    "docs/how-to/your-own-cluster.md",
    "docs/how-to/portal.md",
    "docs/how-to/schedule-drift.md",
    "terraform/examples/gcp/README.md",
)
PAGES = (*ABOUT_TEAMS, *ABOUT_THE_PLATFORM)
# What another test runs, for it needs more of a beginning.
ELSEWHERE = ("docs/how-to/adopt.md",)  # tests/e2e/test_adopt.py
ABOUT_A_TEAM = re.compile(
    r"/(override-values|when-it-went-wrong|change-keys|back-up-and-restore|upgrade-your-fleet|prove-the-walls|suspend-a-team"
    r"|find-drift|official-chart|connect-your-identity-provider)\.md$"
)
# What such a page does is refused, or is something else, while there is anything to apply.
APPLIED = re.compile(r"/(upgrade-your-fleet|change-keys|find-drift)\.md$")

# What cannot run here, and why.
LEFT_OUT = {
    r"^docker (build|push) ": "no Docker daemon runs here; tests/integration builds the images by another builder",
    r"^gcloud ": "nobody has an account at Google here",
    r"^make demo$": "the fixture `demo` runs it",
    r"^make test$": "it is what runs this",
    r"^kcadm.sh ": "it wants a sign-in by password; tests/integration/test_sign_on.py sends such files by the same API",
}
# What a page says, what is said in its place, and why.
INSTEAD = {
    "https://git.example.com": ("git://10.244.0.1:9418", "the sandbox's git server"),
    "registry.example.com/airflow-research:7": ("fleet.local/research:7", "the image that the same page built"),
    "registry.example.com/airflow ": ("fleet.local/airflow ", "the sandbox's image: there is no registry"),
    "registry.example.com/git-sync:v4.4.2": ("fleet.local/git-sync:v4-standin", "the sandbox's git-sync"),
    "context: production": ("context: fleet-sandbox", "the sandbox's cluster"),
    "host: 10.0.0.3": ("host: 10.244.0.1\n    sslmode: disable", "the sandbox's PostgreSQL, which has no certificate"),
    "https://sso.example.com": ("https://sso.fleet.localhost", "the sandbox's Keycloak"),
    "urls: host": ("urls: host\n  private_ca: true", "the sandbox's authority signed Keycloak's certificate"),
    "--from-env-file=platform.env": (
        "--from-file=platform",
        "a folder with the same keys and the sandbox's authority, which a file of variables cannot hold",
    ),
    # Whatever is run beside these pages reads it.
    "kubectl create secret generic fleet-platform": (
        'replaced() {{ "$@" --dry-run=client --output yaml | kubectl replace --filename -; }}; '
        "replaced kubectl create secret generic fleet-platform",
        "the sandbox has made one, which is never away",
    ),
    # The chart in its place has no pods, so the team has to have none.
    "repository: https://airflow.apache.org": (
        "repository: {charts}\n    suspended: true",
        "a chart repository of the test's, with a tiny chart: the official one is not on this machine",
    ),
    "$(terraform ": ("echo $(terraform ", "nobody has an account at Google here: the command is made and not run"),
}
# What is right although it fails: the words with which it has to.
REFUSED = {
    "kubectl create namespace fleet-system": "AlreadyExists",  # the sandbox has it, with all teams' records
    # Its team begins with the version that the page upgrades to; tests/e2e/test_upgrade.py goes the way, and back.
    "fleet rollback research": "there is no upgrade to go back from",
}
# What has to be done before a command, once the page has begun.
BEFORE = {
    # The page shows several ways to remove a team, one after the other. Suspended, it is there again in seconds.
    r"^fleet remove-team research": (
        "grep -q '^  research:' tenants.yaml || fleet add-team research --from suspended.yaml --yes"
    ),
    # The page shows the keys; they are put into the file, and taken out again before it is switched off.
    r"^fleet platform install": (
        "if grep -q '^  drift:' tenants.yaml; then sed -i '/^  drift:/d' tenants.yaml; "
        "else sed -i 's/^platform:.*/&\\n  drift: {enabled: true}/' tenants.yaml; fi"
    ),
    # People come from the company's provider, which is not here.
    r"^fleet access --user alice": "fleet sandbox user alice --group /research/viewer > password",
}


@dataclass(frozen=True)
class Desk:
    """The folder in which a reader works, and what the pages' examples take for granted."""

    folder: Path
    charts: str
    sandbox: Sandbox

    @property
    def environment(self) -> dict[str, str]:
        """The reader's shell."""
        inherited = {key: value for key, value in self.sandbox.environment.items() if key != "FLEET_INVENTORY"}
        return {
            **inherited,
            "PATH": f"{Path(FLEET).parent}:{inherited['PATH']}",
            "FLEET_GOOGLE_RECORD": str(self.folder / "google.json"),
            "TF_CLI_ARGS": "-no-color",
        }

    def fleet(self, *arguments: str, check: bool = True) -> None:
        done = subprocess.run(
            [FLEET, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0 or not check, done.stderr

    def begin(self, page: str) -> None:
        """The checkout's inventory, and in the world the team that the page speaks of."""
        inventory = without_portal() if page in ABOUT_TEAMS else (CHECKOUT / "tenants.yaml").read_text()
        (self.folder / "tenants.yaml").write_text(inventory)
        if ABOUT_A_TEAM.search(page):
            entry = ("--from", "suspended.yaml") if page in ABOUT_A_TEAM_ASLEEP else OWNED
            self.fleet("add-team", "research", *entry, "--no-apply")
            if APPLIED.search(page) or "airflow-research" not in self.sandbox.kubectl("get", "namespaces"):
                self.fleet("apply", "research", "--yes")

    def put_in(self, command: str) -> str:
        """The command with what this machine has in the place of the example's."""
        for example, (ours, _) in INSTEAD.items():
            command = command.replace(example, ours.format(charts=self.charts))
        return command


def _commands(page: str) -> list[Step]:
    return docs.steps(CHECKOUT / page)


def _with_preparations(page: str) -> Iterator[Step]:
    for step in _commands(page):
        if not any(re.search(pattern, step.command) for pattern in LEFT_OUT):
            yield from (Step(first) for pattern, first in BEFORE.items() if re.search(pattern, step.command))
            yield step


def _work(desk: Desk, step: Step) -> Step:
    command = desk.put_in(step.command)
    if words := REFUSED.get(command):
        command = f"{command} 2>&1 | grep --fixed-strings '{words}'"
    return Step(command, step.shown)


# What the examples take for granted.


def _research(folder: Path) -> None:
    """A team's folder with DAGs and requirements, and the files that the pages name."""
    shutil.copytree(CHECKOUT / "images/airflow/demo/dags", folder / "research" / "dags")
    (folder / "research" / "requirements.txt").touch()
    (folder / "git.env").write_text("GITSYNC_USERNAME=research\nGITSYNC_PASSWORD=asked of nobody\n")
    entry = {"owner": "pricing@example.com", "size": "medium", "suspended": True, "labels": {"example.com/floor": "3"}}
    (folder / "pricing.yaml").write_text(yaml.safe_dump(entry))
    (folder / "suspended.yaml").write_text(yaml.safe_dump({"owner": "research@example.com", "suspended": True}))


def _repository(folder: Path, root: Path) -> Path:
    """The team's DAGs as a repository on the sandbox's git server, under the path that it has in the pages."""
    bare = root / "research" / "dags.git"
    shutil.rmtree(bare, ignore_errors=True)
    work = folder / "research"
    who = ("-c", "user.name=research", "-c", "user.email=research@example.com")
    for command in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "."),
        (*who, "commit", "--quiet", "--message", "Add the first DAG"),
        ("clone", "--quiet", "--bare", ".", str(bare)),
    ):
        subprocess.run(["git", *command], cwd=work, check=True)
    return bare.parent


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a chart repository that has what stands for the official chart."""
    with chart_repository.serving(tmp_path_factory.mktemp("charts")) as address:
        yield address


@pytest.fixture(scope="module")
def administrator(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    """What the Secret `fleet-platform` holds; it is put back if a page leaves the platform without it."""
    held = sandbox.platform
    yield held
    if not sandbox.kubectl("get", "secret", "fleet-platform", "--namespace", "fleet-system", check=False):
        literals = [f"--from-literal={key}={value}" for key, value in held.items()]
        sandbox.kubectl("create", "secret", "generic", "fleet-platform", "--namespace", "fleet-system", *literals)


@pytest.fixture(scope="module")
def desk(
    sandbox: Sandbox, charts: str, administrator: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("reader")
    for path in CHECKOUT.iterdir():
        if path.name not in ("tenants.yaml", "terraform"):
            (folder / path.name).symlink_to(path)
    terraform.copy(folder)  # `init` writes into it
    _research(folder)
    (folder / "platform").mkdir()
    for key, value in administrator.items():
        (folder / "platform" / key).write_text(value)
    repository = _repository(folder, Path(sandbox.environment["FLEET_SANDBOX_GIT_ROOT"]))
    found = Desk(folder, charts, sandbox)
    try:
        yield found
    finally:
        shutil.copy(CHECKOUT / "tenants.yaml", folder)
        for team in TEAMS:
            found.fleet("remove-team", team, "--no-backup", "--yes", "--confirm", team, check=False)
            cloudsql.forget(sandbox, team)
        shutil.rmtree(repository)


@pytest.mark.parametrize(
    "page", [*(pytest.param(page, marks=pytest.mark.teams) for page in ABOUT_TEAMS), *ABOUT_THE_PLATFORM]
)
def test_a_page_does_what_it_says(desk: Desk, page: str) -> None:
    desk.begin(page)
    docs.run(desk.folder, [_work(desk, step) for step in _with_preparations(page)], desk.environment)


# The tables hold no more than they have to, and no page is forgotten.


def test_every_page_with_commands_is_run() -> None:
    with_commands = {page for page in (CHECKOUT / "docs" / "how-to").glob("*.md") if docs.steps(page)}
    assert with_commands <= {CHECKOUT / page for page in (*PAGES, *ELSEWHERE)}


def test_every_exception_fits_a_command() -> None:
    commands = [step.command for page in PAGES for step in _commands(page)]
    idle = [each for each in (*LEFT_OUT, *BEFORE) if not any(re.search(each, command) for command in commands)]
    idle += [each for each in (*INSTEAD, *REFUSED) if not any(each in command for command in commands)]
    assert idle == []
