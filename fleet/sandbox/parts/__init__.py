"""All parts of a sandbox: takes a site, gives the parts for its mode, never starts them."""

from __future__ import annotations

from fleet.sandbox.parts import control_plane, front, node, services
from fleet.sandbox.process import Part
from fleet.sandbox.site import Site


def all_parts(site: Site) -> list[Part]:
    """Every part that ``up`` keeps running in the site's mode, each after those it needs."""
    real = [*node.parts(site), front.part(site)] if site.layout.mode.real_node else []
    return [*control_plane.parts(site), *real, *services.parts(site)]
