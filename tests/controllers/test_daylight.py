"""The local clock of the emulated cabinet, with `zoneinfo` as the second opinion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.emulator.daylight import (
    NAMED_RULES,
    US_RULE,
    DaylightRule,
    LocalTime,
    YearlyMoment,
)
from controllers.emulator.zone import zone_rules

ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Tokyo",
    "Africa/Casablanca",
    "Asia/Jerusalem",
)
YEAR_2026 = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
YEAR_S = 365 * 86_400


def offset_s(zone: str, utc_s: int) -> int:
    found = datetime.fromtimestamp(utc_s, ZoneInfo(zone)).utcoffset()
    assert found is not None
    return int(found.total_seconds())


def changes(zone: str, begin_s: int, end_s: int) -> list[int]:
    """When a zone's clock is set, to the second; zones are set at whole minutes."""
    minutes = range(begin_s, end_s, 60)
    return [at for at in minutes if offset_s(zone, at) != offset_s(zone, at - 60)]


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_is_followed_to_the_second_on_every_night_it_is_set(zone: str) -> None:
    standard_s, rules = zone_rules(zone, YEAR_2026)
    clock = LocalTime(standard_s, rules)
    nights = [
        day
        for day in range(YEAR_2026, YEAR_2026 + 3 * YEAR_S, 86_400)
        if offset_s(zone, day) != offset_s(zone, day + 86_400)
    ]
    assert len(nights) == (0 if zone == "Asia/Tokyo" else 6)
    for night in nights:
        (at,) = changes(zone, night, night + 86_460)
        for utc_s in (night, at - 3600, at - 1, at, at + 1, at + 3600, night + 86_400):
            assert clock.offset_s(utc_s) == offset_s(zone, utc_s)
        assert clock.next_change_s(night) == at


@given(st.sampled_from(ZONES), st.integers(YEAR_2026, YEAR_2026 + 10 * YEAR_S))
@settings(deadline=None, max_examples=300)
def test_ten_years_agree_with_the_zone_data_at_any_instant(zone: str, utc_s: int) -> None:
    clock = LocalTime(*zone_rules(zone, YEAR_2026))
    assert clock.offset_s(utc_s) == offset_s(zone, utc_s)


@pytest.mark.parametrize(
    ("name", "zone", "standard_s", "year"),
    [
        ("enableEuropeDST", "Europe/Berlin", 3600, 2026),
        # The standard's rule for the United States is the one that ended with 2006.
        ("enableUSDST", "America/New_York", -18_000, 2005),
        ("enableTasmaniaDST", "Australia/Hobart", 36_000, 2003),
    ],
)
def test_a_named_rule_is_that_of_its_country(
    name: str, zone: str, standard_s: int, year: int
) -> None:
    clock = LocalTime(standard_s, NAMED_RULES[name])
    begin_s = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    for utc_s in range(begin_s, begin_s + YEAR_S, 1800):
        assert clock.offset_s(utc_s) == offset_s(zone, utc_s)


def test_the_default_row_is_the_rule_of_the_united_states_today() -> None:
    clock = LocalTime(-18_000, [US_RULE])
    for utc_s in range(YEAR_2026, YEAR_2026 + 2 * YEAR_S, 1800):
        assert clock.offset_s(utc_s) == offset_s("America/New_York", utc_s)


@given(
    st.integers(1, 12), st.integers(1, 8), st.integers(1, 7), st.integers(1, 28), st.integers(1, 9)
)
def test_a_yearly_moment_counts_weekdays_from_its_day(
    month: int, occurrence: int, weekday: int, day: int, years: int
) -> None:
    year = 2020 + years
    at_s = YearlyMoment(month, occurrence, weekday, day, 0).local_s(year)
    found = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at_s)
    start = datetime(year, month, day, tzinfo=UTC)
    assert found.isoweekday() % 7 + 1 == weekday
    step = 1 if occurrence <= 4 else -1
    between = [start + timedelta(days=n * step) for n in range(abs((found - start).days) + 1)]
    assert between[-1] == found
    hits = sum(each.isoweekday() % 7 + 1 == weekday for each in between)
    assert hits == (occurrence if occurrence <= 4 else occurrence - 4)


def test_of_overlapping_rows_the_one_that_began_last_governs_and_they_never_add_up() -> None:
    day = [YearlyMoment(6, 9, 1, number, 7200) for number in range(1, 31)]
    rules = [DaylightRule(day[0], day[20], 3600), DaylightRule(day[9], day[14], 7200)]
    clock = LocalTime(0, rules)
    noon = [int(datetime(2026, 6, n, 12, tzinfo=UTC).timestamp()) for n in (1, 12, 17, 25)]
    assert [clock.offset_s(at) for at in noon] == [3600, 7200, 3600, 0]


def test_the_first_instant_of_a_time_that_never_comes_is_the_jump_over_it() -> None:
    clock = LocalTime(3600, NAMED_RULES["enableEuropeDST"])
    jump = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp())
    half_past_two = int(datetime(2026, 3, 29, 2, 30, tzinfo=UTC).timestamp())
    assert clock.first_s(half_past_two, jump) == jump


def test_of_a_time_that_comes_twice_the_first_is_meant() -> None:
    clock = LocalTime(3600, NAMED_RULES["enableEuropeDST"])
    half_past_two = int(datetime(2026, 10, 25, 2, 30, tzinfo=UTC).timestamp())
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp())
    assert clock.first_s(half_past_two, first) == first
