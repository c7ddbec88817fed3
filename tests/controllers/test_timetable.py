"""A day schedule put into the tables of the emulated cabinet."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.timetable import Timetable, patterns_of
from controllers.ntcip.objects import Edition, instance
from network.day_plan import FLASH, FREE, Action, CalendarRule, DayPlan, ScheduledPlan
from network.errors import ControllerError, PlanError
from network.schedule import DaySchedule
from network.timing import TimingPlan
from tests.controllers.test_timebase import EVERY_DAY, LONG, PHASING, PLAN, SHORT
from tests.controllers.thorough import thorough

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Tokyo")
RUNS = ("long", "short", FREE)
PATTERNS = {"long": 3, "short": 5, FREE: 254}
YEAR_DAYS = 365


def schedule_of(
    days: dict[str, DayPlan], calendar: tuple[CalendarRule, ...], zone: str = "UTC"
) -> DaySchedule:
    plans = {"long": ScheduledPlan("long", 3), "short": ScheduledPlan("short", 5)}
    return DaySchedule("town", zone, plans, days, calendar)


def simple(*actions: Action, zone: str = "UTC") -> Timetable:
    days = {"day": DayPlan("day", actions)}
    schedule = schedule_of(days, (CalendarRule("day", EVERY_DAY),), zone)
    return Timetable(schedule, {"long": LONG, "short": SHORT})


def config(timetable: Timetable | None, edition: Edition = Edition.V03) -> CabinetConfig:
    return CabinetConfig(
        "s", PHASING, PLAN, 0, "look", "change", edition=edition, schedule=timetable
    )


@st.composite
def schedules(draw: st.DrawFn, first: date) -> DaySchedule:
    """Weekly rules, and perhaps seasons and single dates, of three kinds of day."""
    names = ("work", "rest", "feast")
    days = {}
    for name in names:
        minutes = sorted({0, *draw(st.lists(st.integers(1, 1439), max_size=4))})
        days[name] = DayPlan(
            name, tuple(Action(at * 60, draw(st.sampled_from(RUNS))) for at in minutes)
        )
    parts = draw(st.lists(st.sampled_from(names), min_size=7, max_size=7))
    calendar = [
        CalendarRule(name, frozenset(n for n in range(7) if parts[n] == name))
        for name in sorted(set(parts))
    ]
    within = st.integers(-30, YEAR_DAYS + 30).map(lambda n: first + timedelta(days=n))
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(within)
        season = CalendarRule(
            draw(st.sampled_from(names)),
            frozenset(draw(st.sets(st.integers(0, 6), min_size=1))),
            begin,
            begin + timedelta(days=draw(st.integers(0, 200))),
        )
        if not any(season.clashes(rule) for rule in calendar):
            calendar.append(season)
    dates = draw(st.lists(within, max_size=6, unique=True))
    if dates:
        calendar.append(CalendarRule(draw(st.sampled_from(names)), dates=tuple(dates)))
    return schedule_of(days, tuple(calendar), draw(st.sampled_from(ZONES)))


@thorough(20, 60, st.data(), st.dates(date(2024, 2, 27), date(2028, 3, 2)))
def test_the_tables_call_what_the_schedule_does_for_a_year(
    data: st.DataObject, first: date
) -> None:
    schedule = data.draw(schedules(first))
    zone = ZoneInfo(schedule.time_zone)
    begin = datetime(first.year, first.month, first.day, 12, tzinfo=zone)
    midnight_utc_s = int(begin.timestamp()) - 12 * 3600
    timetable = Timetable(schedule, {"long": LONG, "short": SHORT})
    device = Cabinet(
        CabinetConfig(
            "s",
            PHASING,
            PLAN,
            0,
            "look",
            "change",
            midnight_utc_s=midnight_utc_s,
            schedule=timetable,
        ),
        12 * 3600.0,
    )
    moments = st.integers(0, (YEAR_DAYS - 2) * 1440 + 720)
    for minutes in data.draw(st.lists(moments, min_size=20, max_size=40)):
        utc_s = int(begin.timestamp()) + minutes * 60
        there = datetime.fromtimestamp(utc_s, zone)
        choice = device.time_base.choose(utc_s)
        assert choice.pattern == PATTERNS[schedule.action_at(there).run]
        assert choice.until_utc_s > utc_s


def test_single_dates_of_other_years_are_left_out() -> None:
    days = {name: DayPlan(name, (Action(0, run),)) for name, run in (("a", "long"), ("b", FREE))}
    calendar = (
        CalendarRule("a", EVERY_DAY),
        CalendarRule("b", dates=(date(1970, 12, 24), date(1971, 12, 25), date(1969, 5, 1))),
    )
    timetable = Timetable(schedule_of(days, calendar), {"long": LONG})
    device = Cabinet(config(timetable))
    used = [
        row
        for row in range(1, device.store.number("maxTimeBaseScheduleEntries") + 1)
        if device.store.number("timeBaseScheduleMonth", row)
    ]
    assert [device.store.number("timeBaseScheduleDate", row) for row in used] == [
        1 << 24,
        0xFFFF_FFFE,
    ]


def test_plans_without_a_number_take_free_patterns_beside_the_plan_in_force() -> None:
    plans = {"long": ScheduledPlan("long", file="a.json"), "short": ScheduledPlan("short", 2)}
    day = DayPlan("day", (Action(0, "long"), Action(3600, "short")))
    schedule = DaySchedule("t", "UTC", plans, {"day": day}, (CalendarRule("day", EVERY_DAY),))
    timetable = Timetable(schedule, {"long": LONG, "short": SHORT})
    assert patterns_of(PLAN, timetable) == {1: PLAN, 2: SHORT, 3: LONG}
    assert pickle.loads(pickle.dumps(timetable)) == timetable


def test_a_schedule_may_put_a_plan_of_its_own_in_pattern_1() -> None:
    plans = {"long": ScheduledPlan("long", 1)}
    day = DayPlan("day", (Action(0, "long"),))
    schedule = DaySchedule("t", "UTC", plans, {"day": day}, (CalendarRule("day", EVERY_DAY),))
    device = Cabinet(config(Timetable(schedule, {"long": LONG})))
    assert device.store.number("patternCycleTime", 1) == LONG.cycle_s
    assert device.pattern == 1


def test_tables_grow_with_the_schedule_and_high_pattern_numbers() -> None:
    plans = {"long": ScheduledPlan("long", 200)}
    day = DayPlan("day", tuple(Action(n * 600, ("long", FREE)[n % 2]) for n in range(144)))
    schedule = DaySchedule("t", "UTC", plans, {"day": day}, (CalendarRule("day", EVERY_DAY),))
    device = Cabinet(config(Timetable(schedule, {"long": LONG})))
    assert device.store.number("maxDayPlanEvents") == 144
    assert device.store.number("maxPatterns") == 200
    assert (device.pattern, device.store.number("patternCycleTime", 200)) == (200, LONG.cycle_s)


@pytest.mark.parametrize(
    ("actions", "plans", "problem"),
    [
        ((Action(0, FLASH),), {}, "day 'day' flashes"),
        ((Action(0, "long"), Action(61, "short")), {}, "an action 61 s after midnight"),
        ((Action(0, "long"),), {"short": SHORT}, "no plan 'long' for this signal; it has short"),
    ],
)
def test_what_a_controller_cannot_keep_is_refused(
    actions: tuple[Action, ...], plans: dict[str, TimingPlan], problem: str
) -> None:
    schedule = schedule_of({"day": DayPlan("day", actions)}, (CalendarRule("day", EVERY_DAY),))
    with pytest.raises(ControllerError, match=problem):
        Timetable(schedule, plans or {"long": LONG, "short": SHORT})


def test_the_older_edition_refuses_a_zone_that_sets_its_clock() -> None:
    device = Cabinet(config(simple(Action(0, "long"), zone="Asia/Tokyo"), Edition.V1996))
    assert device.pattern == 3
    summer = CabinetConfig(
        "s",
        PHASING,
        PLAN,
        0,
        "look",
        "change",
        edition=Edition.V1996,
        midnight_utc_s=int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()),
        schedule=simple(Action(0, "long"), zone="Europe/Berlin"),
    )
    with pytest.raises(ControllerError, match="cannot follow daylight saving in Europe/Berlin"):
        Cabinet(summer)


def test_a_zone_beyond_half_a_day_is_refused() -> None:
    with pytest.raises(ControllerError, match="Pacific/Kiritimati is 50400 s from universal time"):
        Cabinet(
            CabinetConfig(
                "s",
                PHASING,
                PLAN,
                0,
                "look",
                "change",
                midnight_utc_s=int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()),
                schedule=simple(Action(0, "long"), zone="Pacific/Kiritimati"),
            )
        )


def test_a_stored_plan_that_cannot_run_is_named() -> None:
    bad = TimingPlan("s", 60, (1, 2), (52, 8), 7, 1)
    schedule = simple(Action(0, "long")).schedule
    with pytest.raises(ControllerError, match="pattern 3 cannot run"):
        Cabinet(config(Timetable(schedule, {"long": LONG, "short": SHORT} | {"long": bad})))


def test_an_unknown_zone_is_refused_by_the_schedule_itself() -> None:
    with pytest.raises(PlanError, match="time zone 'Mars/Base' is not known"):
        simple(Action(0, "long"), zone="Mars/Base")


def test_each_run_of_a_schedule_has_one_action_row() -> None:
    device = Cabinet(config(simple(Action(0, "long"), Action(60, FREE), Action(120, "long"))))
    rows = [device.store.number("timebaseAscPattern", n) for n in range(1, 9)]
    assert rows == [3, 254, 0, 0, 0, 0, 0, 0]
    found = device.store.get(instance("dayPlanActionNumberOID", 1, 3))
    assert found is not None
    assert found[1] == instance("timebaseAscActionNumber", 1)
