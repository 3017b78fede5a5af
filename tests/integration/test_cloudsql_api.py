"""Google's own client against the local API: every method that it answers does real work on the sandbox's PostgreSQL."""

from __future__ import annotations

import gzip
import secrets
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import sqladmin_v1beta4 as sqladmin

from tests.support.cloudsql import Server, serving
from tests.support.sandbox import Sandbox
from tests.support.waiting import eventually


class Client:
    """The five services, and an end for operations."""

    def __init__(self, url: str) -> None:
        how: dict[str, Any] = {
            "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
            "transport": "rest",
            "client_options": ClientOptions(api_endpoint=url),
        }
        self.instances = sqladmin.SqlInstancesServiceClient(**how)
        self.databases = sqladmin.SqlDatabasesServiceClient(**how)
        self.users = sqladmin.SqlUsersServiceClient(**how)
        self.backups = sqladmin.SqlBackupRunsServiceClient(**how)
        self.operations = sqladmin.SqlOperationsServiceClient(**how)

    def end(self, operation: Any) -> Any:
        """The operation when it is done."""
        limit = time.monotonic() + 600
        while time.monotonic() < limit:
            operation = self.operations.get(request={"project": "fleet-sandbox", "operation": operation.name})
            if operation.status.name == "DONE":
                return operation
            assert operation.status.name in ("PENDING", "RUNNING")
            time.sleep(0.05)
        raise AssertionError("it does not end")

    def done(self, operation: Any) -> Any:
        """The operation when it is done, and well."""
        ended = self.end(operation)
        assert not ended.error.errors, ended.error
        return ended


pytestmark = pytest.mark.apart("open databases")

WHERE = {"project": "fleet-sandbox", "instance": "fleet-sandbox"}


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("cloudsql")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Client:
    return Client(server.settings.url)


@pytest.fixture
def database(client: Client, sandbox: Sandbox) -> Iterator[str]:
    name = f"api_{uuid.uuid4().hex[:8]}"
    client.done(client.databases.insert(request={**WHERE, "body": {"name": name}}))
    yield name
    with sandbox.admin() as connection:
        connection.execute(f"drop database if exists {name} with (force)")


def test_the_sandboxs_own_server_answers(sandbox: Sandbox) -> None:
    found = Client(f"http://{sandbox.environment['PGHOST']}:9410").instances.get(request=WHERE)
    assert found.name == "fleet-sandbox"


def test_instances_get_and_list(client: Client, sandbox: Sandbox) -> None:
    found = client.instances.get(request=WHERE)
    (listed,) = client.instances.list(request={"project": "fleet-sandbox"}).items
    with sandbox.admin() as connection:
        major = connection.info.server_version // 10000
    assert found == listed
    assert found.state.name == "RUNNABLE"
    assert found.settings.activation_policy.name == "ALWAYS"
    # A version that this client does not know yet has a number and no name; the version of the API is what the server says.
    assert getattr(found.database_version, "name", f"POSTGRES_{major}") == f"POSTGRES_{major}"
    assert [(each.type_.name, each.ip_address) for each in found.ip_addresses] == [
        ("PRIVATE", sandbox.environment["PGHOST"])
    ]


def _setting(sandbox: Sandbox, name: str) -> str:
    with sandbox.admin() as connection:
        (row,) = connection.execute("select setting from pg_settings where name = %s", [name]).fetchall()
    return str(row[0])


def test_instances_patch_reaches_the_server(client: Client, sandbox: Sandbox) -> None:
    before = _setting(sandbox, "log_autovacuum_min_duration")
    flags = [{"name": "log_autovacuum_min_duration", "value": "12345"}]
    settings = {"user_labels": {"team": "x"}, "database_flags": flags}
    try:
        client.done(client.instances.patch(request={**WHERE, "body": {"settings": settings}}))
        assert dict(client.instances.get(request=WHERE).settings.user_labels) == {"team": "x"}
        # The server's processes read the new file in their own time.
        eventually(lambda: _setting(sandbox, "log_autovacuum_min_duration") == "12345")
        with pytest.raises(exceptions.BadRequest, match="unknown, or needs a restart"):
            wrong = {"settings": {"database_flags": [{"name": "max_connections", "value": "1"}]}}
            client.instances.patch(request={**WHERE, "body": wrong})
    finally:
        client.done(client.instances.patch(request={**WHERE, "body": {"settings": {"database_flags": [
            {"name": "log_autovacuum_min_duration", "value": before}]}}}))  # fmt: skip
        with psycopg.connect(**_superuser(sandbox), autocommit=True) as connection:
            connection.execute("alter system reset log_autovacuum_min_duration")
            connection.execute("select pg_reload_conf()")


