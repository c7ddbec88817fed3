"""Wrong clocks, many pushes in a row, and days on end."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.bridge.clocks import skewed
from benchmarks.bridge.soak import soak
from benchmarks.bridge.street import corridor, drawn_case
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from controllers.ntcip.objects import Edition


@pytest.mark.parametrize("edition", list(Edition))
def test_a_wrong_clock_is_refused_and_a_tolerated_one_shifts_the_green_a_second(
    edition: Edition,
) -> None:
    tried = Tried()
    skewed(drawn_case(1, 1), edition, "v2c", tried)
    assert tried.found == []
    assert tried.slowest_s == pytest.approx(1.0)


@pytest.mark.parametrize("rings", [1, 2])
def test_pushes_in_a_row_never_touch_the_running_pattern(rings: int) -> None:
    # A sequence row of the other slot must not be borrowed: that slot is written next.
    async def scenario(seed: int) -> None:
        async with corridor(drawn_case(seed, rings, 5)) as street:
            for number in (1, 2, 3, 2, 4, 1, 3):
                await street.push(number)
                await asyncio.sleep(1.0)
                assert street.runs(number) == [True]
            assert street.found == []

    for seed in range(2):
        run(scenario(seed))


def test_most_of_an_hour_of_weather_shows_nothing_unlawful() -> None:
    soaked = soak(1, 2, 0.8, seed=3)
    assert soaked.found == []
    assert soaked.tenths >= 2 * 28_800
    assert soaked.events["pushes active"]


@pytest.mark.slow
def test_two_days_of_weather_show_nothing_unlawful_and_memory_stays() -> None:
    soaked = soak(4, 5, 48.0, seed=4)
    assert soaked.found == []
    assert soaked.growth_bytes_per_day < 1e6
