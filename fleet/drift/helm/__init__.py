"""Drift of layer helm: takes a scene, gives findings about releases, their objects and fleet's own Secrets, changes nothing."""

from fleet.drift.helm.kinds import KINDS
from fleet.drift.helm.layer import look

__all__ = ["KINDS", "look"]
