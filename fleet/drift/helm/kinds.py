"""The kinds of finding of layer helm. Values only."""

from __future__ import annotations

from fleet.drift.finding import Kind, Severity

_PATCH = "patches the field to what the release says"
_AGAIN = "applies that part again"


def _kind(what: str, severity: Severity, meaning: str, heals: str = "", remedy: str = "") -> Kind:
    return Kind(f"helm.{what}", "helm", severity, meaning, heals, remedy)


NAMESPACE_GONE = _kind(
    "namespace-gone", "critical", "a team's namespace is gone, and all that was in it", remedy="fleet apply {team}"
)
RELEASE_GONE = _kind("release-gone", "critical", "a release that was applied is gone", _AGAIN)
RELEASE_FAILED = _kind("release-failed", "warning", "somebody's change of a release failed", _AGAIN)
RELEASE_STUCK = _kind(
    "release-stuck", "warning", "a change of a release began, did not end, and nobody is at it", _AGAIN
)
VALUES = _kind("values", "warning", "a release has other values than were applied: Helm was run by hand", _AGAIN)
CHART = _kind("chart", "warning", "a release is of another chart than was applied: Helm was run by hand", _AGAIN)

GONE = _kind("gone", "critical", "an object of a release is gone", "makes it again")
GONE_MINOR = _kind("gone-minor", "warning", "an object of a release without which it runs is gone", "makes it again")
WALL = _kind(
    "wall", "critical",
    "network, rights, quota, Pod Security, service account or security settings of a team are not as declared", _PATCH,
    remedy="kubectl delete the object, then fleet apply {team} --refresh",
)  # fmt: skip
STOPPED = _kind("stopped", "critical", "a component is scaled to nothing, or a schedule is suspended", _PATCH)
SCALED = _kind("scaled", "warning", "a component has another number of replicas, and no autoscaler says so", _PATCH)
IMAGE = _kind("image", "warning", "a container runs another image", _PATCH)
ENV = _kind("env", "warning", "a variable of a container is changed, added or gone", _PATCH)
CONFIG = _kind("config", "warning", "a file of configuration (ConfigMap) is changed", _PATCH)
VALUE = _kind(
    "value", "warning", "a field of an object has another value than the release says", _PATCH,
    remedy="kubectl delete the object, then fleet apply {team} --refresh",
)  # fmt: skip
ADDED = _kind("added", "warning", "somebody added to an object of a release", "takes it out again")
MARK = _kind(
    "mark", "warning", "a label or annotation by which fleet or Helm finds an object is changed or gone", _PATCH
)
METADATA = _kind("metadata", "info", "a label or annotation is changed, added or gone", _PATCH)

KEYS_GONE = _kind("keys-gone", "critical", "the Secret with a team's keys is gone", "puts it together from the copies")
KEYS_CHANGED = _kind(
    "keys-changed", "critical", "the Secret with a team's keys was replaced, and not by `fleet rotate`",
    remedy="put the keys back: the Secrets in the namespace airflow-{team} still have them; never apply before that",
)  # fmt: skip
SECRET_GONE = _kind("secret-gone", "critical", "a Secret that a pod reads is gone", "makes it again from the keys")
SECRET = _kind("secret", "critical", "a Secret that a pod reads holds something else", "makes it again from the keys")
TRUST = _kind("trust", "critical", "the authorities that pods trust (ConfigMap fleet-ca) are gone or changed", _AGAIN)

FOREIGN_NETWORK = _kind(
    "foreign-network", "critical", "a NetworkPolicy that no release declares: it opens ways", remedy="kubectl delete it"
)
FOREIGN_BINDING = _kind(
    "foreign-binding", "critical", "a binding that no release declares gives rights in or to a team's namespace",
    remedy="kubectl delete it",
)  # fmt: skip
FOREIGN_QUOTA = _kind(
    "foreign-quota", "warning", "a ResourceQuota or LimitRange that no release declares", remedy="kubectl delete it"
)

KINDS: tuple[Kind, ...] = (
    NAMESPACE_GONE, RELEASE_GONE, RELEASE_FAILED, RELEASE_STUCK, VALUES, CHART, GONE, GONE_MINOR, WALL, STOPPED, SCALED,
    IMAGE, ENV, CONFIG, VALUE, ADDED, MARK, METADATA, KEYS_GONE, KEYS_CHANGED, SECRET_GONE, SECRET, TRUST, FOREIGN_NETWORK,
    FOREIGN_BINDING, FOREIGN_QUOTA,
)  # fmt: skip
