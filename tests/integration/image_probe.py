"""Runs inside an Airflow image: starts its API server, asks it as a stranger, as a person, as a worker; prints JSON.

Takes the base URL as its argument and the server's settings from the environment.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BASE = urlsplit(sys.argv[1])
STRANGERS = (
    "/", "/dags", "/static/pin_32.png", "/docs", "/redoc", "/openapi.json", "/favicon.ico", "/health", "/pluginsv2/",
    "/api/v2/version", "/api/v2/dags", "/api/v2/monitor/health", "/api/v2/auth/login", "/ui/config", "/auth/login/",
    "/auth/openapi.json", "/auth/docs", "/auth/token", "/auth/users/list/", "/execution/docs", "/execution/redoc",
    "/execution/changelog", "/execution/health", "/execution/health/ping", "/execution/variables/x",
)  # fmt: skip
SIGNED_IN = (
    "/",
    "/dags",
    "/static/pin_32.png",
    "/docs",
    "/openapi.json",
    "/api/v2/version",
    "/api/v2/dags",
    "/ui/auth/me",
)


def answer(path: str, headers: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", BASE.port, timeout=60)
    connection.request("GET", BASE.path.rstrip("/") + path, headers=headers)
    found = connection.getresponse()
    found.read()
    return found.status, found.getheader("location", "")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip().splitlines()[-1]


def person() -> str:
    return python(
        "from airflow.api_fastapi.app import init_auth_manager\n"
        "from airflow.providers.fab.auth_manager.models import User\n"
        "from airflow.utils.session import create_session\n"
        "from sqlalchemy import select\n"
        "manager = init_auth_manager()\n"
        "with create_session() as session: print(manager.generate_jwt(session.scalars(select(User)).one()))"
    )


def worker() -> str:
    return python(
        "from airflow.api_fastapi.execution_api.app import _jwt_generator\n"
        "print(_jwt_generator().generate({'sub': '01900000-0000-7000-8000-000000000000'}))"
    )


def start() -> tuple[subprocess.Popen[bytes], float]:
    began = time.monotonic()
    server = subprocess.Popen(["airflow", "api-server", "--port", str(BASE.port)])
    while server.poll() is None and time.monotonic() - began < 900:
        try:
            if answer("/api/v2/monitor/health", {})[0] == 200:
                return server, time.monotonic() - began
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("Airflow did not come up")


def main() -> None:
    subprocess.run(["airflow", "db", "migrate"], check=True, stdout=sys.stderr)
    user = ["--username", "ann", "--firstname", "A", "--lastname", "B", "--role", "Admin", "--email", "a@example.org"]
    subprocess.run(["airflow", "users", "create", *user, "--use-random-password"], check=True, stdout=sys.stderr)
    server, seconds = start()
    cookie, bearer = {"Cookie": f"_token={person()}"}, {"Authorization": f"Bearer {worker()}"}
    found: dict[str, Any] = {
        "seconds": seconds,
        "user": [os.getuid(), os.getgid()],
        "writable": [path for path in ("/", "/opt/airflow", "/opt/airflow/venv", "/usr") if os.access(path, os.W_OK)],
        "uncompiled": [str(path) for path in Path("/opt/airflow/venv/lib").rglob("*.py") if not compiled(path)][:5],
        "garbage": python("import gc; print(gc.get_threshold()[0])"),
        "programs": {path: answer(path, {"Accept": "application/json"}) for path in STRANGERS},
        "browsers": {path: answer(path, {"Accept": "text/html"}) for path in STRANGERS},
        "person": {path: answer(path, {**cookie, "Accept": "text/html"}) for path in SIGNED_IN},
        "forged": answer("/api/v2/version", {"Cookie": "_token=" + "x.y.z"}),
        "worker": {
            path: answer(path, bearer) for path in ("/execution/variables/x", "/execution/docs", "/api/v2/version")
        },
        "forged worker": answer("/execution/variables/x", {"Authorization": "Bearer x.y.z"}),
    }
    server.terminate()
    server.wait(60)
    print("RESULT " + json.dumps(found))


def compiled(path: Path) -> bool:
    cached = path.parent / "__pycache__" / f"{path.stem}.cpython-{sys.version_info[0]}{sys.version_info[1]}.pyc"
    # The flags of PEP 552: 1 means "by hash, never checked", which no lost time stamp can make stale.
    return cached.exists() and cached.read_bytes()[4:8] == b"\1\0\0\0"


if __name__ == "__main__":
    main()