def test_instances_patch_merges_and_update_replaces(client: Client) -> None:
    def settings() -> Any:
        return client.instances.get(request=WHERE).settings

    def patch(**changes: Any) -> None:
        client.done(client.instances.patch(request={**WHERE, "body": {"settings": changes}}))

    before = settings()
    assert before.backup_configuration.enabled and before.deletion_protection_enabled
    networks = {"ipv4_enabled": True, "authorized_networks": [{"value": "192.0.2.0/24"}]}
    patch(backup_configuration={"enabled": False}, ip_configuration=networks, availability_type="REGIONAL")
    patch(
        maintenance_window={"day": 1, "hour": 0},
        database_flags=[{"name": "cloudsql.iam_authentication", "value": "on"}],
    )
    after = client.instances.get(request=WHERE)
    assert not after.settings.backup_configuration.enabled
    assert after.settings.backup_configuration.start_time == before.backup_configuration.start_time
    assert after.settings.availability_type.name == "REGIONAL"
    assert (after.settings.maintenance_window.day, after.settings.maintenance_window.hour) == (1, 0)
    assert [each.type_.name for each in after.ip_addresses] == ["PRIVATE", "PRIMARY"]
    before.settings_version = after.settings.settings_version
    client.done(client.instances.update(request={**WHERE, "body": {"settings": before}}))
    found = settings()
    assert found.database_flags == before.database_flags and not found.ip_configuration.authorized_networks
    assert found.backup_configuration == before.backup_configuration
    with pytest.raises(exceptions.PreconditionFailed, match="have changed since"):
        client.instances.update(request={**WHERE, "body": {"settings": before}})


def _superuser(sandbox: Sandbox) -> dict[str, Any]:
    from fleet.sandbox import layout

    password = (layout.current().secrets / "postgres-superuser").read_text()
    return {"host": sandbox.environment["PGHOST"], "user": "postgres", "password": password, "dbname": "postgres"}


def test_databases_are_made_listed_read_and_deleted(client: Client, database: str, sandbox: Sandbox) -> None:
    request = {**WHERE, "database": database}
    assert database in [each.name for each in client.databases.list(request=WHERE).items]
    assert client.databases.get(request=request).charset == "UTF8"
    with sandbox.admin() as connection:
        (owner,) = connection.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = %s", [database]
        ).fetchall()
    assert owner == ("fleet_admin",)
    with pytest.raises(exceptions.BadRequest, match="already exists"):
        client.databases.insert(request={**WHERE, "body": {"name": database}})
    with sandbox.admin(database), pytest.raises(exceptions.BadRequest, match="being accessed by other users"):
        client.databases.delete(request=request)
    client.done(client.databases.delete(request=request))
    for method in (client.databases.get, client.databases.delete):
        with pytest.raises(exceptions.NotFound, match="does not exist"):
            method(request=request)
    with pytest.raises(exceptions.BadRequest, match="system database"):
        client.databases.delete(request={**WHERE, "database": "postgres"})


def test_users_are_made_listed_changed_and_deleted(client: Client, server: Server, sandbox: Sandbox) -> None:
    name, first, second = f"api-{uuid.uuid4().hex[:8]}", secrets.token_hex(16), secrets.token_hex(16)

    def sign_in(password: str) -> None:
        psycopg.connect(
            host=sandbox.environment["PGHOST"], user=name, password=password, dbname="postgres", connect_timeout=10
        ).close()

    client.done(client.users.insert(request={**WHERE, "body": {"name": name, "password": first}}))
    try:
        assert name in [each.name for each in client.users.list(request=WHERE).items]
        assert client.users.get(request={**WHERE, "name": name}).password == ""
        sign_in(first)
        with pytest.raises(exceptions.Conflict, match="already exists"):
            client.users.insert(request={**WHERE, "body": {"name": name, "password": first}})
        client.done(client.users.update(request={**WHERE, "name": name, "body": {"password": second}}))
        sign_in(second)
        with pytest.raises(psycopg.OperationalError):
            sign_in(first)
    finally:
        client.done(client.users.delete(request={**WHERE, "name": name}))
    with pytest.raises(exceptions.NotFound):
        client.users.get(request={**WHERE, "name": name})
    for own in ("postgres", "fleet_admin", "keycloak"):
        with pytest.raises(exceptions.BadRequest, match="sandbox's own"):
            client.users.delete(request={**WHERE, "name": own})
    said = server.log.read_text() + "".join(path.read_text() for path in Path(server.settings.data).rglob("*.json"))
    assert first not in said and second not in said


def _export(database: str, uri: str, **options: Any) -> dict[str, Any]:
    context = {"uri": uri, "databases": [database], "file_type": "SQL", **options}
    return {**WHERE, "body": {"export_context": context}}


def _import(database: str, uri: str, **options: Any) -> dict[str, Any]:
    context = {"uri": uri, "database": database, "file_type": "SQL", **options}
    return {**WHERE, "body": {"import_context": context}}


def _fill(sandbox: Sandbox, database: str) -> None:
    with sandbox.admin(database) as connection:
        connection.execute("create table things (id int primary key, text text)")
        connection.execute("insert into things select n, md5(n::text) from generate_series(1, 500) n")


