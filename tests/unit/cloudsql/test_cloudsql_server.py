"""The local API without a database behind it: routes, errors in Google's form, operations, the folder that is Cloud Storage."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet.sandbox.cloudsql import http, settings
from fleet.sandbox.cloudsql.api import routes
from fleet.sandbox.cloudsql.http import ApiError, Route
from fleet.sandbox.cloudsql.operations import Failure, Operations
from fleet.sandbox.cloudsql.settings import Settings


@dataclass(frozen=True)
class Api:
    url: str
    settings: Settings

    def call(self, method: str, path: str, data: bytes | None = None) -> tuple[int, Any]:
        request = urllib.request.Request(f"{self.url}{path}", method=method, data=data)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@pytest.fixture
def told(tmp_path: Path) -> Settings:
    (tmp_path / "buckets" / "fleet-backups").mkdir(parents=True)
    return Settings(
        "127.0.0.1", 0, "p", "i", 1, "postgres", "owner", ("postgres",), "/nowhere", str(tmp_path / "data"),
        str(tmp_path / "buckets"),
    )  # fmt: skip


@pytest.fixture
def api(told: Settings) -> Iterator[Api]:
    server = http.serve("127.0.0.1", 0, routes(told))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Api(f"http://127.0.0.1:{server.server_port}", told)
    server.shutdown()
    thread.join()
    server.server_close()


def test_settings_read_back_as_they_were_written(told: Settings, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(told.text())
    assert settings.load(path) == told


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/sql/v1beta4/projects/p/instances/other", 404, "instanceDoesNotExist"),
        ("GET", "/sql/v1beta4/projects/strange/instances/i", 403, "notAuthorized"),
        ("GET", "/sql/v1beta4/projects/p/operations/none", 404, "operationDoesNotExist"),
        ("GET", "/sql/v1beta4/projects/p/operations/..%2Finstance", 404, "operationDoesNotExist"),
        ("GET", "/sql/v1beta4/projects/p/operations?maxResults=x", 400, "invalid"),
        ("GET", "/sql/v1beta4/projects/p/instances/i/backupRuns/1", 404, "backupRunDoesNotExist"),
        ("POST", "/sql/v1beta4/projects/p/instances/i/failover", 404, "notFound"),
        ("GET", "/storage/v1/b/none/o/x", 404, "notFound"),
        ("GET", "/storage/v1/b/fleet-backups/o/none", 404, "notFound"),
        ("GET", "/storage/v1/b/fleet-backups/o/..%2F..%2Fdata%2Finstance.json", 400, "invalid"),
        ("GET", "/storage/v1/b/..%2Fdata/o/x", 404, "notFound"),
        ("POST", "/upload/storage/v1/b/fleet-backups/o?uploadType=multipart&name=x", 400, "invalid"),
        ("GET", "/", 404, "notFound"),
    ],
)
def test_errors_have_googles_form(api: Api, method: str, path: str, status: int, reason: str) -> None:
    found, body = api.call(method, path, b"" if method == "POST" else None)
    assert found == status
    assert body["error"]["code"] == status
    (detail,) = body["error"]["errors"]
    assert detail["reason"] == reason and detail["domain"] == "global"
    assert detail["message"] == body["error"]["message"] != ""


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    status, answer = api.call("POST", "/sql/v1beta4/projects/p/instances/i/export", body)
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "parseError")


def test_a_body_that_is_too_large_is_refused_unread(api: Api) -> None:
    request = urllib.request.Request(f"{api.url}/upload/storage/v1/b/fleet-backups/o", method="POST", data=b"")
    request.add_header("Content-Length", str(1 << 40))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)
    assert refused.value.code == 413


def test_the_log_has_no_query_and_no_body(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    api.call("PUT", "/sql/v1beta4/projects/p/nothing?name=hunter1", b'{"password": "hunter2"}')
    said = capfd.readouterr()
    assert "/sql/v1beta4/projects/p/nothing 404" in said.out
    assert "hunter" not in said.out + said.err


# Cloud Storage.


def test_an_object_is_written_listed_read_and_deleted(api: Api) -> None:
    content, root = b"rows", "/storage/v1/b/fleet-backups/o"
    status, made = api.call("POST", f"/upload{root}?uploadType=media&name=a%2Fb.json", content)
    item = json.loads(made)
    assert status == 200
    assert (item["name"], item["size"]) == ("a/b.json", "4")
    assert item["md5Hash"] == base64.b64encode(hashlib.md5(content).digest()).decode()
    assert api.call("GET", f"{root}/a%2Fb.json?alt=media") == (200, content)
    assert json.loads(api.call("GET", f"{root}?prefix=a/")[1])["items"] == [item]
    assert json.loads(api.call("GET", f"{root}?prefix=b")[1])["items"] == []
    assert api.call("DELETE", f"{root}/a%2Fb.json")[0] == 200
    assert api.call("GET", f"{root}/a%2Fb.json")[0] == 404


def test_every_writing_is_another_generation_and_a_condition_holds(api: Api) -> None:
    path = "/upload/storage/v1/b/fleet-backups/o?uploadType=media&name=x"
    first = json.loads(api.call("POST", path, b"1")[1])
    time.sleep(0.01)
    second = json.loads(api.call("POST", path, b"2")[1])
    assert first["generation"] != second["generation"]
    assert api.call("POST", f"{path}&ifGenerationMatch=0", b"3")[0] == 412


def test_what_a_killed_server_left_half_written_is_swept_up(told: Settings) -> None:
    routes(told)
    half = Path(told.buckets) / ".partial" / "tmp123"
    half.write_text("half")
    routes(told)
    assert not half.exists()


# Operations.


def _until(operations: Operations, name: str, status: str) -> dict[str, Any]:
    for _ in range(500):
        found = operations.get(name)
        if found["status"] == status:
            return found
        time.sleep(0.01)
    raise AssertionError(f"it is never {status}")


def test_an_operation_is_pending_then_running_then_done(told: Settings) -> None:
    operations, go = Operations(told), threading.Event()
    operation = operations.begin("EXPORT", lambda: bool(go.wait(10)) and None)
    assert operation["status"] == "PENDING"
    _until(operations, operation["name"], "RUNNING")
    with pytest.raises(ApiError) as refused:  # one at a time
        operations.begin("IMPORT", lambda: None)
    assert (refused.value.status, refused.value.reason) == (409, "operationInProgress")
    go.set()
    done = _until(operations, operation["name"], "DONE")
    assert "error" not in done
    assert done["insertTime"] <= done["startTime"] <= done["endTime"]


def test_a_failed_operation_says_why_and_frees_the_instance(told: Settings) -> None:
    operations = Operations(told)

    def fail() -> None:
        raise Failure("ERROR_RDBMS", "no")

    done = _until(operations, operations.begin("EXPORT", fail)["name"], "DONE")
    assert done["error"]["errors"] == [{"kind": "sql#operationError", "code": "ERROR_RDBMS", "message": "no"}]
    assert operations.at_once("UPDATE", lambda: None)["status"] == "DONE"


def test_a_restarted_server_answers_for_what_the_one_before_left(told: Settings) -> None:
    before, stuck = Operations(told), threading.Event()
    left = before.begin("EXPORT", lambda: bool(stuck.wait(10)) and None)["name"]
    _until(before, left, "RUNNING")
    after = Operations(told)
    after.recover()
    found = after.get(left)
    assert found["status"] == "DONE"
    assert "was stopped" in found["error"]["errors"][0]["message"]
    stuck.set()


def test_operations_are_listed_newest_first_in_pages(told: Settings) -> None:
    operations = Operations(told)
    names = []
    for _ in range(5):
        names.append(operations.at_once("UPDATE", lambda: None)["name"])
        time.sleep(0.002)
    first = operations.index(2)
    second = operations.index(2, first["nextPageToken"])
    third = operations.index(2, second["nextPageToken"])
    seen = [item["name"] for page in (first, second, third) for item in page["items"]]
    assert seen == names[::-1]
    assert "nextPageToken" not in third


def test_a_paths_parts_are_decoded_and_a_star_takes_slashes() -> None:
    route = Route("GET", "/b/{bucket}/o/{object*}", lambda request: {})
    assert route.match("GET", "/b/x/o/a/b%20c") == {"bucket": "x", "object": "a/b c"}
    assert route.match("POST", "/b/x/o/a") is None
    assert route.match("GET", "/b/x/y/o/a") is None
