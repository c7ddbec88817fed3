"""What the clock on the wall says of an interval."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.forecast.daylight import ClockState, clock_states
from network.errors import CountError

DAY = 96


def test_clocks_go_forward_in_melbourne_on_29_october_2006() -> None:
    states = clock_states(datetime(2006, 10, 29), 900, DAY, "Australia/Melbourne")  # noqa: DTZ001
    assert (states[8:12] == ClockState.NOT_ON_THE_CLOCK).all()
    assert (states[[6, 7, 12]] == ClockState.BESIDE_THE_GAP).all()
    assert not states[:6].any()
    assert not states[13:].any()


def test_an_hour_comes_twice_when_clocks_go_back() -> None:
    states = clock_states(datetime(2026, 10, 25), 900, DAY, "Europe/Berlin")  # noqa: DTZ001
    assert (states[8:12] == ClockState.TWICE_ON_THE_CLOCK).all()
    assert not states[:8].any()
    assert not states[12:].any()


def test_other_days_and_zones_without_summer_time_are_ordinary() -> None:
    start = datetime(2026, 1, 1)  # noqa: DTZ001
    assert not clock_states(start, 900, 31 * DAY, "Europe/Berlin").any()
    assert not clock_states(start, 3600, 365 * 24, "Asia/Tokyo").any()


@pytest.mark.parametrize("zone", ["Nowhere/City", "", "../../etc/passwd", "\0", "a" * 500])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(CountError, match="time zone"):
        clock_states(datetime(2026, 1, 1), 900, 4, zone)  # noqa: DTZ001


def test_a_start_with_a_zone_and_impossible_lengths_are_refused() -> None:
    with pytest.raises(CountError, match="carries a time zone"):
        clock_states(datetime(2026, 1, 1, tzinfo=UTC), 900, 4, "Europe/Berlin")
    with pytest.raises(CountError, match="allowed are whole numbers"):
        clock_states(datetime(2026, 1, 1), 0, 4, "Europe/Berlin")  # noqa: DTZ001
    with pytest.raises(CountError, match="beyond the year 9999"):
        clock_states(datetime(9999, 12, 31), 86400, 4, "Europe/Berlin")  # noqa: DTZ001
