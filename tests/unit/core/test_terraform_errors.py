"""What fleet makes of Terraform's failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.drivers.process import Finished
from fleet.drivers.terraform_errors import explained, passes
from fleet.errors import FleetError

FAILED = Finished(("terraform",), 1, b"", b"Error: no such thing\n", 0.1)
# As Terraform 1.11 prints it for a lock that a killed run left in a bucket.
LOCKED = """Error message: writing "gs://states/fleet/team/marketing.tflock" failed: googleapi: Error 412
Lock Info:
  ID:        1732280000123456
  Path:      gs://states/fleet/team/marketing.tflock
  Operation: OperationTypeApply
  Who:       kim@laptop
  Version:   1.11.4
  Created:   2026-11-22 11:00:00.5 +0000 UTC
  Info:

Terraform acquires a state lock to protect the state from being written by multiple users at the same time."""


def test_a_lock_left_behind_names_its_holder_and_the_command_that_frees_it() -> None:
    error = explained(
        "apply", FAILED, [{"summary": "Error acquiring the state lock", "detail": LOCKED}], Path("/a b/team")
    )
    assert error.what == "terraform apply: Error acquiring the state lock"
    assert error.hint == (
        "held by kim@laptop since 2026-11-22 11:00:00.5 +0000 UTC; only if that run is dead: "
        "`TF_WORKSPACE=<instance> terraform -chdir='/a b/team' force-unlock 1732280000123456`, then run the same command again"
    )
    assert not passes(error)


def test_the_first_of_several_errors_is_shown() -> None:
    error = explained("plan", FAILED, [{"summary": "first", "detail": "a\n  b"}, {"summary": "second"}], Path())
    assert (error.what, error.hint) == ("terraform plan: first (and 1 more)", "a b")


def test_without_diagnostics_its_last_words_are_shown() -> None:
    assert explained("init", FAILED, [], Path()).what == "terraform init ended with status 1: Error: no such thing"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dial tcp 10.244.0.1:5432: connect: connection refused", True),
        ("pq: tuple concurrently updated", True),
        ("the database system is starting up", True),
        ("permission denied for database", False),
    ],
)
def test_faults_that_pass_by_themselves(words: str, expected: bool) -> None:
    assert passes(FleetError("terraform apply failed", hint=words)) is expected
