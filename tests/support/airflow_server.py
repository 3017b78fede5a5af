"""Airflow's API server out of its image, in a chroot on this machine: takes settings, gives its address, ends with the test.

It has a database of its own (SQLite) and no scheduler: enough for everything that is about signing in.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from fleet.drivers import trust
from fleet.sandbox import images, layout
from fleet.sandbox.images import chroot, layers

_SETTINGS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////tmp/home/airflow.db",
    "AIRFLOW__API__SECRET_KEY": "a-secret-of-this-test",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__FAB__CONFIG_FILE": "/tmp/home/webserver_config.py",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": "/tmp/home/logs",
}
_SCRIPT = """set -eu
mkdir /tmp/home && cp /srv/webserver_config.py /tmp/home/ && chown -R 50000:0 /tmp/home && cd /tmp/home
as_airflow() { setpriv --reuid=50000 --regid=0 --clear-groups "$@"; }
as_airflow airflow db migrate
as_airflow airflow api-server --host 127.0.0.1 --port "$PORT" &
server=$!
while [ ! -e /srv/stop ] && kill -0 $server; do sleep 0.2; done
kill -9 $server || true
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(
    folder: Path, version: str, port: int, settings: Mapping[str, str], webserver_config: str
) -> Iterator[Path]:
    """Serve on that port until the block ends; gives the server's log."""
    root, log = folder / "root", folder / "server.log"
    layers.unpack(images.airflow(version, print).tree.layers, root)
    with serving(root, log, port, settings, webserver_config, images.airflow(version, print).tree.config.env):
        yield log


@contextlib.contextmanager
def serving(
    root: Path, log: Path, port: int, settings: Mapping[str, str], webserver_config: str, image: Mapping[str, str]
) -> Iterator[None]:
    (root / "srv" / "webserver_config.py").write_text(webserver_config)
    # Keycloak's name, and the authority that signed its certificate.
    (root / "etc" / "hosts").write_text(Path("/etc/hosts").read_text())
    (root / "srv" / "ca.crt").write_text(trust.bundle(layout.current().front_ca.read_text()))
    trusted = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), "/srv/ca.crt")
    environment = {**image, **_SETTINGS, **settings, **trusted, "PORT": str(port)}
    environment["PATH"] += ":/usr/sbin:/sbin"
    thread = threading.Thread(target=chroot.run, args=(root, _SCRIPT, environment, log))
    thread.start()
    try:
        _wait(port, thread, log)
        yield
    finally:
        (root / "srv" / "stop").touch()
        thread.join(60)


def _wait(port: int, thread: threading.Thread, log: Path) -> None:
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 240
    while time.monotonic() < until and thread.is_alive():
        try:
            urllib.request.urlopen(url, timeout=5)
        except urllib.error.HTTPError:
            return  # the gate answers
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(log.read_text()[-4000:])
