"""The API server as a part of the sandbox: takes a site, gives the part, never starts it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from fleet.sandbox import config, postgres, probes
from fleet.sandbox.cloudsql import settings
from fleet.sandbox.credentials import DATABASE_ADMIN
from fleet.sandbox.layout import BACKUP_BUCKET, CLOUD_SQL_INSTANCE, CLOUD_SQL_PORT, POSTGRES_PORT
from fleet.sandbox.process import Part
from fleet.sandbox.site import Site


def part(site: Site) -> Part:
    """A process of its own beside PostgreSQL."""
    layout = site.layout
    told = settings.Settings(
        address=layout.address,
        port=CLOUD_SQL_PORT,
        project=CLOUD_SQL_INSTANCE,
        instance=CLOUD_SQL_INSTANCE,
        database_port=POSTGRES_PORT,
        superuser="postgres",
        owner=DATABASE_ADMIN,
        protected=("postgres", *postgres.OWNERS),
        programs=str(postgres.programs(site)),
        data=str(layout.root / "cloudsql"),
        buckets=str(layout.buckets),
        code=_code(),
    )
    file = config.write(layout.config / "cloudsql.json", told.text())
    return Part(
        name="cloudsql",
        version="v1beta4",
        address=told.url,
        command=(sys.executable, "-m", "fleet.sandbox.cloudsql", str(file)),
        environment=(("PGPASSWORD", site.password("postgres-superuser")),),
        needs=("postgresql",),
        inputs=(file,),
        prepare=lambda: (layout.buckets / BACKUP_BUCKET).mkdir(parents=True, exist_ok=True, mode=0o700),
        ready=probes.http(f"{told.url}{settings.READY}"),
        stop_timeout=2,
    )


def _code() -> str:
    """Digest of the server's own modules: a newer fleet restarts it."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
