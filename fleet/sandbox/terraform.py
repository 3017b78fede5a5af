"""Terraform and its providers: takes PATH and the pins, gives a program and, where no registry answers, a mirror."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from pathlib import Path

from fleet.paths import asset, cache_dir
from fleet.sandbox import builds, config, versions
from fleet.sandbox.layout import Layout
from fleet.sandbox.shell import attempt

NOTE = "STAND-IN.txt"
# Raised when the mirror's folders are laid out in another way.
_LAYOUT = 2
_NOTE_TEXT = """A stand-in, not the official provider: its schema is the official one's, its code is fleet's
(sandbox/providers). It serves where no provider registry and no mirror can be reached;
`fleet sandbox up` looks again at every start.
"""


def system_program() -> Path | None:
    """Terraform or OpenTofu on PATH of at least the pinned minimum; Terraform is preferred."""
    own = str(current_bin())
    path = os.pathsep.join(folder for folder in os.get_exec_path() if folder != own)
    for name in ("terraform", "tofu"):
        found = shutil.which(name, path=path)
        if found and new_enough(program_version(Path(found)), versions.load().terraform_minimum):
            return Path(found)
    return None


def current_bin() -> Path:
    """The sandbox's own folder of links, which must not answer for the system's programs."""
    from fleet.sandbox import layout

    return layout.current().bin


def program_version(program: Path) -> str:
    """Version that the program names, ``1.11.4``; empty when it does not run."""
    done = attempt(str(program), "version", "-json", env=os.environ | {"CHECKPOINT_DISABLE": "1"})
    if done.returncode != 0:
        return ""
    return str(json.loads(done.stdout)["terraform_version"])


def new_enough(found: str, minimum: str) -> bool:
    """Whether version ``found`` is at least ``minimum``; pre-release suffixes do not count."""
    return bool(found) and _numbers(found) >= _numbers(minimum)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.partition("-")[0].split("."))


def official_providers_reachable(program: Path, own_configuration: Path) -> bool:
    """Whether ``init`` with the user's own configuration gets the pinned providers, from a registry or a mirror.

    The folder it is tried in stays in the cache, so that a second ``init`` neither asks nor fetches again.
    """
    folder = _official(program)
    # In a shell that uses the sandbox, the configuration is the sandbox's own, which would find the stand-ins.
    environment = {name: value for name, value in os.environ.items() if value != str(own_configuration)}
    done = attempt(str(program), f"-chdir={folder}", "init", "-input=false", "-backend=false", env=environment)
    # A configuration that finds a copy of the stand-ins finds nothing official.
    found_stand_ins = any(folder.glob(f".terraform/providers/*/*/*/*/*/{NOTE}"))
    return done.returncode == 0 and not found_stand_ins


def _official(program: Path) -> Path:
    """A root module that needs every pinned provider."""
    required = {name.partition("/")[2]: {"source": name, "version": version} for name, version in _pins().items()}
    text = json.dumps({"terraform": {"required_providers": required}})
    folder = cache_dir() / "providers-official" / hashlib.sha256(f"{program}{text}".encode()).hexdigest()[:16]
    config.write(folder / "main.tf.json", text, mode=0o644)
    return folder


def build_stand_ins() -> str:
    """Compile the stand-ins into a filesystem mirror in the cache; says whether they were there already."""
    target = mirror()
    if target.is_dir():
        return "from cache"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        fresh = Path(folder) / "mirror"
        for name, version in _pins().items():
            _build_stand_in(fresh, name, version)
        builds.publish(fresh, target)
    return "built"


def mirror() -> Path:
    """The filesystem mirror that the stand-ins lie in.

    The path carries a digest of their sources: what was initialised with one build never meets another behind its lock file.
    """
    return cache_dir() / "providers" / _sources_key()[:16]


def lay_out(target: Path, own_configuration: Path) -> None:
    """Program, providers and a configuration that finds them there, for an image: ``bin``, ``providers``, ``terraformrc``.

    Args:
        own_configuration: the sandbox's, which is there where the providers are stand-ins.
    """
    program = system_program() or builds.tool("tofu")
    (target / "bin").mkdir(parents=True)
    _link(program.resolve(), target / "bin" / program.name)
    if own_configuration.is_file():
        shutil.copytree(mirror(), target / "providers", symlinks=True, copy_function=_link)
    else:
        attempt(str(program), f"-chdir={_official(program)}", "providers", "mirror", str(target / "providers"))
    (target / "terraformrc").write_text(
        'provider_installation {\n  filesystem_mirror {\n    path = "/opt/terraform/providers"\n  }\n}\n'
    )


def _link(source: Path | str, target: Path | str) -> None:
    """The same file under another name; a copy where the two are not on one disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def write_terraformrc(layout: Layout, stand_ins: bool) -> None:
    """Point Terraform at the mirror, or, where the official providers can be had, at nothing."""
    if stand_ins:
        config.write(layout.terraformrc, config.render("terraformrc", mirror=mirror(), providers=list(_pins())))
    else:
        layout.terraformrc.unlink(missing_ok=True)


def _build_stand_in(root: Path, name: str, version: str) -> None:
    namespace, _, kind = name.partition("/")
    system = f"linux_{'arm64' if platform.machine() == 'aarch64' else 'amd64'}"
    sources, program = asset("sandbox") / "providers", f"terraform-provider-{kind}"
    binary = root / "registry.terraform.io" / namespace / kind / version / system / f"{program}_v{version}"
    binary.parent.mkdir(parents=True)
    builds.go_build(sources, f"./cmd/{program}", binary)
    (binary.parent / NOTE).write_text(_NOTE_TEXT)
    # OpenTofu asks under its own registry's name for the same provider, and follows a link only at the last step.
    twin = root / "registry.opentofu.org" / namespace / kind / version / system
    twin.parent.mkdir(parents=True)
    twin.symlink_to(Path("../../../..") / binary.parent.relative_to(root))


def _sources_key() -> str:
    folder = asset("sandbox") / "providers"
    digest = hashlib.sha256(json.dumps([_LAYOUT, _pins()], sort_keys=True).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith("_test.go"):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _pins() -> dict[str, str]:
    return versions.load().providers
