"""Local times become UTC; hours that happen twice or never are told apart, not guessed."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import FormatError
from network.readers import local_time
from network.readers.local_time import time_zone, to_local, to_utc

ZONES = ("America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")


def stamps(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[us]")


def one_clock(local: np.ndarray) -> np.ndarray:
    return np.zeros(local.size, dtype=np.int64)


@given(
    zone=st.sampled_from(ZONES),
    begin=st.integers(631_152_000, 3_786_912_000),
    steps=st.lists(st.integers(1, 1200), min_size=1, max_size=40),
)
def test_times_that_happen_once_go_to_utc_and_back(zone: str, begin: int, steps: list[int]) -> None:
    utc = (begin + np.cumsum(steps)).astype("datetime64[s]").astype("datetime64[us]")
    place = ZoneInfo(zone)
    times = to_utc(to_local(utc, place), one_clock(utc), place, 60.0)
    assert not times.missing.any()
    once = ~times.twice
    np.testing.assert_array_equal(times.utc[once], utc[once])


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_quarter_hours_in_order_goes_to_utc_and_back(zone: str) -> None:
    utc = np.arange("2024-01-01", "2025-01-01", 15, dtype="datetime64[m]").astype("datetime64[us]")
    place = ZoneInfo(zone)
    times = to_utc(to_local(utc, place), one_clock(utc), place, 0.0)
    np.testing.assert_array_equal(times.utc, utc)


def test_the_second_pass_begins_where_times_step_back() -> None:
    local = stamps("2024-11-03T01:30", "2024-11-03T01:00", "2024-11-03T01:30", "2024-11-03T02:00")
    times = to_utc(local, one_clock(local), ZoneInfo("America/Los_Angeles"), 60.0)
    assert times.twice.tolist() == [True, True, True, False]
    assert times.second.tolist() == [False, True, True, False]
    assert (
        times.utc.tolist()
        == stamps(
            "2024-11-03T08:30", "2024-11-03T09:00", "2024-11-03T09:30", "2024-11-03T10:00"
        ).tolist()
    )


def test_each_clock_steps_back_for_itself_and_jitter_is_no_step() -> None:
    local = stamps("2024-11-03T01:30:05", "2024-11-03T01:29", "2024-11-03T01:30:00")
    place = ZoneInfo("America/Los_Angeles")
    assert not to_utc(local, np.array([0, 1, 0]), place, 60.0).second.any()
    assert to_utc(local, np.array([0, 0, 0]), place, 60.0).second.tolist() == [False, True, True]


def test_a_skipped_time_is_missing_also_where_clocks_move_by_odd_amounts() -> None:
    for zone, gone in (
        ("Europe/Berlin", "2024-03-31T02:30"),
        ("Australia/Lord_Howe", "2024-10-06T02:15"),
        ("America/St_Johns", "2005-04-03T00:30"),
    ):
        local = stamps(gone)
        assert to_utc(local, one_clock(local), ZoneInfo(zone), 0.0).missing.all(), zone


def test_unknown_zones_and_machines_without_zones_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("America/Nowhere", "../etc/passwd", "x" * 300, "a\0b", "/etc/hosts", "America"):
        with pytest.raises(FormatError, match="allowed is an IANA name"):
            time_zone(name, "a file")
    with pytest.raises(FormatError, match="no time zone is given"):
        time_zone("", "a file")
    monkeypatch.setattr(local_time, "available_timezones", set)
    with pytest.raises(FormatError, match="install the tzdata package"):
        time_zone("America/Nowhere", "a file")
