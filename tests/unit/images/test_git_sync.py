"""The stand-in for git-sync follows a real repository, swaps whole checkouts, and keeps its word on failures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.paths import asset

PROGRAM = asset("images") / "git-sync" / "git_sync.py"


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", folder, *settings, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, content: str) -> str:
    (folder / "dags").mkdir(exist_ok=True)
    (folder / "dags" / "a.py").write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", content)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, "one")
    return folder


def run(root: Path, repository: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ, "GITSYNC_REPO": f"file://{repository}", "GITSYNC_ROOT": str(root), "GITSYNC_LINK": "repo",
        "GITSYNC_ONE_TIME": "true", "GITSYNC_REF": "main", **settings,
    }  # fmt: skip
    return subprocess.run([sys.executable, PROGRAM], env=env, capture_output=True, text=True, timeout=60)


def test_one_sync_gives_a_link_to_a_whole_checkout(tmp_path: Path, repository: Path) -> None:
    assert run(tmp_path / "git", repository).returncode == 0
    assert (tmp_path / "git" / "repo" / "dags" / "a.py").read_text() == "one"
    assert not (tmp_path / "git" / "repo").readlink().is_absolute()


def test_the_link_follows_the_ref_and_old_checkouts_go(tmp_path: Path, repository: Path) -> None:
    run(tmp_path / "git", repository)
    new = commit(repository, "two")
    assert run(tmp_path / "git", repository).returncode == 0
    assert (tmp_path / "git" / "repo" / "dags" / "a.py").read_text() == "two"
    assert [tree.name for tree in (tmp_path / "git" / ".worktrees").iterdir()] == [new]


def test_nothing_new_changes_nothing(tmp_path: Path, repository: Path) -> None:
    run(tmp_path / "git", repository)
    before = (tmp_path / "git" / "repo").lstat().st_mtime_ns
    again = run(tmp_path / "git", repository)
    assert (again.returncode, again.stderr) == (0, "")
    assert (tmp_path / "git" / "repo").lstat().st_mtime_ns == before


def test_what_a_killed_run_left_is_mended(tmp_path: Path, repository: Path) -> None:
    run(tmp_path / "git", repository)
    (tmp_path / "git" / "repo").unlink()
    (tmp_path / "git" / ".repo.new").symlink_to("nowhere")
    assert run(tmp_path / "git", repository).returncode == 0
    assert (tmp_path / "git" / "repo" / "dags" / "a.py").read_text() == "one"


def test_too_many_failures_end_it(tmp_path: Path) -> None:
    done = run(tmp_path / "git", tmp_path / "nothing", GITSYNC_MAX_FAILURES="1", GITSYNC_PERIOD="10ms")
    assert done.returncode == 1
    assert done.stderr.count("sync failed") == 2


def test_a_missing_repository_setting_is_said(tmp_path: Path) -> None:
    done = run(tmp_path / "git", tmp_path, GITSYNC_REPO="")
    assert done.returncode == 1
    assert "GITSYNC_REPO is not set" in done.stderr
