"""Runs the API server: ``python -m fleet.sandbox.cloudsql SETTINGS.json`` with PGPASSWORD in the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fleet.sandbox.cloudsql import api, http, settings


def main() -> None:
    """Serve until the process is ended."""
    found = settings.load(Path(sys.argv[1]))
    os.umask(0o077)
    # psql runs as nobody and reads the dump from a pipe, so that these files need no other reader.
    server = http.serve(found.address, found.port, api.routes(found))
    server.serve_forever()


if __name__ == "__main__":
    main()
