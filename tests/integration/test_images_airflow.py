"""The Airflow images, as they come out of the cache or the builder: who they run as, and what answers a stranger.

Needs root and debootstrap (images are built in a chroot). The server runs in the image's own tree, on SQLite.
"""

from __future__ import annotations

import json
import socket
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fleet.desired import airflow as desired
from fleet.sandbox import images
from fleet.sandbox.images import chroot, layers
from tests.support.airflow_settings import environment, resolved

PROBE = Path(__file__).with_name("image_probe.py")
OPEN = {"/api/v2/monitor/health": 200, "/api/v2/auth/login": 307, "/auth/login/": 200, "/auth/token": 404}
SETTINGS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////tmp/home/airflow.db",
    "AIRFLOW__API__SECRET_KEY": "a-secret-of-this-test",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__API_AUTH__JWT_SECRET": "another-secret-of-this-test-that-is-long-enough-for-its-algorithm",
    "AIRFLOW__FAB__CONFIG_FILE": "/tmp/home/webserver_config.py",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": "/tmp/home/logs",
    "AIRFLOW_SSO_CLIENT_SECRET": "no-sign-on-happens-here",
}
INVENTORY = """\
version: 1
platform:
  domain: airflow.example.com
  kubernetes: {context: test}
  database: {host: 10.1.2.3}
  sso: {url: "https://sso.example.com"}
teams:
  team: {owner: team@example.com}
"""
# The tree is read-only for the server but for /tmp: as in a pod with readOnlyRootFilesystem.
SCRIPT = """set -eu
mkdir /tmp/home && cp /srv/* /tmp/home/ && chown -R 50000:0 /tmp/home && cd /tmp/home
mount -o bind / /mnt && mount --rbind /tmp /mnt/tmp && mount --rbind /proc /mnt/proc && mount --rbind /dev /mnt/dev
mount -o remount,bind,ro /mnt
exec chroot --userspec=50000:0 /mnt /entrypoint python /tmp/home/probe.py "$BASE_URL" """


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wanted(tmp: Path) -> tuple[dict[str, str], str]:
    """What fleet makes for an instance: its settings as environment variables, its webserver_config.py."""
    (tmp / "tenants.yaml").write_text(INVENTORY)
    platform, team = resolved(tmp / "tenants.yaml", "team")
    return environment(platform, team), desired.webserver_config(platform, team)


CASES = [(version, path) for version, path in zip(images.airflow_versions(), ("", "/team"), strict=True)]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}{case[1]}")
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the probe saw in one version's image, at a base URL with or without a path."""
    version, path = request.param
    image = images.airflow(version, print)
    folder = tmp_path_factory.mktemp("image")
    layers.unpack(image.tree.layers, folder / "root")
    setuid = [str(path) for path in (folder / "root").rglob("*") if path.is_file() and path.lstat().st_mode & 0o6000]
    (folder / "root" / "srv" / "probe.py").write_text(PROBE.read_text())
    settings, webserver_config = wanted(folder)
    (folder / "root" / "srv" / "webserver_config.py").write_text(webserver_config)
    base = f"http://127.0.0.1:{free_port()}{path}/"
    environment = {**image.tree.config.env, **settings, **SETTINGS, "AIRFLOW__API__BASE_URL": base, "BASE_URL": base}
    environment["PATH"] += ":/usr/sbin:/sbin"
    log = folder / "log"
    chroot.run(folder / "root", SCRIPT, environment, log)
    (line,) = [line for line in log.read_text().splitlines() if line.startswith("RESULT ")]
    return {**json.loads(line.removeprefix("RESULT ")), "path": path, "setuid": setuid}


def test_it_runs_as_its_user_who_owns_no_code(found: dict[str, Any]) -> None:
    assert found["user"] == [50000, 0]
    assert found["writable"] == []
    assert found["setuid"] == []


def test_nothing_is_left_to_compile_at_start(found: dict[str, Any]) -> None:
    assert found["uncompiled"] == []


def test_a_start_does_not_stop_for_garbage_that_is_none(found: dict[str, Any]) -> None:
    assert found["garbage"] == "100000"


def test_a_stranger_gets_health_and_the_way_to_sign_in_and_nothing_else(found: dict[str, Any]) -> None:
    statuses = {path: status for path, (status, _) in found["programs"].items()}
    assert statuses == {path: OPEN.get(path, 401) for path in statuses}


def test_a_strangers_browser_is_sent_to_the_login_with_the_page_it_wanted(found: dict[str, Any]) -> None:
    wanted = found["path"] + "/dags"
    assert found["browsers"]["/dags"] == [302, f"{found['path']}/auth/login/?next={wanted.replace('/', '%2F')}"]
    assert {status for path, (status, _) in found["browsers"].items() if path not in OPEN} == {302, 401}


def test_a_person_who_signed_in_gets_everything(found: dict[str, Any]) -> None:
    assert {path: status for path, (status, _) in found["person"].items()} == dict.fromkeys(found["person"], 200)


def test_a_forged_token_is_no_token(found: dict[str, Any]) -> None:
    assert found["forged"][0] == 401
    assert found["forged worker"][0] in (401, 403)


def test_a_worker_reaches_its_api_and_nothing_else(found: dict[str, Any]) -> None:
    statuses = {path: status for path, (status, _) in found["worker"].items()}
    # Past the gate and past Airflow's check of the token: there is no such variable.
    assert statuses["/execution/variables/x"] == 404
    assert statuses["/execution/docs"] == statuses["/api/v2/version"] == 401


@pytest.mark.parametrize("version", images.airflow_versions())
def test_the_archive_says_how_it_runs_and_holds_no_secret_places(version: str) -> None:
    image = images.airflow(version, print)
    with tarfile.open(image.path) as tar:
        assert "index.json" in tar.getnames()
    assert image.tree.config.user == "50000"
    for layer in image.tree.layers:
        with tarfile.open(layer.path) as tar:
            entries = {entry.name: entry for entry in tar}
        assert entries.get("etc/resolv.conf", tarfile.TarInfo()).size == 0
        assert not [
            name for name in entries if name.endswith(("pip.conf", "ca.crt")) or name.startswith(("run/", "tmp/"))
        ]


def test_a_second_run_takes_everything_from_the_cache() -> None:
    said: list[str] = []
    assert images.airflow(images.airflow_versions()[0], said.append).cached
    assert said == []
