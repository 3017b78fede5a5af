"""Runs Terraform on a stack: takes variables and secrets, gives what it changed, never decides.

python-terraform builds the command lines. It blocks, knows no environment per call and no JSON events, and leaves its files
of variables behind when killed; `_Terraform` adds what it lacks (ADR 0006).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import python_terraform
from python_terraform import IsFlagged
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from fleet import digest, paths
from fleet.drivers import process, tools
from fleet.drivers.terraform_errors import explained, passes
from fleet.errors import FleetError

Variables = Mapping[str, Any]
# Write-only arguments and ephemeral variables: https://developer.hashicorp.com/terraform/language/manage-sensitive-data
MINIMUM_VERSION = (1, 11)
_LOCK_TIMEOUT = "120s"
_UNSAVED = "errored.tfstate"  # where Terraform puts a state that its back end did not take
NO_VARIABLES: Variables = MappingProxyType({})


@dataclass(frozen=True)
class ResourceChange:
    """One resource that Terraform changed or would change."""

    address: str
    action: str  # create, update, delete, replace


@dataclass(frozen=True)
class Provider:
    """A provider as it was installed."""

    source: str
    version: str
    stand_in: bool

    def __str__(self) -> str:
        return f"{self.source} {self.version}{' (stand-in)' if self.stand_in else ''}"


class _Unsaved(FleetError):
    """The back end is there, and does not take the state that an earlier run left."""


class _Terraform(python_terraform.Terraform):
    """python-terraform with asyncio and an environment per call."""

    def read_state_file(self, file_path: str | None = None) -> None:
        """Nothing: the states lie in the back end, and nobody here reads a state file."""

    async def run(
        self, command: str, *arguments: str, env: Mapping[str, str | None], **options: Any
    ) -> process.Finished:
        argv = self.generate_cmd_string(command, *arguments, **options)  # type: ignore[no-untyped-call]
        try:
            return await process.run(argv, cwd=Path(self.working_dir), env=env)
        finally:
            self.temp_var_files.clean_up()


@dataclass(frozen=True)
class Stack:
    """One root module in its working directory, initialised.

    Args:
        directory: working directory, shared by all workspaces.
        env: environment of every call: back end and provider credentials.
    """

    directory: Path
    program: Path
    env: Mapping[str, str | None]

    async def plan(self, workspace: str, variables: Variables, secrets: Mapping[str, str]) -> list[ResourceChange]:
        """What `terraform apply` would change."""
        return await self._changes("plan", workspace, variables, secrets, lock=False)

    async def apply(self, workspace: str, variables: Variables, secrets: Mapping[str, str]) -> list[ResourceChange]:
        """Make it so.

        Args:
            workspace: made at first use.
            variables: without any secret; passed in a file.
            secrets: ephemeral variables; passed by environment, kept nowhere.

        Returns:
            The changes that were made.

        Raises:
            FleetError: Terraform failed; its first error is in it.
        """
        return await self._changes("apply", workspace, variables, secrets, auto_approve=IsFlagged)

    async def destroy(
        self, workspace: str, variables: Variables, secrets: Mapping[str, str], targets: tuple[str, ...] = ()
    ) -> list[ResourceChange]:
        """Destroy what the workspace holds, or only ``targets`` of it."""
        return await self._changes(
            "destroy", workspace, variables, secrets, auto_approve=IsFlagged, target=list(targets)
        )

    async def delete_workspace(self, workspace: str) -> None:
        """Delete an empty workspace."""
        environment = {**self.env, "TF_WORKSPACE": "default"}
        await self._checked(self._terraform(self.directory), "workspace delete", workspace, env=environment)
        shutil.rmtree(self._folder(workspace))

    async def call(
        self, workspace: str, command: str, *arguments: str, secrets: Mapping[str, str] = NO_VARIABLES, **options: Any
    ) -> bytes:
        """What a command prints that needs no events.

        Raises:
            FleetError: Terraform failed; its words are in it.
        """
        environment = {**self.env, "TF_WORKSPACE": workspace, **{f"TF_VAR_{k}": v for k, v in secrets.items()}}
        finished = await self._terraform(self.directory).run(command, *arguments, env=environment, **options)
        if finished.returncode != 0:
            raise explained(command, finished, [], self.directory)
        return finished.stdout

    def providers(self) -> list[Provider]:
        """The providers that this stack runs with; stand-ins carry the file `STAND-IN.txt` beside their binary."""
        root = self.directory / ".terraform" / "providers"
        return sorted(map(_provider, root.glob("*/*/*/*/*")), key=lambda provider: provider.source)

    def _terraform(self, directory: Path) -> _Terraform:
        return _Terraform(  # type: ignore[no-untyped-call]
            working_dir=str(directory), terraform_bin_path=str(self.program)
        )

    def _folder(self, workspace: str) -> Path:
        """The stack's files once more, for one workspace: Terraform gives a state that it cannot save a name, and leaves it
        where it runs. In one folder for all, the next workspace would write over it. It is beside the stack, from where the
        modules' relative paths hold.
        """
        folder = self.directory.with_name(f"{self.directory.name}@{workspace}")
        folder.mkdir(exist_ok=True)
        for pattern in ("*.tf", "*.tf.json", ".terraform*"):
            for file in self.directory.glob(pattern):
                with suppress(FileExistsError):
                    (folder / file.name).symlink_to(file)
        return folder

    async def _save(self, workspace: str, unsaved: Path) -> None:
        """Hand over the state that an earlier run could not save: else Terraform would make again what that run made.

        Raises:
            _Unsaved: the workspace has another state by now.
            FleetError: the back end is away.
        """
        if not unsaved.exists():
            return
        try:
            await self.call(workspace, "state push", str(unsaved), lock_timeout=_LOCK_TIMEOUT, no_color=IsFlagged)
        except FleetError as error:
            left = f"what an earlier run made is in {unsaved}, which Terraform could not save; "
            if passes(error):
                raise FleetError(
                    error.what, hint=left + "run the same command again when the back end is there"
                ) from error
            pull = f"TF_WORKSPACE={workspace} terraform -chdir={shlex.quote(str(self.directory))} state pull"
            compare = f"compare it with what the workspace has by now (`{pull}`), and remove it if it is of no use"
            raise _Unsaved(error.what, hint=left + compare) from error
        unsaved.unlink()

    async def _changes(
        self, command: str, workspace: str, variables: Variables, secrets: Mapping[str, str], **options: Any
    ) -> list[ResourceChange]:
        environment = {**self.env, "TF_WORKSPACE": workspace, **{f"TF_VAR_{k}": v for k, v in secrets.items()}}
        folder = self._folder(workspace)
        unsaved, writes = folder / _UNSAVED, command != "plan"

        def worth_another(error: BaseException) -> bool:
            left = writes and isinstance(error, FleetError) and unsaved.exists()
            return passes(error) or (left and not isinstance(error, _Unsaved))

        async for attempt in AsyncRetrying(
            retry=retry_if_exception(worth_another),
            stop=stop_after_attempt(6),
            wait=wait_exponential_jitter(multiplier=2, max=15),
            reraise=True,
        ):
            with attempt:
                if writes:
                    await self._save(workspace, unsaved)
                events = await self._checked(
                    self._terraform(folder), command, env=environment, var=dict(variables), json=IsFlagged,
                    input=False, **({"lock_timeout": _LOCK_TIMEOUT} | options),
                )  # fmt: skip
        planned = [event["change"] for event in events if event.get("type") == "planned_change"]
        return [ResourceChange(change["resource"]["addr"], change["action"]) for change in planned]

    async def _checked(
        self, terraform: _Terraform, command: str, *arguments: str, **options: Any
    ) -> list[dict[str, Any]]:
        """Terraform's events, where it was told to write them as JSON."""
        finished = await terraform.run(command, *arguments, **options)
        events = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith(b"{")]
        if finished.returncode != 0:
            said = [event["diagnostic"] for event in events if event.get("type") == "diagnostic"]
            errors = [diagnostic for diagnostic in said if diagnostic["severity"] == "error"]
            raise explained(command, finished, errors, self.directory)
        return events


