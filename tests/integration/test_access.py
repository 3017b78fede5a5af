"""`fleet access` on a real Keycloak: who has which role, and what explains it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from tests.support.sandbox import FLEET, Sandbox
from tests.support.terraform import Team, World

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Fleet:
    """Two instances of an inventory, as Keycloak knows them."""

    world: World
    one: Team
    two: Team
    inventory: Path

    def access(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.world.sandbox.environment, "FLEET_INVENTORY": str(self.inventory)}
        return subprocess.run(
            [FLEET, "access", *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def rows(self, *arguments: str) -> list[tuple[str, str, str, str]]:
        done = self.access(*arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return [(row["instance"], row["person"], row["role"], row["why"]) for row in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def fleet(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    world = World(sandbox, tmp_path_factory.mktemp("world"), uuid4().hex[:6])
    keycloak, realm = world.keycloak, world.realm
    try:
        world.begin()
        world.apply_platform("owners")
        keycloak.call("POST", f"/{realm}/groups", {"name": "company"})
        company = keycloak.get(f"/{realm}/group-by-path/company")["id"]
        keycloak.call("POST", f"/{realm}/groups/{company}/children", {"name": "data"})
        keycloak.add_user(realm, "alice", uuid4().hex, "/owners")
        keycloak.add_user(realm, "bob", uuid4().hex, "/company/data")
        keycloak.add_user(realm, "mallory", uuid4().hex)
        one, two = world.team("one"), world.team("two")
        wish = {"groups": {"admin": ["owners"], "viewer": ["/company"]}, "users": {"op": ["alice"]}}
        rights = {"dags": {"payroll": {"prefix": "payroll_", "role": "user", "groups": ["owners"]}}}
        one.apply(**wish)
        # Of two rights, the inventory has one any more.
        two.apply(
            groups={"dags-payroll": ["owners"]}, users={"dags-old": ["bob"]}, dag_roles=["dags-payroll", "dags-old"]
        )
        _by_hand(world, one)
        inventory = tmp_path_factory.mktemp("inventory") / "tenants.yaml"
        data = yaml.safe_load((CHECKOUT / "tenants.yaml").read_text())
        data["platform"]["sso"]["realm"] = realm
        owner = {"owner": "x@example.com"}
        data["teams"] = {one.name: {**owner, "access": wish}, two.name: {**owner, "access": rights}, "unborn": owner}
        inventory.write_text(json.dumps(data))
        yield Fleet(world, one, two, inventory)
    finally:
        world.end()


def _by_hand(world: World, team: Team) -> None:
    """What an administrator clicked together: mallory is an op here, and a realm role contains the admin's."""
    keycloak, realm = world.keycloak, world.realm
    client = keycloak.client(realm, f"airflow-{team.name}")["id"]
    roles = {role["name"]: role for role in keycloak.get(f"/{realm}/clients/{client}/roles")}
    (mallory,) = keycloak.get(f"/{realm}/users?username=mallory&exact=true")
    mapped = f"/{realm}/users/{mallory['id']}/role-mappings"
    keycloak.call("POST", f"{mapped}/clients/{client}", [roles["op"]])
    keycloak.call("POST", f"/{realm}/roles", {"name": "boss"})
    boss = keycloak.get(f"/{realm}/roles/boss")
    keycloak.call("POST", f"/{realm}/roles/boss/composites", [roles["admin"]])
    keycloak.call("POST", f"{mapped}/realm", [boss])


def test_a_team_shows_who_and_why(fleet: Fleet) -> None:
    name = fleet.one.name
    assert fleet.rows(name) == [
        (name, "alice", "admin", "group /owners, access.groups"),
        (name, "-", "admin", f"group /{name}/admin"),
        (name, "mallory", "admin", "role boss of the realm contains it, by hand: not in the inventory"),
        (name, "alice", "op", "access.users"),
        (name, "mallory", "op", "by hand: not in the inventory"),
        (name, "-", "op", f"group /{name}/op"),
        (name, "-", "user", f"group /{name}/user"),
        (name, "bob", "viewer", "group /company, access.groups"),
        (name, "-", "viewer", f"group /{name}/viewer"),
    ]  # fmt: skip
    table = fleet.access(name).stdout
    assert table.splitlines()[0].split() == ["PERSON", "ROLE", "MEANS", "WHY"]


def test_a_right_to_some_dags_shows_what_it_means(fleet: Fleet) -> None:
    name = fleet.two.name
    done = json.loads(fleet.access(name, "--output", "json").stdout)
    rights = [tuple(row[key] for key in ("person", "role", "means", "why")) for row in done if "dags-" in row["role"]]
    assert rights == [
        ("bob", "dags-old", "a right that is not in the inventory", "by hand: not in the inventory"),
        ("-", "dags-old", "a right that is not in the inventory", f"group /{name}/dags-old"),
        ("alice", "dags-payroll", "runs DAGs payroll_*", "group /owners, access.dags.payroll.groups"),
        ("-", "dags-payroll", "runs DAGs payroll_*", f"group /{name}/dags-payroll"),
    ]


def test_a_person_shows_where_and_why(fleet: Fleet) -> None:
    one, two = fleet.one.name, fleet.two.name
    assert fleet.rows("--user", "alice") == [
        (one, "alice", "admin", "group /owners, access.groups"), (one, "alice", "op", "access.users"),
        (two, "alice", "dags-payroll", "group /owners, access.dags.payroll.groups"),
    ]  # fmt: skip
    assert fleet.rows("--user", "bob") == [
        (one, "bob", "viewer", "group /company, access.groups"),
        (two, "bob", "dags-old", "by hand: not in the inventory"),
    ]
    assert fleet.rows("--user", "mallory") == [
        (one, "mallory", "admin", "contained in another role, by hand: not in the inventory"),
        (one, "mallory", "op", "by hand: not in the inventory"),
    ]
    assert fleet.rows(two, "--user", "mallory") == []
    assert fleet.access(two, "--user", "mallory").stdout == "no role anywhere\n"


@pytest.mark.parametrize(("arguments", "said"), [
    ((), "whose access?"),
    (("unborn",), "has no sign-on client yet"),
    (("nowhere",), "there is no instance `nowhere`"),
    (("--user", "nobody"), "there is nobody called `nobody`"),
])  # fmt: skip
def test_what_is_not_there_is_said(fleet: Fleet, arguments: tuple[str, ...], said: str) -> None:
    done = fleet.access(*arguments)
    assert done.returncode in (1, 2) and said in done.stderr and done.stdout == ""
