"""Configuration: every template renders to what its program parses, for both modes; versions agree with the modules."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from fleet.paths import asset
from fleet.sandbox import builds, config, credentials, layout, site, terraform, versions
from fleet.sandbox.layout import Mode
from fleet.sandbox.parts import all_parts
from fleet.sandbox.site import Site

MODULES = sorted(path.parent for path in (asset("sandbox") / "go").glob("*/go.mod"))


@pytest.fixture(params=[Mode(real_node=True, simulated_nodes=2), Mode(real_node=False, simulated_nodes=3)])
def prepared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return site.prepare(layout.with_mode(request.param))


def test_every_part_finds_its_inputs_and_needs_only_known_things(prepared: Site) -> None:
    parts = all_parts(prepared)
    names = {part.name for part in parts}
    outside = {"network", "image pause", "postgresql programs", "keycloak build"}
    for part in parts:
        assert set(part.needs) <= names | outside, part.name
        assert len(part.fingerprint()) == 64
    assert ("kubelet" in names) == prepared.layout.mode.real_node


def test_no_part_has_a_secret_in_its_arguments(prepared: Site) -> None:
    parts = all_parts(prepared)
    secrets = {path.read_text() for path in prepared.layout.secrets.iterdir()}
    words = " ".join(word for part in parts for word in part.command)
    assert secrets and not [secret for secret in secrets if secret in words]


def test_a_sandbox_without_a_node_listens_on_the_loopback_only(prepared: Site) -> None:
    expected = "10.244.0.1" if prepared.layout.mode.real_node else "127.0.0.1"
    words = " ".join(word for part in all_parts(prepared) for word in (*part.command, part.address))
    assert set(re.findall(r"\b(?:10\.244\.0\.1|0\.0\.0\.0)\b", words)) == ({expected} - {"127.0.0.1"})


def test_the_nodes_configuration_parses(prepared: Site) -> None:
    all_parts(prepared)
    if not prepared.layout.mode.real_node:
        return
    folder = prepared.layout.config
    containerd = tomllib.loads((folder / "containerd.toml").read_text())
    cri = containerd["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is True and cri["netns_mounts_under_state_dir"] is True
    kubelet = yaml.safe_load((folder / "kubelet.yaml").read_text())
    assert kubelet["failCgroupV1"] is False and kubelet["imageGCHighThresholdPercent"] == 100
    cni = json.loads((folder / "cni" / "10-fleet.conflist").read_text())
    assert cni["plugins"][0]["bridge"] == "fleet0"
    assert yaml.safe_load((folder / "kube-proxy.yaml").read_text())["iptables"]["masqueradeAll"] is True


def test_kubeconfigs_are_the_owners_alone_and_name_the_context(prepared: Site) -> None:
    for path in prepared.credentials.kubeconfigs.values():
        assert path.stat().st_mode & 0o777 == 0o600
        assert yaml.safe_load(path.read_text())["current-context"] == "fleet-sandbox"


def test_the_front_takes_routes_on_one_entry_and_hands_the_other_on(prepared: Site) -> None:
    all_parts(prepared)
    if not prepared.layout.mode.real_node:
        return
    front = yaml.safe_load((prepared.layout.config / "front.yaml").read_text())
    assert [name for name, entry in front["entryPoints"].items() if entry.get("asDefault")] == ["websecure"]
    assert {entry["address"].rpartition(":")[0] for entry in front["entryPoints"].values()} == {
        "127.0.0.1",
        "10.244.0.1",
    }
    routes = yaml.safe_load((prepared.layout.config / "front-routes.yaml").read_text())
    assert set(routes["http"]["routers"]) == {"keycloak"}
    assert routes["tcp"]["routers"]["loopback"]["tls"] == {"passthrough": True}
    assert len(list(yaml.safe_load_all(_front_cluster()))) == 6


def _front_cluster() -> str:
    return config.render("front-cluster.yaml", namespace="n", class_name="c", certificate="x\ny\n", key="z\n")


def test_the_gateway_api_is_the_release_that_traefik_knows() -> None:
    text = (asset("sandbox") / "go" / "traefik" / "go.mod").read_text()
    assert f"sigs.k8s.io/gateway-api {versions.load().gateway_api} " in text


def test_every_stage_of_kwok_is_a_stage(prepared: Site) -> None:
    all_parts(prepared)
    documents = list(yaml.safe_load_all((prepared.layout.config / "kwok.yaml").read_text()))
    assert {document["kind"] for document in documents} == {"Stage"}


@pytest.mark.parametrize("tainted", [True, False])
def test_simulated_nodes_keep_real_pods_away_where_there_is_a_real_node(tainted: bool) -> None:
    text = config.render("nodes.yaml", names=["a", "b"], tainted=tainted)
    nodes = [node for node in yaml.safe_load_all(text) if node]
    assert [node["metadata"]["name"] for node in nodes] == ["a", "b"]
    assert {bool(node["spec"]["taints"]) for node in nodes} == {tainted}


def test_a_password_is_made_once_and_is_the_owners_alone(prepared: Site) -> None:
    first = prepared.password("x")
    assert len(first) >= 32 and prepared.password("x") == first
    assert (prepared.layout.secrets / "x").stat().st_mode & 0o777 == 0o600
    assert credentials.password(prepared.layout, "y") != first


def test_the_shells_environment_holds_no_secret(prepared: Site) -> None:
    all_parts(prepared)
    shown = json.dumps(prepared.layout.environment())
    assert not [path for path in prepared.layout.secrets.iterdir() if path.read_text() in shown]


def test_a_file_is_written_whole_and_left_alone_when_nothing_changed(tmp_path: Path) -> None:
    path = config.write(tmp_path / "a" / "file", "one")
    before = path.stat().st_mtime_ns
    assert config.write(path, "one").stat().st_mtime_ns == before
    assert config.write(path, "two").read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("folder", MODULES, ids=lambda folder: folder.name)
def test_the_versions_are_those_of_the_modules(folder: Path) -> None:
    wanted = {tool.package: tool.version for tool in versions.load().go.values() if tool.module_set == folder.name}
    required = dict(re.findall(r"^(?:require )?\s*(\S+) (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE))
    imported = set(re.findall(r'_ "(\S+)"', (folder / "tools.go").read_text()))
    assert imported == set(wanted)
    for package, version in wanted.items():
        module = max((name for name in required if package.startswith(name)), key=len)
        assert required[module] == version


def test_kubernetes_staging_modules_are_all_of_one_release() -> None:
    text = (asset("sandbox") / "go" / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) == 31
    assert {(name == target, version) for name, target, version in replaced} == {(True, "v0.34.4")}


def test_a_build_is_known_by_its_pins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    tool = versions.load().tool("etcd")
    assert not builds.is_cached(tool)
    builds.binary(tool).parent.mkdir(parents=True)
    builds.binary(tool).write_text("built")
    builds.binary(tool).with_suffix(".key").write_text(builds.key_of(tool))
    assert builds.is_cached(tool)
    builds.binary(tool).with_suffix(".key").write_text("other pins")
    assert not builds.is_cached(tool)


def test_a_program_is_built_once_and_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module example.test/hello\n\ngo 1.24\n")
    (module / "go.sum").write_text("")
    (module / "main.go").write_text('package main\n\nvar word = "?"\n\nfunc main() { print(word) }\n')
    tool = versions.GoTool("hello", "v1", "unused", ".", (("main.word", "built"),))
    # The compiler's own cache follows the same variable, and without it the standard library would be compiled again.
    go_cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, check=True, text=True).stdout.strip()
    monkeypatch.setenv("GOCACHE", go_cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(versions.GoTool, "folder", property(lambda _: module))
    assert builds.build(tool) == "built"
    assert subprocess.run([builds.binary(tool)], capture_output=True, check=True).stderr == b"built"
    assert builds.build(tool) == "from cache"
    assert sorted(path.name for path in builds.binary(tool).parent.iterdir()) == ["hello", "hello.key"]


@pytest.mark.parametrize(
    ("found", "enough"),
    [
        ("1.11.0", True),
        ("1.11.4", True),
        ("1.12.0-rc1", True),
        ("2.0.0", True),
        ("1.9.8", False),
        ("1.10.99", False),
        ("", False),
    ],
)
def test_terraform_must_be_new_enough(found: str, enough: bool) -> None:
    assert terraform.new_enough(found, "1.11.0") is enough


def test_the_mirror_serves_the_stand_ins_and_nothing_else() -> None:
    text = config.render("terraformrc", mirror="/mirror", providers=["a/b", "c/d"])
    included = re.search(r"include = \[(.*)\]", text)
    excluded = re.search(r"exclude = \[(.*)\]", text)
    assert included and excluded and included[1] == excluded[1]
    assert '"registry.terraform.io/a/b"' in included[1] and '"registry.opentofu.org/c/d"' in included[1]


@pytest.mark.parametrize(("version", "taken"), [("1.11.4", True), ("1.9.8", False), ("broken", False)])
def test_a_terraform_on_the_path_is_taken_when_new_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, taken: bool
) -> None:
    answer = "exit 3" if version == "broken" else f'echo \'{{"terraform_version": "{version}"}}\''
    (tmp_path / "terraform").write_text(f"#!/bin/sh\n{answer}\n")
    (tmp_path / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (terraform.system_program() is not None) is taken


def test_what_two_have_built_at_once_is_kept_once(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        builds.publish(tmp_path / name, tmp_path / "target")
    assert (tmp_path / "target" / "file").read_text() == "first"
    with pytest.raises(FileNotFoundError):
        builds.publish(tmp_path / "missing", tmp_path / "elsewhere")
