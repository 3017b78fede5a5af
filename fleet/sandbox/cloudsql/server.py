"""The PostgreSQL server behind the instance: takes statements, gives rows, never puts a statement into an error."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from fleet.sandbox.cloudsql.http import invalid
from fleet.sandbox.cloudsql.settings import Settings

Statement = sql.SQL | sql.Composed


class Server:
    """Statements as the superuser, as Google's own agent runs them; the password comes from PGPASSWORD."""

    def __init__(self, settings: Settings) -> None:
        self._where = {
            "host": settings.address, "port": settings.database_port, "user": settings.superuser, "dbname": "postgres",
        }  # fmt: skip

    def rows(self, statement: Statement, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """What a query answers."""
        with psycopg.connect(**self._where, autocommit=True) as connection:  # type: ignore[arg-type]
            return connection.execute(statement, parameters).fetchall()

    def run(self, doing: str, statement: Statement) -> None:
        """Run a statement.

        Raises:
            ApiError: the server refused it; its words, and no statement, are in the message.
        """
        try:
            with psycopg.connect(**self._where, autocommit=True) as connection:  # type: ignore[arg-type]
                connection.execute(statement)
        except psycopg.Error as error:
            words = error.diag.message_primary or type(error).__name__
            raise invalid(f"Invalid request: failed to {doing}. Detail: pq: {words}") from error
