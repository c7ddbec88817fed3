"""What goes wrong on the day of adaptive control, and when."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.adaptive_day import (
    CLOCK_STEPS,
    LATE_BY_S,
    LATE_S,
    LATE_SHARE,
    SILENT_S,
    Office,
    clock_s,
    sensing_of,
)
from tests.engine.adaptive_views import crossing


def test_the_clock_is_off_only_while_it_has_stepped() -> None:
    for at_s, for_s, by_s in CLOCK_STEPS:
        assert clock_s(at_s - 1.0) == at_s - 1.0
        assert clock_s(at_s) == at_s + by_s
        assert clock_s(at_s + for_s) == at_s + for_s


def test_decisions_come_at_once_before_the_hours_of_delay() -> None:
    office = Office(1)
    assert office.bring(LATE_S[0] - 2.0, {"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert office.bring(LATE_S[0] - 1.0, {"a": 3}) == {"a": 3, "b": 2}


def test_some_decisions_come_late_and_none_gets_lost() -> None:
    office, begin_s = Office(1), round(LATE_S[0])
    told = [dict(office.bring(float(begin_s + k), {f"{k}": k})) for k in range(400)]
    late = [k for k in range(390) if f"{k}" not in told[k]]
    assert 0.5 * LATE_SHARE < len(late) / 390 < 2.0 * LATE_SHARE
    assert all(f"{k}" in told[k + LATE_BY_S] for k in range(390))


def test_in_silence_the_last_decision_holds() -> None:
    office = Office(1)
    office.bring(SILENT_S[0] - 1.0, {"a": 1})
    assert office.bring(SILENT_S[0], {"a": 2}) == {"a": 1}
    assert office.bring(SILENT_S[1], {"a": 3}) == {"a": 3}


def test_no_lane_is_both_dead_and_stuck() -> None:
    lanes = [
        tuple(replace(lane, lane_id=f"{name}{lane.lane_id}") for lane in crossing(name).lanes)
        for name in "abcdefghij"
    ]
    sites = tuple(replace(crossing(), lanes=own) for own in lanes)
    sensing = sensing_of(sites, 1)
    assert len(sensing.dead) == len(sensing.stuck) == 2
    assert not sensing.dead & sensing.stuck
    assert sensing_of(sites, 1) == sensing
