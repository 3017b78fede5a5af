"""Container images without Docker and without a registry: takes ``images/``, gives archives, puts them into containerd.

    airflow(version, say) fleet(say, …) git_sync(say) portal(say) pause(say) bake(tag, …) -> archives in the cache
    import_image(path, address)                              -> the node has it

Rooms: dockerfile (text to instructions), stages (instructions to steps with keys), builder (steps to layers), chroot and
sources (a step's run and its packages), debian (the bottom layer), layers, archive, cache, catalog, containerd.
"""

from fleet.sandbox.images.catalog import (
    FLEET,
    GIT_SYNC,
    PAUSE,
    PORTAL,
    airflow,
    airflow_reference,
    airflow_versions,
    bake,
    fleet,
    git_sync,
    pause,
    portal,
)
from fleet.sandbox.images.containerd import import_image
from fleet.sandbox.images.model import Image, Say

__all__ = [
    "FLEET",
    "GIT_SYNC",
    "PAUSE",
    "PORTAL",
    "Image",
    "Say",
    "airflow",
    "airflow_reference",
    "airflow_versions",
    "bake",
    "fleet",
    "git_sync",
    "import_image",
    "pause",
    "portal",
]
