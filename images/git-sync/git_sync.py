#!/usr/bin/python3
"""A stand-in for git-sync v4 where its image cannot be had: keeps a checkout of one ref, swapped by a symbolic link.

Takes the GITSYNC_* variables of git-sync v4 that Airflow's chart sets; anything else git-sync can do, it cannot. Readers
follow <root>/<link>, which always points to a whole checkout (<root>/.worktrees/<commit>), so they never see half of one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# Asks the environment, so that no password is in a command line or in a file.
CREDENTIALS = '!f() { echo "username=$GITSYNC_USERNAME"; echo "password=$GITSYNC_PASSWORD"; }; f'


@dataclass(frozen=True)
class Settings:
    """What to keep where: see git-sync's manual for the variables behind each field."""

    repository: str
    ref: str
    root: Path
    link: str
    depth: int
    period: float
    timeout: float
    once: bool
    max_failures: int
    submodules: str
    bind: str

    @classmethod
    def read(cls, env: dict[str, str]) -> Settings:
        """From the environment; ends the program when GITSYNC_REPO is missing."""
        repository = env.get("GITSYNC_REPO") or sys.exit("git-sync stand-in: GITSYNC_REPO is not set")
        name = repository.rstrip("/").rpartition("/")[2].removesuffix(".git")
        return cls(
            repository=repository,
            ref=env.get("GITSYNC_REF", "HEAD"),
            root=Path(env.get("GITSYNC_ROOT", "/git")),
            link=env.get("GITSYNC_LINK", name),
            depth=int(env.get("GITSYNC_DEPTH", "1")),
            period=seconds(env.get("GITSYNC_PERIOD", "10s")),
            timeout=seconds(env.get("GITSYNC_SYNC_TIMEOUT", "120s")),
            once=env.get("GITSYNC_ONE_TIME", "false").lower() in ("true", "1", "t"),
            max_failures=int(env.get("GITSYNC_MAX_FAILURES", "0")),
            submodules=env.get("GITSYNC_SUBMODULES", "recursive"),
            bind=env.get("GITSYNC_HTTP_BIND", ""),
        )


def seconds(duration: str) -> float:
    """Seconds of a Go duration such as ``1m30s``; a plain number counts as seconds."""
    if re.fullmatch(r"[\d.]+", duration):
        return float(duration)
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|s|m|h)", duration))


def git(settings: Settings, *arguments: str, folder: Path | None = None) -> str:
    """Output of one git command in the repository (or ``folder``); raises CalledProcessError or TimeoutExpired."""
    options = ["-c", "safe.directory=*", "-c", "gc.auto=0"]
    if os.environ.get("GITSYNC_PASSWORD"):
        options += ["-c", f"credential.helper={CREDENTIALS}"]
    command = ["git", "-C", str(folder or settings.root), *options, *arguments]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=settings.timeout, check=True
    )
    return done.stdout.strip()


def environment() -> dict[str, str]:
    """Never asks at a terminal; ssh with the key and the known hosts of the variables."""
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    key = env.get("GITSYNC_SSH_KEY_FILE", "/etc/git-secret/ssh")
    ssh = ["ssh", "-o", "BatchMode=yes"]
    if Path(key).is_file():
        ssh += ["-i", key, "-o", "IdentitiesOnly=yes"]
    if env.get("GITSYNC_SSH_KNOWN_HOSTS", "true").lower() == "false":
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    else:
        ssh += ["-o", f"UserKnownHostsFile={env.get('GITSYNC_SSH_KNOWN_HOSTS_FILE', '/etc/git-secret/known_hosts')}"]
    return {**env, "GIT_SSH_COMMAND": " ".join(ssh)}


def sync(settings: Settings) -> bool:
    """Brings the link to the ref's present commit; True when it moved."""
    settings.root.mkdir(parents=True, exist_ok=True)
    if not (settings.root / "HEAD").exists():
        git(settings, "init", "--quiet", "--bare")
    depth = [f"--depth={settings.depth}"] if settings.depth > 0 else []
    git(settings, "fetch", "--quiet", "--force", "--no-tags", *depth, settings.repository, settings.ref)
    commit = git(settings, "rev-parse", "FETCH_HEAD^{commit}")
    tree = settings.root / ".worktrees" / commit
    link = settings.root / settings.link
    if link.is_symlink() and link.resolve() == tree.resolve() and tree.is_dir():
        return False
    check_out(settings, commit, tree)
    point(link, tree)
    clean(settings, tree)
    log(f"{settings.link} is now at {commit}")
    return True


def check_out(settings: Settings, commit: str, tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)  # what a killed run left behind
    git(settings, "worktree", "prune")
    git(settings, "worktree", "add", "--quiet", "--force", "--detach", str(tree), commit)
    if settings.submodules != "off" and (tree / ".gitmodules").exists():
        recursive = ["--recursive"] if settings.submodules == "recursive" else []
        git(settings, "submodule", "update", "--init", *recursive, folder=tree)


def point(link: Path, tree: Path) -> None:
    """Puts the link in one step; relative, because readers see the folder mounted elsewhere."""
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(os.path.relpath(tree, link.parent))
    new.replace(link)


def clean(settings: Settings, current: Path) -> None:
    for old in (settings.root / ".worktrees").iterdir():
        if old != current:
            shutil.rmtree(old, ignore_errors=True)
    git(settings, "worktree", "prune")


def serve(bind: str, ready: threading.Event) -> None:
    """Answers any GET with 200 once a checkout is there, with 503 before."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if ready.is_set() else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Probes are no news."""

    host, _, port = bind.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def log(line: str) -> None:
    print(
        f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} git-sync stand-in: {line}", file=sys.stderr, flush=True
    )


def main() -> int:
    """Syncs once or for ever; 1 when more syncs in a row failed than GITSYNC_MAX_FAILURES allows (-1: any number)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    settings, ready, failures = Settings.read(dict(os.environ)), threading.Event(), 0
    if settings.bind:
        serve(settings.bind, ready)
    while True:
        try:
            sync(settings)
            ready.set()
            failures = 0
            if settings.once:
                return 0
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
            failures += 1
            log(f"sync failed ({failures}): {(getattr(error, 'stderr', '') or str(error)).strip()[-500:]}")
            if settings.max_failures != -1 and failures > settings.max_failures:
                return 1
        time.sleep(settings.period)


if __name__ == "__main__":
    sys.exit(main())
