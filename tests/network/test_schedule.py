"""Day schedules: what runs when, also in the nights in which the clock is set."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from network.day_plan import Action, CalendarRule, DayPlan, ScheduledPlan
from network.errors import PlanError
from network.schedule import DaySchedule
from tests.network.days import EVERY_DAY, WEEKEND, WORKDAYS, H, daily, elm_street

BERLIN = ZoneInfo("Europe/Berlin")


def wall(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, us: int = 0
) -> datetime:
    """A time by the wall clock at the place, wherever that is."""
    return datetime(year, month, day, hour, minute, second, us, UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("moment", "run"),
    [
        (wall(2026, 11, 23, 0, 0), "flash"),  # a Monday
        (wall(2026, 11, 23, 6, 29, 59, 999_999), "free"),
        (wall(2026, 11, 23, 6, 30), "am peak"),
        (wall(2026, 11, 23, 22, 0, 0), "off-peak"),
        (wall(2026, 11, 23, 22, 0, 1), "free"),
        (wall(2026, 11, 22, 6, 30), "free"),  # a Sunday
        (wall(2026, 11, 21, 6, 30), "free"),  # a Saturday before the season
        (wall(2026, 11, 28, 6, 30), "am peak"),  # its first day
        (wall(2026, 12, 26, 6, 30), "free"),  # its last day, a holiday
        (wall(2026, 12, 25, 6, 30), "free"),
        (datetime(2026, 11, 23, 5, 30, tzinfo=UTC), "am peak"),
    ],
)
def test_dates_go_before_seasons_and_seasons_before_weekdays(moment: datetime, run: str) -> None:
    assert elm_street().action_at(moment).run == run


def test_the_next_switch_is_the_next_change_of_what_runs() -> None:
    schedule = elm_street()
    friday = schedule.next_switch(wall(2026, 11, 20, 22, 0, 1))
    assert friday is not None
    # Saturday and Sunday are free throughout: nothing changes until Monday's flash.
    assert (friday.at, friday.run) == (datetime(2026, 11, 23, tzinfo=BERLIN), "flash")
    later = schedule.next_switch(friday.at)
    assert later is not None
    assert (later.at, later.run) == (datetime(2026, 11, 23, 5, tzinfo=BERLIN), "free")


def test_a_schedule_without_change_has_no_next_switch() -> None:
    assert daily("UTC", (0, "a"), (H, "a")).next_switch(wall(2026, 1, 1)) is None


def on(day: date, schedule: DaySchedule) -> list[tuple[str, str]]:
    """Switches of a day, at UTC."""
    begin = datetime(day.year, day.month, day.day, tzinfo=BERLIN)
    found = schedule.switches(begin, begin + timedelta(days=1) - timedelta(seconds=1))
    return [(f"{switch.at.astimezone(UTC):%H:%M}", switch.run) for switch in found]


def test_an_action_in_the_hour_that_never_comes_begins_in_its_place() -> None:
    schedule = daily("Europe/Berlin", (0, "a"), (2 * H + 1800, "b"), (4 * H, "a"))
    # 01:00 UTC is 03:00 by the clock, which shows no 02:30 that night.
    assert on(date(2026, 3, 29), schedule) == [("01:00", "b"), ("02:00", "a")]


def test_the_hour_that_comes_twice_is_run_once_as_controllers_do() -> None:
    """The second pass went back to what had ended, and the cabinets did not."""
    schedule = daily("Europe/Berlin", (0, "a"), (2 * H + 1800, "b"), (4 * H, "a"))
    assert on(date(2026, 10, 25), schedule) == [("00:30", "b"), ("03:00", "a")]
    again = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert schedule.action_at(again).run == "b"
    assert schedule.action_at(again.replace(fold=0)).run == "a"
    assert schedule.action_at(again.replace(tzinfo=None)).run == "b"


def test_an_hour_that_comes_twice_before_midnight_is_run_once() -> None:
    # Until 2018 the clocks of Sao Paulo were set back from midnight to 23:00.
    schedule = daily("America/Sao_Paulo", (0, "a"), (23 * H + 1800, "b"))
    zone = ZoneInfo("America/Sao_Paulo")
    again = datetime(2018, 2, 17, 23, 10, tzinfo=zone, fold=1)
    assert schedule.action_at(again).run == "b"
    assert schedule.action_at(again.replace(fold=0)).run == "a"
    assert schedule.action_at(again + timedelta(hours=1)).run == "a"


@settings(max_examples=60, deadline=None)
@given(
    ats=st.lists(st.integers(1, 86_399), max_size=6, unique=True),
    runs=st.lists(st.sampled_from(["free", "flash", "a", "b"]), min_size=7, max_size=7),
    day=st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1)]),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_switches_are_the_moments_at_which_the_action_changes(
    ats: list[int], runs: list[str], day: date, zone: str
) -> None:
    schedule = daily(zone, *zip([0, *sorted(ats)], runs, strict=False))
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=12)
    end = begin + timedelta(hours=48)
    found = [switch.at.astimezone(UTC) for switch in schedule.switches(begin, end)]
    for at in found:
        before = schedule.action_at(at - timedelta(microseconds=1))
        assert schedule.action_at(at).run != before.run
    # Between two switches nothing changes, looked at every ten minutes.
    for step in range(1, 48 * 6):
        one, two = (begin + timedelta(minutes=10 * n) for n in (step - 1, step))
        if not any(one < at <= two for at in found):
            assert schedule.action_at(one).run == schedule.action_at(two).run


def test_a_schedule_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(elm_street())) == elm_street()


def _rules(*rules: CalendarRule) -> Callable[[], object]:
    return lambda: replace(elm_street(), calendar=rules)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DayPlan("d", ()), "nothing is said of its beginning"),
        (lambda: DayPlan("d", (Action(60, "a"),)), "must be at 00:00:00"),
        (
            lambda: DayPlan("d", (Action(0, "a"), Action(60, "b"), Action(60, "c"))),
            "at 00:01:00 follows that at 00:01:00",
        ),
        (lambda: DayPlan("d", tuple(Action(n, "a") for n in range(145))), "145 actions"),
        (lambda: Action(86_400, "a"), "allowed are 0 to 86399"),
        (lambda: ScheduledPlan("free", 1), "other than 'free' and 'flash'"),
        (lambda: ScheduledPlan("a"), "needs a pattern, a file or both"),
        (lambda: ScheduledPlan("a", 254), "allowed are 1 to 253"),
        (lambda: ScheduledPlan("a", None, "../plan.json"), "below the schedule's own folder"),
        (lambda: ScheduledPlan("a", None, "/plan.json"), "below the schedule's own folder"),
        (lambda: ScheduledPlan("a", None, "c:\\plan.json"), "below the schedule's own folder"),
        (lambda: ScheduledPlan("a", None, "x\\..\\..\\y"), "below the schedule's own folder"),
        (lambda: CalendarRule("d"), "either weekdays or dates"),
        (lambda: CalendarRule("d", WORKDAYS, dates=(date(2026, 1, 1),)), "either weekdays or"),
        (lambda: CalendarRule("d", frozenset((7,))), "0 for Monday to 6"),
        (lambda: CalendarRule("d", WORKDAYS, date(2026, 1, 1)), "a first and a last date"),
        (
            lambda: CalendarRule("d", WORKDAYS, date(2026, 1, 2), date(2026, 1, 1)),
            "before it begins",
        ),
        (lambda: CalendarRule("d", dates=(date(2026, 1, 1),) * 2), "names a date twice"),
        (lambda: daily("Mars/Olympus", (0, "a")), "'Mars/Olympus' is not known"),
        (lambda: daily("../etc", (0, "a")), "is not known"),
        (lambda: replace(elm_street(), plans={}), "runs the unknown plan 'am peak'"),
        (lambda: replace(elm_street(), days={}), "unknown day 'workday'"),
        (_rules(CalendarRule("rest", WORKDAYS)), "says nothing of sat, sun"),
        (
            _rules(CalendarRule("rest", EVERY_DAY), CalendarRule("workday", WEEKEND)),
            "one for day 'rest' and one for day 'workday'",
        ),
        (
            _rules(
                CalendarRule("rest", EVERY_DAY),
                CalendarRule("rest", EVERY_DAY, date(2026, 1, 1), date(2026, 1, 9)),
                CalendarRule("rest", frozenset((4,)), date(2026, 1, 9), date(2026, 2, 9)),
            ),
            "speak of the same dates",
        ),
        (
            lambda: replace(elm_street(), plans={n: ScheduledPlan(n, 1) for n in ("x", "y")}),
            "pattern 1 is given to two plans",
        ),
    ],
)
def test_what_is_open_or_said_twice_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PlanError, match=message.replace("\\", "\\\\")):
        make()


def test_seasons_that_share_weekdays_but_no_date_may_stand_together() -> None:
    monday = frozenset((0,))
    rules = (
        CalendarRule("rest", EVERY_DAY),
        CalendarRule("rest", monday, date(2026, 1, 6), date(2026, 1, 14)),
        CalendarRule("workday", monday, date(2026, 1, 13), date(2026, 1, 18)),
    )
    assert replace(elm_street(), calendar=rules).day_plan(date(2026, 1, 12)).name == "rest"
