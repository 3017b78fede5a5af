"""What fleet makes of one instance, as an Airflow out of its image takes it: takes an inventory, gives settings."""

from __future__ import annotations

from pathlib import Path

from fleet import inventory
from fleet.desired import airflow
from fleet.desired.resolve import Resolved, resolve
from fleet.model import Platform
from tests.support.terraform import Team

JWT_SECRET = "a-secret-of-this-test-that-is-long-enough-for-its-algorithm-as-rfc-7518-wants"
OWNED = "{owner: team@example.com}"
_INVENTORY = """\
version: 1
platform:
  domain: airflow.example.com
  kubernetes: {{context: test}}
  database: {{host: 10.1.2.3}}
  sso: {{url: "{url}", realm: {realm}}}
teams:
  {name}: {entry}
"""


def write_inventory(path: Path, team: Team, entry: str = OWNED) -> Path:
    """An inventory with this one team in it, whose sign-on is the world's realm."""
    world = team.world
    path.write_text(_INVENTORY.format(url=world.keycloak.url, realm=world.realm, name=team.name, entry=entry))
    return path


def resolved(path: Path, name: str) -> tuple[Platform, Resolved]:
    """The platform and the team of an inventory, as fleet understands them."""
    loaded = inventory.load(path).inventory
    return loaded.platform, resolve(loaded, name, loaded.teams[name])


def environment(platform: Platform, instance: Resolved) -> dict[str, str]:
    """Every setting that fleet makes, as an environment variable of Airflow's."""
    sections = airflow.config(platform, instance)
    return {
        f"AIRFLOW__{section}__{key}".upper(): value for section, keys in sections.items() for key, value in keys.items()
    }
