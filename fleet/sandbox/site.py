"""What all parts share: takes a layout, gives credentials and versions with it, never starts anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fleet.sandbox import builds, config, credentials, versions
from fleet.sandbox.credentials import Credentials
from fleet.sandbox.layout import Layout
from fleet.sandbox.versions import Versions


@dataclass(frozen=True)
class Site:
    """Everything that the definition of a part is made from."""

    layout: Layout
    credentials: Credentials
    versions: Versions

    def program(self, name: str) -> str:
        """Path of a built Go program, as the first word of a command."""
        return str(builds.binary(self.versions.tool(name)))

    def version(self, name: str) -> str:
        return self.versions.tool(name).version

    def password(self, name: str) -> str:
        return credentials.password(self.layout, name)

    def write_config(self, name: str, template: str, **values: object) -> Path:
        """Render a template into the state's ``config`` folder."""
        return config.write(self.layout.config / name, config.render(template, **values))


def prepare(layout: Layout) -> Site:
    """Issue what is missing and load the versions."""
    return Site(layout, credentials.issue(layout), versions.load())
