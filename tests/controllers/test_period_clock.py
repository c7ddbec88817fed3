from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.ntcip.detectors import SEQUENCES, Sighting
from controllers.ntcip.period_clock import PeriodClock

UTC_S = 1_800_000_000


def sight(time_s: float, period_s: int, phase_s: float, ahead_s: float = 0.0) -> Sighting:
    """What a device that has always run says at a time."""
    ended = int((time_s - phase_s) // period_s)
    return Sighting(ended % SEQUENCES, period_s, 4, int(time_s + ahead_s))


@given(
    st.integers(10, 255),
    st.floats(0, 254),
    st.lists(st.floats(0.5, 40), min_size=3, max_size=60),
    st.floats(-30, 30),
)
@settings(deadline=None)
def test_the_end_told_is_as_near_the_true_one_as_it_says(
    period_s: int, phase_s: float, steps_s: list[float], ahead_s: float
) -> None:
    clock, now_s = PeriodClock(), float(UTC_S)
    told = 0
    for step_s in steps_s:
        now_s += step_s
        ended = clock.note(sight(now_s, period_s, phase_s, ahead_s), now_s)
        assert clock.trouble == ""
        if ended is not None:
            told += 1 + ended.skipped
            true_s = (now_s - phase_s) // period_s * period_s + phase_s + ahead_s
            assert abs(ended.end_utc_s - true_s) <= 2 * ended.within_s + 1e-6
    first_s = UTC_S + steps_s[0]
    assert told == (now_s - phase_s) // period_s - (first_s - phase_s) // period_s


def test_a_device_on_round_minutes_is_told_to_the_second() -> None:
    clock = PeriodClock()
    found = [clock.note(sight(UTC_S + at, 60, 0.0), UTC_S + at) for at in range(0, 300, 7)]
    ends = [ended.end_utc_s for ended in found if ended is not None]
    assert ends == [UTC_S + 60, UTC_S + 120, UTC_S + 180, UTC_S + 240]


def test_the_sequence_may_pass_255_and_even_come_round() -> None:
    clock = PeriodClock()
    clock.note(Sighting(250, 60, 4, UTC_S), UTC_S)
    ended = clock.note(Sighting(1, 60, 4, UTC_S + 421), UTC_S + 421)
    assert ended is not None
    assert ended.skipped == 6
    ended = clock.note(Sighting(2, 60, 4, UTC_S + 421 + 257 * 60), UTC_S + 421 + 257 * 60)
    assert ended is not None
    assert ended.skipped == 256


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (Sighting(0, 60, 4, UTC_S + 120), "started anew"),
        (Sighting(8, 60, 4, UTC_S + 900), "its clock moved by 900 s while ours moved by 120.0 s"),
        (Sighting(8, 90, 4, UTC_S + 120), "its period went from 60 s to 90 s"),
        (Sighting(8, 60, 6, UTC_S + 120), "detectors from 4 to 6"),
        (Sighting(8, 0, 4, UTC_S + 120), "its period is 0 s"),
    ],
)
def test_what_does_not_fit_begins_anew_and_says_why(second: Sighting, says: str) -> None:
    clock = PeriodClock()
    clock.note(Sighting(6, 60, 4, UTC_S), UTC_S)
    assert clock.note(second, UTC_S + 120.0) is None
    assert says in clock.trouble


def test_after_a_restart_the_next_whole_period_counts_again() -> None:
    clock = PeriodClock()
    clock.note(Sighting(200, 60, 4, UTC_S), UTC_S)
    assert clock.note(Sighting(3, 60, 4, UTC_S + 70), UTC_S + 70.0) is None
    ended = clock.note(Sighting(4, 60, 4, UTC_S + 125), UTC_S + 125.0)
    assert ended is not None
    assert ended.end_utc_s == UTC_S + 120