async def initialise(stack: str, backend: Mapping[str, Any], env: Mapping[str, str | None]) -> Stack:
    """The stack, ready to run: copied to a working directory of this machine's state and initialised there once.

    The directory's name is a digest of the modules, the back end and Terraform's configuration: as long as these are the
    same, no `init` runs again.

    Args:
        stack: ``platform`` or ``team``.
        backend: ``{"pg": {…}}`` or ``{"gcs": {…}}``, as Terraform's JSON syntax has it, without secrets.
        env: back end and provider credentials.

    Raises:
        FleetError: Terraform is missing or too old, or `init` failed.
    """
    program = tools.find("terraform", "tofu")
    config = tools.terraform_config()
    environment = {
        **env, "TF_CLI_CONFIG_FILE": str(config) if config else None, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
    }  # fmt: skip
    source = paths.asset("terraform")
    decides = [
        digest.tree(source),
        json.dumps(backend, sort_keys=True),
        str(program),
        config.read_text() if config else "",
    ]
    root = paths.state_dir() / "terraform" / hashlib.sha256("\0".join(decides).encode()).hexdigest()[:16]
    ready = Stack(root / "stacks" / stack, program, environment)
    with _exclusive(root.with_suffix(f".{stack}.lock")):
        if not (ready.directory / ".initialised").exists():
            await _prepare(ready, source, root, backend)
    return ready


async def _prepare(stack: Stack, source: Path, root: Path, backend: Mapping[str, Any]) -> None:
    terraform = stack._terraform(stack.directory)
    shutil.copytree(
        source, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "tests")
    )
    await _check_version(terraform, stack.env)
    (stack.directory / "backend.tf.json").write_text(json.dumps({"terraform": {"backend": backend}}))
    finished = await terraform.run("init", env=stack.env, input=False, no_color=IsFlagged)
    if finished.returncode != 0:
        raise explained("init", finished, [], stack.directory)
    (stack.directory / ".initialised").touch()


async def _check_version(terraform: _Terraform, env: Mapping[str, str | None]) -> None:
    finished = await terraform.run("version", env=env, json=IsFlagged)
    found = re.search(rb'"terraform_version":\s*"(\d+)\.(\d+)', finished.stdout)
    if not found or tuple(map(int, found.groups())) < MINIMUM_VERSION:
        raise FleetError(
            f"{terraform.terraform_bin_path} is older than 1.11, which made write-only arguments",
            hint="install a newer one",
        )


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released with the file, also when the process is killed
        yield


def _provider(package: Path) -> Provider:
    namespace, name, version = package.parts[-4:-1]
    return Provider(f"{namespace}/{name}", version, (package / "STAND-IN.txt").exists())
