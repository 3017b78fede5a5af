"""The Kubernetes driver against the sandbox's API server."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fleet.drivers import kubernetes, tools
from fleet.drivers.kubernetes import ApiError, Cluster, core
from fleet.errors import FleetError
from tests.support.sandbox import Sandbox


@pytest.fixture
def cluster(sandbox: Sandbox) -> Cluster:
    return Cluster("fleet-sandbox")


@pytest.fixture
def namespace(sandbox: Sandbox) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    sandbox.kubectl("create", "namespace", name)
    yield name
    sandbox.kubectl("delete", "namespace", name, "--wait=false")


def _config_map(name: str, **data: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"test": "yes"}},
        "data": data,
    }


def test_apply_create_get_delete(cluster: Cluster, namespace: str) -> None:
    path = core("configmaps", namespace, "a")

    async def work() -> None:
        assert await cluster.get(path) is None
        await cluster.apply(path, _config_map("a", key="1"))
        await cluster.apply(path, _config_map("a", key="2"))
        found = await cluster.get(path)
        assert found and found["data"] == {"key": "2"}
        assert not await cluster.create(core("configmaps", namespace), _config_map("a", key="3"))
        assert await cluster.create(core("configmaps", namespace), _config_map("b", key="3"))
        assert await cluster.delete(path)
        assert not await cluster.delete(path)

    asyncio.run(work())


def test_a_list_reads_every_page(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes, "_PAGE", 3)

    async def work() -> list[str]:
        for number in range(7):
            await cluster.create(core("configmaps", namespace), _config_map(f"c{number}"))
        found = await cluster.list(core("configmaps", namespace), labels="test=yes")
        return sorted(item["metadata"]["name"] for item in found)

    assert asyncio.run(work()) == [f"c{number}" for number in range(7)]


def test_metadata_only_leaves_secrets_unread(cluster: Cluster, namespace: str, sandbox: Sandbox) -> None:
    sandbox.kubectl("--namespace", namespace, "create", "secret", "generic", "s", "--from-literal=key=hunter2")
    (found,) = asyncio.run(cluster.list(core("secrets", namespace), metadata_only=True))
    assert found["metadata"]["name"] == "s"
    assert "data" not in found


def test_what_the_server_refuses_is_said(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(ApiError, match="must be no more than 253") as refused:
        asyncio.run(cluster.create(core("configmaps", namespace), _config_map("x" * 300)))
    assert refused.value.status == 422


def test_an_unknown_context_is_refused() -> None:
    with pytest.raises(FleetError, match="no Kubernetes context `nowhere`"):
        Cluster("nowhere")


def _kubeconfig(sandbox: Sandbox, tmp_path: Path, change: str, value: str) -> Path:
    config = yaml.safe_load(Path(sandbox.environment["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"][change] = value
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_server_that_does_not_answer_is_a_clear_error(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _kubeconfig(sandbox, tmp_path, "server", "https://127.0.0.1:1")
    monkeypatch.setattr(tools, "kubeconfig", lambda _context: path)
    with pytest.raises(FleetError, match=r"127\.0\.0\.1:1 does not answer") as failed:
        asyncio.run(Cluster("fleet-sandbox").get(core("namespaces", name="default")))
    assert "fleet sandbox up" in failed.value.hint


def test_follow_gives_lines_as_they_come(cluster: Cluster, namespace: str) -> None:
    async def work() -> str:
        lines = cluster.follow(core("configmaps", namespace), watch="true")
        with contextlib.suppress(StopAsyncIteration):
            first = asyncio.create_task(anext(lines))
            await asyncio.sleep(0.5)
            await cluster.create(core("configmaps", namespace), _config_map("seen"))
            return await asyncio.wait_for(first, 20)
        return ""

    assert '"type":"ADDED"' in asyncio.run(work())


def test_who_follows_and_hears_nothing_can_stop(cluster: Cluster, namespace: str) -> None:
    async def work() -> None:
        async for _ in cluster.follow(core("configmaps", namespace), watch="true"):
            pass

    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(work(), 2))
    assert time.monotonic() - begun < 60  # the server would hold it for half an hour and more
