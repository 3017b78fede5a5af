"""Who fleet is at the database server, at Keycloak and at Terraform's back end: takes the platform, gives an administrator's
credentials or, where `FLEET_CREDENTIALS` names a folder, a reader's; never both, never one for the other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet.desired import naming
from fleet.errors import ExitCode, FleetError
from fleet.model import Platform

# A folder with a file per key: the scheduled job's mounted Secret (ADR 0092).
VARIABLE = "FLEET_CREDENTIALS"
ADMINISTRATOR = ("database-admin-username", "database-admin-password", "sso-admin-username", "sso-admin-password")
READER = ("database-username", "database-password", "sso-client-id", "sso-client-secret")
STATE = "terraform-backend-conn-str"


@dataclass(frozen=True)
class Credentials:
    """Names and secrets by key; ``reader``: those of the identities that can only look."""

    values: Mapping[str, str] = field(repr=False)
    reader: bool = False

    def __getitem__(self, key: str) -> str:
        return self.values[key]

    def administrator(self) -> Credentials:
        """These, if they are an administrator's.

        Raises:
            FleetError: they are a reader's: this run has nothing to change anything with.
        """
        if self.reader:
            raise FleetError("this run may only look", hint=f"{VARIABLE} is set; unset it", exit_code=ExitCode.REFUSED)
        return self


def of_folder(platform: Platform) -> Credentials | None:
    """The reader's, from the folder that the environment names; None where it names none.

    Raises:
        FleetError: something is missing there.
    """
    if not (folder := os.environ.get(VARIABLE, "")):
        return None
    found = {key: path.read_text() for key in (*READER, STATE, naming.CA_KEY) if (path := Path(folder) / key).is_file()}
    return Credentials(
        _whole(platform, found, READER, f"the folder {folder}", "it is a Secret of `fleet platform install`"), True
    )


def of_secret(platform: Platform, found: Mapping[str, str]) -> Credentials:
    """The administrators', from what the platform's Secret holds.

    Raises:
        FleetError: something is missing there.
    """
    hint = "it holds the platform's administrator credentials; `fleet sandbox up` makes it in the sandbox"
    return Credentials(_whole(platform, found, ADMINISTRATOR, f"the Secret {naming.PLATFORM_SECRET}", hint))


def _whole(
    platform: Platform, found: Mapping[str, str], keys: tuple[str, ...], where: str, hint: str
) -> Mapping[str, str]:
    needed = {*keys}
    if platform.terraform.backend == "pg":
        needed.add(STATE)
    if platform.private_ca:
        needed.add(naming.CA_KEY)
    if missing := sorted(needed - found.keys()):
        raise FleetError(
            f"{where} has no {', '.join(missing)}",
            where=f"{platform.kubernetes.context}, namespace {naming.SYSTEM_NAMESPACE}",
            hint=hint,
        )
    return found
