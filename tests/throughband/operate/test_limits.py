from dataclasses import replace
from datetime import time, timedelta

import pytest

from controllers.steps import MostSteps
from network.timing import TimingPlan
from throughband.bridge.config import OperatingTimes
from throughband.operate.limits import CityLimits, step_of

from .cases import ALWAYS, NOON, every_day, minutes, plan


def limits(
    hours: OperatingTimes = ALWAYS,
    signals: tuple[str, ...] = (),
    steps: MostSteps | None = None,
    most: int = 3,
) -> CityLimits:
    return CityLimits(hours, frozenset(signals), steps or MostSteps(), most, minutes(30))


def objections(given: CityLimits, after, changes=(), now=NOON) -> str:
    return "; ".join(given.objections({"A": plan()}, [after], changes, now))


def test_a_change_within_all_limits_is_free():
    given = limits(every_day(time(6), time(20)), ("A",), MostSteps(10, 10, 10))
    assert objections(given, plan(66, (44, 22), 5)) == ""


def test_leaving_out_a_phase_is_asked_for_unless_the_city_lets_it_pass():
    given = limits()
    fewer = TimingPlan("A", 60, (1,), (60,), 0, 1)
    assert "phase 2 of what runs now would be left out" in objections(given, fewer)
    assert objections(replace(given, may_drop_phases=True), fewer) == ""


@pytest.mark.parametrize(
    ("after", "named"),
    [
        (plan(80, (55, 25)), "cycle changes by 20 s"),
        (plan(60, (25, 35)), "split changes by 15 s"),
        (plan(60, (40, 20), 30), "offset changes by 30 s"),
    ],
)
def test_a_step_too_far_is_named(after, named):
    given = limits(steps=MostSteps(19, 14, 29))
    assert named in objections(given, after)
    assert objections(limits(steps=MostSteps(20, 15, 30)), after) == ""


def test_an_offset_is_measured_the_short_way_around():
    assert step_of(plan(offset_s=2), plan(offset_s=58)).offset_s == 4


def test_offsets_that_count_from_another_phase_have_no_step():
    other = replace(plan(), coordinated_phase=2)
    assert step_of(plan(), other).offset_s is None
    assert "counts from another event" in objections(limits(steps=MostSteps(offset_s=20)), other)
    assert objections(limits(steps=MostSteps(20, 20)), other) == ""


def test_hours_are_those_of_the_city():
    given = limits(every_day(time(6), time(20), "America/Phoenix"))
    # 12:00 UTC is 05:00 in Phoenix.
    assert "05:00 is outside the hours allowed" in objections(given, plan())
    assert objections(given, plan(), now=NOON + timedelta(hours=2)) == ""


def test_signals_outside_the_corridors_are_named():
    assert "outside the corridors allowed: A" in objections(limits(signals=("B",)), plan())


def test_changes_of_a_day_are_counted_on_the_citys_day():
    given = limits(every_day(time(0), time(23, 59), "America/Phoenix"), most=2)
    # 05:00 UTC is 22:00 of the day before in Phoenix.
    assert objections(given, plan(), [NOON - timedelta(hours=7), NOON - timedelta(hours=1)]) == ""
    twice = [NOON - timedelta(hours=4), NOON - timedelta(hours=1)]
    assert "2 changes today; 2 a day are allowed" in objections(given, plan(), twice)


def test_a_least_time_is_kept_between_two_changes():
    assert "the last change was 29 min ago" in objections(limits(), plan(), [NOON - minutes(29)])
    assert objections(limits(), plan(), [NOON - minutes(30)]) == ""
