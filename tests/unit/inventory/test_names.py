"""Names: whatever `load` takes meets every limit downstream."""

from __future__ import annotations

import re

from hypothesis import example, given

from fleet.inventory.names import RESERVED, RESERVED_PREFIXES, reserved
from fleet.model import NAME_MAX
from tests.unit.inventory.strategies import names
from tests.unit.inventory.texts import HEAD, errors_of

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# https://github.com/helm/helm/blob/v3.19.4/pkg/chartutil/validate_name.go
HELM_RELEASE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


@given(names)
@example("a" * NAME_MAX)
@example("a")
@example("a--b")
def test_every_valid_name_meets_every_limit(name: str) -> None:
    assert errors_of(HEAD + f'teams:\n  "{name}": {{owner: x}}\n') == []
    assert DNS_LABEL.fullmatch(f"airflow-{name}")  # namespace
    assert DNS_LABEL.fullmatch(name)  # host
    assert not name.startswith("xn--")
    for release in (f"guardrails-{name}", "airflow"):
        assert HELM_RELEASE.fullmatch(release)
        assert len(release) <= 53
    assert LABEL_VALUE.fullmatch(name)
    database = name.replace("-", "_")
    assert re.fullmatch(r"[a-z][a-z0-9_]*", database)  # an identifier that needs no quotes
    assert len(database.encode()) <= 63
    assert not database.startswith(("pg_", "cloudsql"))
    assert database not in ("postgres", "template0", "template1", "public", "none")
    assert len(f"airflow-{name}") <= 255  # Keycloak's client id
    assert name != "default"  # Terraform's own workspace


def test_reserved_names_are_names() -> None:
    # Else the reason would never be shown: the spelling would be refused first.
    for name in [*RESERVED, *(prefix + "x" for prefix in RESERVED_PREFIXES)]:
        assert reserved(name)
        (error,) = errors_of(HEAD + f"teams:\n  {name}: {{owner: x}}\n")
        assert reserved(name) in error.what
