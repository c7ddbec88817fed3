"""The local clock: days that are too short or too long, and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.forecast.calendar import HOLIDAY, Calendar, LocalClock, from_local_grid
from network.errors import CountError

MELBOURNE = "Australia/Melbourne"


def test_a_holiday_is_no_weekday() -> None:
    calendar = Calendar.of([date(2031, 3, 10)])
    assert calendar.day_type(date(2031, 3, 10)) == HOLIDAY
    assert calendar.day_type(date(2031, 3, 11)) == 1


def test_a_special_day_runs_as_another_one() -> None:
    calendar = Calendar(frozenset({date(2031, 3, 10)}), ((date(2031, 3, 10), 5),))
    assert calendar.day_type(date(2031, 3, 10)) == 5


def test_a_day_of_the_week_beyond_sunday_is_refused() -> None:
    with pytest.raises(CountError, match="0 to 6"):
        Calendar(special=((date(2031, 3, 10), 9),))


@given(st.integers(0, 5 * 365 * 96), st.sampled_from([300, 900, 3600]))
def test_steps_are_read_as_the_zone_says(quarter: int, step_s: int) -> None:
    start = datetime.fromtimestamp(1_900_000_800 + quarter * 900, UTC)
    ordinal, slot, _ = LocalClock(MELBOURNE, step_s).read(start, 3)
    for at in range(3):
        time = datetime.fromtimestamp(start.timestamp() + at * step_s, ZoneInfo(MELBOURNE))
        assert ordinal[at] == time.toordinal()
        assert slot[at] == (time.hour * 3600 + time.minute * 60 + time.second) // step_s


def test_the_hour_that_does_not_exist_is_skipped_and_its_rim_masked() -> None:
    start = datetime(2006, 10, 29, tzinfo=ZoneInfo(MELBOURNE))
    ordinal, slot, masked = LocalClock(MELBOURNE, 900).read(start, 96)
    day = slot[ordinal == ordinal[0]]
    assert len(day) == 92
    assert not set(range(8, 12)) & set(day.tolist())
    assert slot[masked].tolist() == [7, 12]


def test_a_day_with_the_clock_set_back_shows_an_hour_twice() -> None:
    start = datetime(2007, 3, 25, tzinfo=ZoneInfo(MELBOURNE))
    ordinal, slot, _ = LocalClock(MELBOURNE, 900).read(start, 100)
    assert (ordinal == ordinal[0]).all()
    assert np.bincount(slot).max() == 2


def test_rows_of_an_hour_that_does_not_exist_are_dropped() -> None:
    counts = np.arange(96.0)[:, None]
    utc, start = from_local_grid(counts, datetime.fromisoformat("2006-10-29"), MELBOURNE, 900)
    assert start == datetime(2006, 10, 28, 14, tzinfo=UTC)
    assert utc[7:9, 0].tolist() == [7.0, 12.0]
    assert len(utc) == 92


def test_of_an_hour_that_comes_twice_the_first_is_missing() -> None:
    counts = np.arange(96.0)[:, None]
    utc, _ = from_local_grid(counts, datetime.fromisoformat("2007-03-25"), MELBOURNE, 900)
    assert len(utc) == 100
    assert np.isnan(utc[8:12, 0]).all()
    assert utc[12, 0] == 8.0


@pytest.mark.parametrize("tz", ["Mars/Olympus", "../etc/passwd", "", "a\0b"])
def test_an_unknown_zone_is_refused(tz: str) -> None:
    with pytest.raises(CountError, match="time zone"):
        LocalClock(tz, 900)


@pytest.mark.parametrize("step_s", [0, -300, 7, 86_401])
def test_a_step_that_does_not_divide_a_day_is_refused(step_s: int) -> None:
    with pytest.raises(CountError, match="divide a day"):
        LocalClock("UTC", step_s)


def test_the_night_belongs_to_the_day_before() -> None:
    clock = LocalClock("Australia/Melbourne", 1800)
    # Sunday 8 October 2006, 0:00 on the clock in Melbourne.
    ordinal, slot, _ = clock.traffic_days(datetime(2006, 10, 7, 14, tzinfo=UTC), 48)
    saturday = date(2006, 10, 7).toordinal()
    assert ordinal.tolist() == 8 * [saturday] + 40 * [saturday + 1]
    assert slot.tolist() == [*range(40, 48), *range(40)]
