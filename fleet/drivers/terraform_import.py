"""Imports what exists into a workspace that is empty: takes a stack and import blocks, gives the plan, then the state
in the back end, never a secret in it.

The providers read a client's secret into the state while they import it, whatever the write-only arguments say. So the
import is made in a folder of this machine, its state is cleaned, and only then handed to the back end.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from python_terraform import IsFlagged

from fleet.drivers.terraform import Stack, Variables

_PREFIX = "adopt-"
# Attributes that are secret and that the modules leave to write-only arguments.
_SECRETS = {"keycloak_openid_client": ("client_secret",), "postgresql_role": ("password",)}


@dataclass(frozen=True)
class Planned:
    """One resource as a plan has it."""

    address: str
    actions: tuple[str, ...]  # no-op, create, update, delete
    imported: bool
    changed: Mapping[str, tuple[Any, Any]] = field(repr=False)  # attribute → before and after, of no secret

    @property
    def destroys(self) -> bool:
        """Whether something would be lost."""
        return "delete" in self.actions


@dataclass(frozen=True)
class Import:
    """An import under way, in a folder of its own."""

    stack: Stack  # whose state lies in the folder
    target: Stack
    workspace: str

    async def plan(self, variables: Variables, secrets: Mapping[str, str]) -> list[Planned]:
        """What would be imported, made and changed."""
        await self.stack.call(
            self.workspace, "plan", secrets=secrets, var=dict(variables), out=str(self._plan), input=False,
            no_color=IsFlagged,
        )  # fmt: skip
        shown = json.loads(await self.stack.call(self.workspace, "show", str(self._plan), json=IsFlagged))
        return [_planned(each) for each in shown.get("resource_changes", []) if each["mode"] == "managed"]

    async def apply(self, secrets: Mapping[str, str]) -> None:
        """Do what was planned, and hand the state to the workspace, which must be empty."""
        await self.stack.call(
            self.workspace, "apply", str(self._plan), secrets=secrets, input=False, no_color=IsFlagged
        )
        file = self.stack.directory / "terraform.tfstate.d" / self.workspace / "terraform.tfstate"
        file.write_text(json.dumps(cleaned(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
        # Its lineage is that of the folder; the workspace, made by this very call, has another.
        await self.target.call(self.workspace, "state push", str(file), force=IsFlagged)

    @property
    def _plan(self) -> Path:
        return self.stack.directory / "import.plan"


@asynccontextmanager
async def importing(stack: Stack, workspace: str, blocks: Sequence[Mapping[str, str]]) -> AsyncIterator[Import]:
    """A folder for an import; it is gone at the end, and so is that of a run that was killed.

    Args:
        blocks: address and id of each thing, as `import` blocks have them.
    """
    _forget_dead(stack.directory.parent)
    with TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=stack.directory.parent) as made:
        folder = Path(made)  # beside the stacks: they name their modules by relative paths
        for file in stack.directory.glob("*.tf"):
            shutil.copy(file, folder)
        for name in (".terraform.lock.hcl", ".terraform/providers", ".terraform/modules"):
            if (stack.directory / name).exists():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).symlink_to(stack.directory / name)
        (folder / "import.tf.json").write_text(json.dumps({"import": list(blocks)}), encoding="utf-8")
        yield Import(Stack(folder, stack.program, stack.env), stack, workspace)


async def is_empty(stack: Stack, workspace: str) -> bool:
    """Whether a workspace has no resources, or is not there at all."""
    listed = (await stack.call("default", "workspace list")).decode().replace("*", " ").split()
    if workspace not in listed:
        return True
    state = await stack.call(workspace, "state pull")
    return not (state.strip() and json.loads(state).get("resources"))


def cleaned(state: dict[str, Any]) -> dict[str, Any]:
    """The state without what an import read of secrets."""
    for resource in state.get("resources", []):
        for instance in resource["instances"]:
            for name in _SECRETS.get(resource["type"], ()):
                if name in instance["attributes"]:
                    instance["attributes"][name] = ""
    return state


def _planned(change: Mapping[str, Any]) -> Planned:
    inner = change["change"]
    before, after = inner["before"] or {}, inner["after"] or {}
    hidden = {*_marked(inner.get("before_sensitive")), *_marked(inner.get("after_sensitive"))}
    hidden |= set(_marked(inner.get("after_unknown"))) | {"client_secret", "password"}
    return Planned(
        change["address"],
        tuple(inner["actions"]),
        "importing" in inner,
        {
            key: (before.get(key), after.get(key))
            for key in sorted({*before, *after} - hidden)
            if (before.get(key) or None) != (after.get(key) or None)  # an empty one and none at all mean the same
        },
    )


def _marked(marks: Any) -> list[str]:
    return [key for key, inner in marks.items() if _is_marked(inner)] if isinstance(marks, dict) else []


def _is_marked(marks: Any) -> bool:
    """Terraform marks whole values by true, and what is in them by lists and mappings of such marks."""
    if isinstance(marks, list):
        return any(map(_is_marked, marks))
    return any(map(_is_marked, marks.values())) if isinstance(marks, dict) else bool(marks)


def _forget_dead(folder: Path) -> None:
    """Folders of runs that were killed; what is in them is nobody's."""
    for left in folder.glob(f"{_PREFIX}*"):
        process = left.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdigit() and not _runs(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
