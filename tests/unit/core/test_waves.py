"""The order of an upgrade, and the hours in which it may happen."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from fleet.model import Wave
from fleet.waves import REST, groups

TEAMS = tuple(f"team-{number}" for number in range(40))
names = st.lists(st.sampled_from(TEAMS), unique=True, min_size=1)
CANARY, QUARTER = Wave(name="canary", teams=["team-3", "team-1"]), Wave(name="quarter", percent=25)


def as_dict(
    waves: list[Wave], instances: tuple[str, ...], chosen: tuple[str, ...] = TEAMS
) -> dict[str, tuple[str, ...]]:
    return {group.name: group.instances for group in groups(waves, instances, chosen)}


def test_named_teams_come_first_then_a_share_of_the_others_then_the_rest() -> None:
    found = as_dict([CANARY, QUARTER], TEAMS)
    assert list(found) == ["canary", "quarter", REST]
    assert found["canary"] == ("team-1", "team-3")
    assert len(found["quarter"]) == math.ceil(38 * 0.25)


def test_without_waves_all_are_the_rest() -> None:
    assert as_dict([], TEAMS) == {REST: TEAMS}


@given(names, names)
def test_everybody_chosen_is_in_one_wave_and_in_the_inventorys_order(instances: list[str], chosen: list[str]) -> None:
    found = [each for group in groups([CANARY, QUARTER], instances, chosen) for each in group.instances]
    assert sorted(found) == sorted(set(instances) & set(chosen))
    for group in groups([CANARY, QUARTER], instances, chosen):
        assert list(group.instances) == sorted(group.instances, key=instances.index)


@given(names, names)
def test_what_is_already_done_moves_nobody_to_another_wave(instances: list[str], left: list[str]) -> None:
    """So a run that is resumed keeps its waves."""
    before = {each: name for name, members in as_dict([CANARY, QUARTER], tuple(instances)).items() for each in members}
    after = groups([CANARY, QUARTER], instances, left)
    assert all(before[each] == group.name for group in after for each in group.instances)


@given(names, st.integers(1, 100))
def test_a_team_that_comes_moves_no_more_than_one_other(instances: list[str], percent: int) -> None:
    wave = [Wave(name="share", percent=percent)]
    before = set(as_dict(wave, tuple(instances)).get("share", ()))
    after = set(as_dict(wave, (*instances, "new"), (*TEAMS, "new")).get("share", ()))
    assert len((before ^ after) - {"new"}) <= 1
