"""Airflow's API server out of its image, in a chroot on this machine: takes settings, gives its address, ends with the test.

It has a database of its own (SQLite) and no scheduler: enough for everything that is about signing in. A script may be run
before it starts (the setting PREPARE), others beside it.
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

_SECONDS = 900  # beside whatever else runs on this machine
_SETTINGS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////tmp/home/airflow.db",
    "AIRFLOW__API__SECRET_KEY": "a-secret-of-this-test",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__FAB__CONFIG_FILE": "/tmp/home/webserver_config.py",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": "/tmp/home/logs",
    "PREPARE": "airflow db migrate",  # a shell script
}
_SCRIPT = """set -eu
mkdir /tmp/home && cp /srv/webserver_config.py /tmp/home/ && chown -R 50000:0 /tmp/home && cd /tmp/home
as_airflow() { setpriv --reuid=50000 --regid=0 --clear-groups "$@"; }
as_airflow env -u AIRFLOW__FAB__CONFIG_FILE sh -c "$PREPARE"  # which only the server has
as_airflow airflow api-server --host 127.0.0.1 --port "$PORT" &
server=$!
while [ ! -e /srv/stop ] && kill -0 $server; do
    if [ -e /srv/errand ]; then
        as_airflow sh -eu /srv/errand >/srv/said 2>&1 && echo done >>/srv/said || echo failed >>/srv/said
        rm /srv/errand && mv /srv/said /srv/answer
    fi
    sleep 0.2
done
kill -9 $server || true
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(
    folder: Path,
    version: str,
    port: int,
    settings: Mapping[str, str],
    webserver_config: str,
    files: Mapping[str, str] | None = None,
) -> Iterator[Path]:
    """Serve on that port until the block ends; gives the server's log. ``files`` are paths in the tree, and their contents."""
    root, log = folder / "root", folder / "server.log"
    layers.unpack(images.airflow(version, print).tree.layers, root)
    for path, content in (files or {}).items():
        write(folder, path, content)
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


def write(folder: Path, path: str, content: str) -> None:
    """Put a file into the server's tree."""
    file = folder / "root" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def errand(folder: Path, script: str) -> str:
    """What a script says that runs beside the server, on its database.

    Raises:
        AssertionError: it fails, or takes longer than :data:`_SECONDS`.
    """
    answer = folder / "root" / "srv" / "answer"
    answer.unlink(missing_ok=True)
    (folder / "root" / "srv" / "errand.new").write_text(script)
    (folder / "root" / "srv" / "errand.new").rename(folder / "root" / "srv" / "errand")
    until = time.monotonic() + _SECONDS
    while not answer.exists() and time.monotonic() < until:
        time.sleep(0.2)
    said = answer.read_text() if answer.exists() else "nothing in time"
    assert said.endswith("done\n"), said[-4000:]
    return said


def _wait(port: int, thread: threading.Thread, log: Path) -> None:
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + _SECONDS
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
