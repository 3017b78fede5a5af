"""Waves, one after the other: how many at once, when they stop, what is said of those that were not begun."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from fleet.upgrade.rollout import Done, Result, Rules, roll
from fleet.waves import Group


@dataclass
class Workshop:
    """Work that fails where it is told to, and remembers what went on."""

    bad: frozenset[str] = frozenset()
    begun: list[str] = field(default_factory=list)
    asked: list[tuple[str, int]] = field(default_factory=list)
    stopped: str = ""
    refuses: str = ""
    running: int = 0
    most: int = 0

    async def work(self, name: str) -> Done:
        self.begun.append(name)
        self.running += 1
        self.most = max(self.most, self.running)
        for _ in range(len(name)):
            await asyncio.sleep(0)
        self.running -= 1
        return Done("failed" if name in self.bad else "upgraded")

    async def between(self, group: Group, results: Sequence[Result]) -> str:
        self.asked.append((group.name, len(results)))
        return "told to stop" if self.refuses == group.name else ""

    def roll(self, groups: list[Group], rules: Rules) -> list[Result]:
        return asyncio.run(roll(groups, self.work, rules, self.between, lambda: self.stopped))


def waves(*sizes: int) -> list[Group]:
    return [Group(f"wave-{n}", tuple(f"{n}-{one}" for one in range(size))) for n, size in enumerate(sizes)]


many = st.lists(st.integers(1, 30), min_size=1, max_size=4)


@given(many, st.integers(1, 8), st.sets(st.tuples(st.integers(0, 3), st.integers(0, 29)), max_size=10))
def test_every_instance_has_one_result_and_nothing_is_begun_twice(
    sizes: list[int], parallel: int, bad: set[tuple[int, int]]
) -> None:
    shop = Workshop(frozenset(f"{wave}-{one}" for wave, one in bad))
    results = shop.roll(waves(*sizes), Rules(parallel=parallel))
    assert [each.instance for each in results] == [name for group in waves(*sizes) for name in group.instances]
    assert len(shop.begun) == len(set(shop.begun)) and shop.most <= parallel
    assert {each.instance for each in results if each.state != "halted"} == set(shop.begun)


@given(many, st.integers(1, 8), st.integers(0, 3), st.integers(1, 5))
def test_a_wave_that_fails_too_often_is_the_last_and_begins_no_more_than_what_ran(
    sizes: list[int], parallel: int, at: int, failures: int
) -> None:
    bad = frozenset(name for group in waves(*sizes)[at:] for name in group.instances)
    shop = Workshop(bad)
    results = shop.roll(waves(*sizes), Rules(parallel=parallel, failures=failures))
    wrong = [each for each in results if each.state == "failed"]
    by_wave = {wave: [each for each in wrong if each.wave == wave] for wave in {each.wave for each in wrong}}
    assert all(len(found) <= failures + parallel - 1 for found in by_wave.values())
    full = [wave for wave, found in sorted(by_wave.items()) if len(found) >= failures]
    if full:
        later = [each for each in results if each.wave > full[0]]
        assert all(each.state == "halted" and full[0] in each.why for each in later)


def test_by_default_one_failure_in_the_first_wave_is_one_too_many() -> None:
    shop = Workshop(frozenset({"0-0"}))
    results = shop.roll(waves(3, 5), Rules(parallel=1))
    assert [each.state for each in results] == ["failed"] + ["halted"] * 7
    assert results[1].why == "1 failed in wave wave-0, of 1 allowed"
    assert shop.begun == ["0-0"] and shop.asked == []


def test_later_a_twentieth_may_fail_rounded_up() -> None:
    shop = Workshop(frozenset({"1-0", "1-1"}))
    results = shop.roll(waves(1, 21, 1), Rules(parallel=1))
    assert [each.instance for each in results if each.state == "failed"] == ["1-0", "1-1"]
    assert len(shop.begun) == 3
    shop = Workshop(frozenset({"1-0"}))
    assert {each.state for each in shop.roll(waves(1, 21, 1), Rules())} == {"upgraded", "failed"}


def test_between_two_waves_it_asks_and_not_before_the_first() -> None:
    shop = Workshop()
    shop.roll(waves(1, 2, 1), Rules())
    assert shop.asked == [("wave-1", 1), ("wave-2", 3)]


def test_what_is_said_between_two_waves_ends_it() -> None:
    shop = Workshop(refuses="wave-1")
    results = shop.roll(waves(1, 2, 1), Rules())
    assert [(each.state, each.why) for each in results] == [("upgraded", "")] + [("halted", "told to stop")] * 3
    assert shop.asked == [("wave-1", 1)]


def test_a_stop_lets_what_runs_end_and_begins_nothing_more() -> None:
    shop = Workshop()

    async def work(name: str) -> Done:
        shop.stopped = "interrupted"
        return await shop.work(name)

    results = asyncio.run(roll(waves(3, 2), work, Rules(parallel=1), shop.between, lambda: shop.stopped))
    assert [each.state for each in results] == ["upgraded"] + ["halted"] * 4
    assert shop.asked == []
