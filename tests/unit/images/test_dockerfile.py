"""Dockerfiles are read as Docker reads them, and what is not understood is refused."""

from __future__ import annotations

import pytest

from fleet.errors import FleetError
from fleet.sandbox.images import dockerfile
from fleet.sandbox.images.dockerfile import Instruction


def test_stages_take_their_parents_from_arguments() -> None:
    text = 'ARG SUITE=bookworm\nFROM debian:${SUITE}-slim AS base\nRUN true\nFROM base\nCMD ["a"]\n'
    first, second = dockerfile.parse(text, {"SUITE": "trixie"}, "Dockerfile")
    assert (first.name, first.parent) == ("base", "debian:trixie-slim")
    assert (second.name, second.parent) == ("1", "base")
    assert second.steps == (Instruction("CMD", '["a"]', 5),)


def test_continued_lines_are_joined_and_comments_between_them_dropped() -> None:
    text = "FROM scratch\nRUN one; \\\n    # why\n    two; \\\n\n    three\nUSER 5\n"
    (stage,) = dockerfile.parse(text, {}, "Dockerfile")
    assert stage.steps == (Instruction("RUN", "one; two; three", 2), Instruction("USER", "5", 7))


def test_an_unknown_instruction_is_refused_with_its_line() -> None:
    with pytest.raises(FleetError, match="Dockerfile:2: the instruction HEALTHCHECK is not supported"):
        dockerfile.parse("FROM scratch\nHEALTHCHECK CMD true\n", {}, "Dockerfile")


def test_a_file_without_a_stage_is_refused() -> None:
    with pytest.raises(FleetError, match="no FROM"):
        dockerfile.parse("ARG A=1\n", {}, "Dockerfile")


def test_pairs_words_and_flags() -> None:
    assert dockerfile.pairs(Instruction("ENV", 'A=1 B="two words" C=x=y', 1)) == {
        "A": "1",
        "B": "two words",
        "C": "x=y",
    }
    assert dockerfile.words(Instruction("CMD", '["a", "b c"]', 1)) == ("a", "b c")
    assert dockerfile.flags("--from=build --chmod=0755 a b") == ({"from": "build", "chmod": "0755"}, "a b")


def test_unknown_variables_become_empty() -> None:
    assert dockerfile.substitute("${A}-$B-$C", {"A": "1", "B": "2"}) == "1-2-"
