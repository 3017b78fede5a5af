"""Reads and holds an Airflow's own database: takes its login, gives revisions, pools and what runs, never a DAG's contents.

The tables are Airflow's since 3.0: `alembic_version` and FAB's `alembic_version_fab`, `slot_pool`, `task_instance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.drivers.postgres import Login

# Alembic's table → the part of Airflow whose migrations it counts.
VERSION_TABLES = {"alembic_version": "airflow", "alembic_version_fab": "fab"}
# States in which a task holds a slot of its pool, or is about to (airflow.task.state.TaskInstanceState).
_BUSY = ("queued", "running", "restarting")


@dataclass(frozen=True)
class Metadata:
    """An Airflow's database, and how its own role gets in."""

    login: Login
    database: str

    async def revisions(self) -> dict[str, str]:
        """`airflow` and `fab` → the newest migration that was run; a part without a table is left out.

        Raises:
            FleetError: the server cannot be reached or refuses.
        """
        from psycopg import sql

        found = {}
        async with self.login.connected(self.database) as connection:
            for table, part in VERSION_TABLES.items():
                there = await (await connection.execute("select to_regclass(%s)", [table])).fetchone()
                if there and there[0]:
                    rows = await connection.execute(sql.SQL("select version_num from {}").format(sql.Identifier(table)))
                    found[part] = ",".join(sorted(str(version) for (version,) in await rows.fetchall()))
        return found

    async def show_revisions(self, reader: str, may: bool) -> None:
        """Whether a role may read them; nothing else is its to read. No such role, or no table, is no fault.

        Raises:
            FleetError: as above.
        """
        from psycopg import sql

        known = "select 1 from pg_roles where rolname = %s"
        words = ("grant usage on schema {} to {}", "grant select on {} to {}") if may else (
            "revoke all on schema {} from {}", "revoke all on {} from {}"
        )  # fmt: skip
        async with self.login.connected(self.database) as connection, connection.transaction():
            if not await (await connection.execute(known, [reader])).fetchone():
                return
            schema, role = sql.Identifier(self.login.user), sql.Identifier(reader)
            await connection.execute(sql.SQL(words[0]).format(schema, role))
            for table in VERSION_TABLES:
                there = await (await connection.execute("select to_regclass(%s)", [table])).fetchone()
                if there and there[0]:
                    await connection.execute(sql.SQL(words[1]).format(sql.Identifier(table), role))

    async def pools(self) -> dict[str, int]:
        """Pool → slots; -1 is without a limit.

        Raises:
            FleetError: as above.
        """
        async with self.login.connected(self.database) as connection:
            rows = await connection.execute("select pool, slots from slot_pool order by pool")
            return {str(pool): int(slots) for pool, slots in await rows.fetchall()}

    async def make_pool(self, pool: str, slots: int, description: str) -> None:
        """Make a pool, or give it so many slots.

        Raises:
            FleetError: as above.
        """
        statement = """
            insert into slot_pool (pool, slots, description, include_deferred) values (%s, %s, %s, false)
            on conflict (pool) do update set slots = excluded.slots
        """
        async with self.login.connected(self.database) as connection:
            await connection.execute(statement, [pool, slots, description])

    async def set_slots(self, slots: Mapping[str, int]) -> None:
        """Give pools so many slots; one that is gone stays gone.

        Raises:
            FleetError: as above.
        """
        async with self.login.connected(self.database) as connection, connection.transaction():
            for pool, number in slots.items():
                await connection.execute("update slot_pool set slots = %s where pool = %s", [number, pool])

    async def busy(self) -> list[str]:
        """Task instances that run or were handed to the executor, as `dag.task (run)`.

        Raises:
            FleetError: as above.
        """
        query = "select dag_id, task_id, run_id from task_instance where state = any(%s) order by 1, 2, 3"
        async with self.login.connected(self.database) as connection:
            rows = await connection.execute(query, [list(_BUSY)])
            return [f"{dag}.{task} ({run})" for dag, task, run in await rows.fetchall()]

    async def import_errors(self) -> set[tuple[str, str]]:
        """Bundle and file of each DAG file that the running Airflow cannot import.

        Raises:
            FleetError: as above.
        """
        async with self.login.connected(self.database) as connection:
            rows = await connection.execute("select bundle_name, filename from import_error")
            return {(str(bundle), str(file)) for bundle, file in await rows.fetchall()}