@pytest.mark.parametrize("end", ["sql", "sql.gz"])
def test_what_is_exported_imports_elsewhere(
    client: Client, server: Server, database: str, sandbox: Sandbox, end: str
) -> None:
    _fill(sandbox, database)
    operation = client.instances.export(request=_export(database, f"gs://fleet-backups/a/{database}.{end}"))
    ended = client.done(operation)
    assert ended.operation_type.name == "EXPORT"
    assert list(ended.export_context.databases) == [database]
    data = (server.bucket / "a" / f"{database}.{end}").read_bytes()
    assert b"CREATE TABLE public.things" in (gzip.decompress(data) if end.endswith("gz") else data)
    other = f"{database}_2"
    client.done(client.databases.insert(request={**WHERE, "body": {"name": other}}))
    try:
        client.done(client.instances.import_(request=_import(other, f"gs://fleet-backups/a/{database}.{end}")))
        with sandbox.admin(database) as one, sandbox.admin(other) as two:
            query = "select md5(string_agg(things::text, ',' order by id)) from things"
            assert one.execute(query).fetchall() == two.execute(query).fetchall()
    finally:
        client.done(client.databases.delete(request={**WHERE, "database": other}))


def test_a_dump_can_be_of_the_schema_only(client: Client, server: Server, database: str, sandbox: Sandbox) -> None:
    _fill(sandbox, database)
    request = _export(database, f"gs://fleet-backups/s/{database}.sql", sql_export_options={"schema_only": True})
    client.done(client.instances.export(request=request))
    text = (server.bucket / "s" / f"{database}.sql").read_text()
    assert "CREATE TABLE" in text and "COPY" not in text


def test_a_failed_import_leaves_nothing(client: Client, server: Server, database: str, sandbox: Sandbox) -> None:
    (server.bucket / "broken.sql").write_text("create table a (id int);\nno such words;\n")
    ended = client.end(client.instances.import_(request=_import(database, "gs://fleet-backups/broken.sql")))
    (error,) = ended.error.errors
    assert error.code == "ERROR_RDBMS" and "syntax error" in error.message
    with sandbox.admin(database) as connection:
        assert connection.execute("select to_regclass('a')").fetchall() == [(None,)]


def test_a_dump_starts_no_program_as_root(client: Client, server: Server, database: str) -> None:
    mark = server.file.with_name("mark")
    mark.parent.chmod(0o711)
    (server.bucket / "hostile.sql").write_text(f"\\! touch {mark}\n")
    client.end(client.instances.import_(request=_import(database, "gs://fleet-backups/hostile.sql")))
    assert not mark.exists() or mark.stat().st_uid != 0


@pytest.mark.parametrize(
    ("request_", "error", "said"),
    [
        (_export("no_such", "gs://fleet-backups/x.sql"), exceptions.NotFound, "does not exist"),
        (_export("postgres", "gs://nobodys-bucket/x.sql"), exceptions.NotFound, "bucket does not exist"),
        (_export("postgres", "gs://fleet-backups/../x.sql"), exceptions.BadRequest, "cannot hold"),
        (_export("postgres", "file:///etc/passwd"), exceptions.BadRequest, "no address of Cloud Storage"),
        (_export("postgres", "gs://fleet-backups/x.csv", file_type="CSV"), exceptions.BadRequest, "SQL only"),
    ],
)
def test_a_wrong_export_is_refused(client: Client, request_: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        client.instances.export(request=request_)


def test_an_import_of_nothing_is_refused(client: Client, database: str) -> None:
    with pytest.raises(exceptions.NotFound, match="does not exist"):
        client.instances.import_(request=_import(database, "gs://fleet-backups/nothing.sql"))


def test_backup_runs_are_made_listed_read_and_deleted(client: Client, server: Server, database: str) -> None:
    operation = client.backups.insert(request={**WHERE, "body": {"description": "before the storm"}})
    number = operation.backup_context.backup_id
    with pytest.raises(exceptions.Conflict, match="already in progress"):
        client.backups.insert(request={**WHERE, "body": {}})
    client.done(operation)
    run = client.backups.get(request={**WHERE, "id": number})
    assert (run.status.name, run.type_.name, run.description) == ("SUCCESSFUL", "ON_DEMAND", "before the storm")
    assert number in [each.id for each in client.backups.list(request=WHERE).items]
    archives = {path.stem for path in (Path(server.settings.data) / "backups" / str(number)).glob("*.dump")}
    assert {database, "postgres", "terraform"} <= archives
    client.done(client.backups.delete(request={**WHERE, "id": number}))
    with pytest.raises(exceptions.NotFound):
        client.backups.get(request={**WHERE, "id": number})


def test_operations_are_listed_and_paged(client: Client, database: str) -> None:
    listed = list(client.operations.list(request={**WHERE, "max_results": 2}))
    assert len(listed) > 2  # the pager went on
    assert {"CREATE_DATABASE"} <= {each.operation_type.name for each in listed}
    with pytest.raises(exceptions.NotFound):
        client.operations.get(request={"project": "fleet-sandbox", "operation": "none"})


def test_an_unknown_instance_or_project_is_refused(client: Client) -> None:
    with pytest.raises(exceptions.NotFound, match="instance does not exist"):
        client.instances.get(request={**WHERE, "instance": "other"})
    with pytest.raises(exceptions.Forbidden, match="not authorized"):
        client.instances.get(request={**WHERE, "project": "other"})
