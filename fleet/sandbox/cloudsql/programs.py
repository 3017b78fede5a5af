"""pg_dump, psql and pg_restore: takes a database and a file, moves the one into the other, never a password in an argument
(libpq reads PGPASSWORD from the environment that this server was started with)."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from fleet.sandbox.cloudsql.operations import Failure
from fleet.sandbox.cloudsql.settings import Settings

_CHUNK = 1024 * 1024
_WORDS = 500  # characters of what a program said


class Programs:
    """The client programs, on one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def dump_sql(self, database: str, target: Path, options: tuple[str, ...], packed: bool) -> None:
        """Write a database as SQL, packed with gzip if asked."""
        command = self._command("pg_dump", database, "--format=plain", *options)
        with self._started(command, stdout=subprocess.PIPE) as process, _writer(target, packed) as output:
            assert process.stdout is not None  # noqa: S101 (asked for with PIPE)
            shutil.copyfileobj(process.stdout, output, _CHUNK)

    def run_sql(self, database: str, source: Path, role: str, packed: bool) -> None:
        """Run a file of SQL in one transaction: all of it, or nothing.

        A packed file is read to its end first: its checksum comes last, and what psql has got it would commit.
        """
        _check(source, packed)
        command = self._command(
            "psql",
            database,
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--single-transaction",
            "--output=/dev/null",
        )
        role_option = {"PGOPTIONS": f"-c role={role}"} if role else {}
        with (
            self._started(command, stdin=subprocess.PIPE, env=role_option) as process,
            _reader(source, packed) as text,
        ):
            assert process.stdin is not None  # noqa: S101 (asked for with PIPE)
            with suppress(BrokenPipeError):  # it gave up: its status and its words say why
                shutil.copyfileobj(text, process.stdin, _CHUNK)

    def dump_archive(self, database: str, target: Path) -> None:
        """Write a database in pg_dump's own format and read its table of contents back."""
        with self._started(self._command("pg_dump", database, "--format=custom", f"--file={target}")):
            pass
        with self._started((self._program("pg_restore"), "--list", str(target)), stdout=subprocess.DEVNULL):
            pass

    def _command(self, program: str, database: str, *options: str) -> tuple[str, ...]:
        settings = self._settings
        return (
            self._program(program), f"--host={settings.address}", f"--port={settings.database_port}",
            f"--username={settings.superuser}", "--no-password", f"--dbname={database}", *options,
        )  # fmt: skip

    def _program(self, name: str) -> str:
        beside = Path(self._settings.programs) / name
        found = str(beside) if beside.is_file() else shutil.which(name)
        if found is None:
            raise Failure("INTERNAL_ERROR", f"{name} is not installed; apt-get install postgresql-client")
        return found

    @contextmanager
    def _started(
        self,
        command: tuple[str, ...],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int | None = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A program under way; its end is awaited. Failure if it ends with another status than 0."""
        with tempfile.TemporaryFile() as words:
            process = subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=words, env={**os.environ, **(env or {})}, cwd="/",
                user=_user(command), extra_groups=[] if _user(command) else None,
            )  # fmt: skip
            try:
                yield process
            except BaseException:
                process.kill()
                raise
            finally:
                _close(process)
                status = process.wait()
            if status != 0:
                raise Failure("ERROR_RDBMS", f"{Path(command[0]).name}: {_last_words(words) or f'status {status}'}")


def _user(command: tuple[str, ...]) -> str | None:
    """A dump is somebody else's text, and psql knows commands that start programs: it must not be root that runs it."""
    return "nobody" if os.geteuid() == 0 and Path(command[0]).name == "psql" else None


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _last_words(file: IO[bytes]) -> str:
    file.seek(0)
    lines = file.read().decode(errors="replace").strip().splitlines()
    # The first error is the cause; what comes after it follows from it.
    return " ".join(lines[:3])[:_WORDS]


def _check(source: Path, packed: bool) -> None:
    if not source.is_file():
        raise Failure("NOT_FOUND", "The object does not exist.")
    try:
        with _reader(source, packed) as text:
            while text.read(_CHUNK):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise Failure("ERROR_RDBMS", f"The file is damaged: gzip: {error}") from error


@contextmanager
def _reader(path: Path, packed: bool) -> Iterator[IO[bytes]]:
    if packed:
        with gzip.open(path, "rb") as unpacked:
            yield unpacked  # type: ignore[misc]
    else:
        with path.open("rb") as file:
            yield file


@contextmanager
def _writer(path: Path, packed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if packed:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0, filename="") as output:
                yield output  # type: ignore[misc]
        else:
            yield file
