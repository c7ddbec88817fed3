"""The time base a cabinet is delivered with: a day schedule put into its tables.

A controller's calendar knows no years: a row speaks of months, dates and days of the week. So a
schedule is loaded for the year that begins with the day of loading, in which no month and date
come twice; its seasons and single dates outside that year are left out, and those inside come
back every year until the schedule is loaded again. Cities reload their holidays once a year for
that reason.

This fills the tables; `timebase` reads them and says what they call when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from types import MappingProxyType
from typing import Final

from controllers.emulator.daylight import (
    BY_TABLE,
    NAMED_RULES,
    US_RULE,
    DaylightRule,
    YearlyMoment,
)
from controllers.emulator.sections import FREE_PATTERN
from controllers.emulator.store import Accepts, Fault, ObjectStore, only_bits
from controllers.emulator.timebase import DATES, MONTHS, WEEKDAYS, action_of
from controllers.emulator.zone import zone_rules
from controllers.ntcip.objects import OBJECTS, Edition, Oid, instance
from network.day_plan import FLASH, FREE, MOST_PATTERN, CalendarRule
from network.errors import ControllerError
from network.schedule import DaySchedule
from network.timing import TimingPlan

PLAN_IN_FORCE: Final = 1
"""Pattern of the plan in force, and what a cabinet without a schedule always calls."""

MOST_ROWS: Final = 255
SCHEDULE_ROWS: Final = 8
DAY_PLANS: Final = 4
DAY_EVENTS: Final = 6
ACTIONS: Final = 8
"""Rows of the time-base tables where a schedule needs no more; some are spare."""

NO_ACTION: Final = (0, 0)
"""What `dayPlanActionNumberOID` points to in an event that is not used."""

Row = tuple[int, int, int, int]
"""Months, weekdays, dates as bits, and the day plan."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """A signal's schedule with the plans it chooses from.

    Attributes
    ----------
    schedule
        Which plan when. A controller starts its plans at whole minutes and this one cannot
        flash by schedule, so other actions are refused.
    plans
        The signal's own plan for each name that the schedule runs.

    Raises
    ------
    ControllerError
        A controller cannot keep the schedule, or a plan is missing.
    """

    schedule: DaySchedule
    plans: Mapping[str, TimingPlan]

    def __post_init__(self) -> None:
        where = f"schedule {self.schedule.name!r}"
        for day in self.schedule.days.values():
            for action in day.actions:
                if action.run == FLASH:
                    raise ControllerError(
                        f"{where}: day {day.name!r} flashes; this cabinet runs plans or free"
                    )
                if action.run != FREE and action.run not in self.plans:
                    raise ControllerError(
                        f"{where}: no plan {action.run!r} for this signal; it has "
                        f"{', '.join(self.plans) or 'none'}"
                    )
                if action.at_s % 60:
                    raise ControllerError(
                        f"{where}: day {day.name!r} has an action {action.at_s} s after midnight; "
                        "a controller acts at whole minutes"
                    )
        if len(self.schedule.days) > MOST_ROWS:
            raise ControllerError(
                f"{where}: {len(self.schedule.days)} kinds of day; allowed are {MOST_ROWS}"
            )
        object.__setattr__(self, "plans", MappingProxyType(dict(self.plans)))
        if max(self.numbers().values(), default=0) > MOST_PATTERN:
            raise ControllerError(f"{where}: more than {MOST_PATTERN} patterns")

    def __reduce__(self) -> tuple[object, ...]:
        return (Timetable, (self.schedule, dict(self.plans)))

    def numbers(self) -> dict[str, int]:
        """Return the pattern of each plan; the ones without a number take the free ones from 2."""
        given = self.schedule.plans
        taken = {PLAN_IN_FORCE, *(plan.pattern for plan in given.values() if plan.pattern)}
        spare = (n for n in range(1, 2 * MOST_PATTERN + len(taken)) if n not in taken)
        return {
            name: plan.pattern or next(spare) for name, plan in given.items() if name in self.plans
        }

    def patterns(self) -> dict[int, TimingPlan]:
        """Return the plans by the number of their pattern."""
        return {number: self.plans[name] for name, number in self.numbers().items()}


def patterns_of(plan_in_force: TimingPlan, timetable: Timetable | None) -> dict[int, TimingPlan]:
    """Return what a cabinet stores: the plan in force unless a schedule takes its place, and more.

    Parameters
    ----------
    plan_in_force
        Pattern 1.
    timetable
        The schedule, if there is one.
    """
    found = {PLAN_IN_FORCE: plan_in_force}
    if timetable:
        found.update(timetable.patterns())
    return dict(sorted(found.items()))


def define_time_base(
    store: ObjectStore,
    edition: Edition,
    timetable: Timetable | None,
    utc_s: int,
    *,
    standard_zone_s: int = 0,
) -> None:
    """Create schedule, day plan, action and daylight saving tables.

    Without a schedule one row calls pattern 1 from midnight on, every day, by a clock that is
    never set.

    Parameters
    ----------
    store, edition
        Where, and of which edition.
    timetable
        The schedule.
    utc_s
        The instant of loading, in s since 1970.
    standard_zone_s
        Standard time less universal time where no schedule names the zone, in s.

    Raises
    ------
    ControllerError
        The edition cannot follow the schedule's clock.
    """
    runs = {"": PLAN_IN_FORCE}
    plans: list[list[tuple[int, str]]] = [[(0, "")]]
    rows: list[Row] = [(MONTHS, WEEKDAYS, DATES, 1)]
    zone_s = standard_zone_s
    rules: tuple[DaylightRule, ...] = ()
    if timetable:
        schedule = timetable.schedule
        zone_s, rules = zone_rules(schedule.time_zone, utc_s)
        kinds = OBJECTS["controllerStandardTimeZone"], OBJECTS["dstSecondsToAdjust"]
        furthest_s = max((rule.adjust_s for rule in rules), default=0)
        if not kinds[0].low <= zone_s <= kinds[0].high or furthest_s > kinds[1].high:
            raise ControllerError(
                f"schedule {schedule.name!r}: {schedule.time_zone} is {zone_s} s from universal "
                f"time and sets its clock by {furthest_s} s; a controller allows up to "
                f"{kinds[0].high} s and {kinds[1].high} s"
            )
        if edition is Edition.V1996 and rules:
            raise ControllerError(
                f"schedule {schedule.name!r}: a controller of the 1996 edition cannot follow "
                f"daylight saving in {schedule.time_zone}"
            )
        runs = {**timetable.numbers(), FREE: FREE_PATTERN}
        used = {action.run for day in schedule.days.values() for action in day.actions}
        runs = {name: pattern for name, pattern in runs.items() if name in used}
        plans = [
            [(action.at_s // 60, action.run) for action in day.actions]
            for day in schedule.days.values()
        ]
        first = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=utc_s + zone_s)).date()
        numbers = {name: number for number, name in enumerate(schedule.days, start=1)}
        rows = [
            (*bits, numbers[rule.day])
            for rule in sorted(schedule.calendar, key=lambda rule: -rule.rank)
            for bits in _dates(rule, first)
        ]
    _define_clock(store, edition, zone_s, rules)
    _define_schedule(store, rows, max(DAY_PLANS, len(plans)))
    _define_actions(store, list(runs.values()))
    _define_day_plans(store, plans, {name: n for n, name in enumerate(runs, start=1)})


def _define_clock(
    store: ObjectStore, edition: Edition, zone_s: int, rules: tuple[DaylightRule, ...]
) -> None:
    mode = OBJECTS["globalDaylightSaving"]
    named = BY_TABLE if rules else "disableDST"
    followed = {mode.number(name) for name in ("disableDST", *NAMED_RULES, BY_TABLE)}
    store.define(mode.name, value=mode.number(named), accepts=lambda value: value in followed)
    store.define("controllerStandardTimeZone", value=zone_s)
    if edition is Edition.V1996:
        return
    store.define("maxDaylightSavingEntries", value=max(1, len(rules)))
    for row, rule in enumerate(rules or (US_RULE,), start=1):
        store.define("dstSecondsToAdjust", row, value=rule.adjust_s)
        for edge, moment in (("Begin", rule.begin), ("End", rule.end)):
            default = US_RULE.begin if edge == "Begin" else US_RULE.end
            yearly = default if isinstance(moment, int) else moment
            assert isinstance(yearly, YearlyMoment)
            absolute = isinstance(moment, int) and edge == "Begin"
            month = OBJECTS["dstBeginMonth"].number("absolute") if absolute else yearly.month
            second = moment if isinstance(moment, int) else yearly.second
            store.define(f"dst{edge}Month", row, value=month)
            store.define(f"dst{edge}Occurrences", row, value=yearly.occurrence)
            store.define(f"dst{edge}DayOfWeek", row, value=yearly.weekday)
            store.define(f"dst{edge}DayOfMonth", row, value=yearly.day)
            store.define(f"dst{edge}SecondsToTransition", row, value=second)


def _define_schedule(store: ObjectStore, rows: list[Row], day_plans: int) -> None:
    count = max(SCHEDULE_ROWS, len(rows))
    store.define("maxTimeBaseScheduleEntries", value=count)
    store.define("maxDayPlans", value=day_plans)
    columns: Mapping[str, Accepts] = {
        "Month": only_bits(MONTHS),
        "Day": only_bits(WEEKDAYS),
        "Date": only_bits(DATES),
        "DayPlan": lambda value: isinstance(value, int) and value <= day_plans,
    }
    for at, (name, accepts) in enumerate(columns.items()):
        values = {(n,): rows[n - 1][at] if n <= len(rows) else 0 for n in range(1, count + 1)}
        store.define_column(f"timeBaseSchedule{name}", values, accepts=accepts)


def _define_actions(store: ObjectStore, patterns: list[int]) -> None:
    count = max(ACTIONS, len(patterns))
    store.define("timebaseAscPatternSync", value=0)
    store.define("maxTimebaseAscActions", value=count)
    rows = [(number,) for number in range(1, count + 1)]
    called = [*patterns, *[0] * (count - len(patterns))]
    store.define_column("timebaseAscActionNumber", {row: row[0] for row in rows})
    store.define_column("timebaseAscPattern", dict(zip(rows, called, strict=True)))
    store.define_column("timebaseAscSpecialFunction", dict.fromkeys(rows, 0))


def _define_day_plans(
    store: ObjectStore, plans: list[list[tuple[int, str]]], actions: Mapping[str, int]
) -> None:
    most = max(DAY_EVENTS, *(len(events) for events in plans))
    store.define("maxDayPlanEvents", value=most)
    rows = list(product(range(1, store.number("maxDayPlans") + 1), range(1, most + 1)))
    minutes = dict.fromkeys(rows, 0)
    oids: dict[tuple[int, int], Oid] = dict.fromkeys(rows, NO_ACTION)
    for plan, events in enumerate(plans, start=1):
        for number, (minute, run) in enumerate(events, start=1):
            minutes[plan, number] = minute
            oids[plan, number] = instance("timebaseAscActionNumber", actions[run])
    store.define_column("dayPlanHour", {row: minute // 60 for row, minute in minutes.items()})
    store.define_column("dayPlanMinute", {row: minute % 60 for row, minute in minutes.items()})
    store.define_column(
        "dayPlanActionNumberOID",
        oids,
        accepts=lambda value: value == NO_ACTION or action_of(store, value) > 0,
        refusal=Fault.GENERAL,
    )


def _dates(rule: CalendarRule, first: date) -> Iterator[tuple[int, int, int]]:
    """Yield the months, weekdays and dates, as bits, that a rule means in the year from a day on.

    Rows of single dates carry the one weekday, so that none is more specific than they.
    """
    follows = first.replace(day=1, month=3) if (first.month, first.day) == (2, 29) else first
    last = follows.replace(year=follows.year + 1) - timedelta(days=1)
    if rule.dates:
        for day in sorted(rule.dates):
            if first <= day <= last:
                yield 1 << day.month, _weekdays(frozenset((day.weekday(),))), 1 << day.day
        return
    if rule.first is None or rule.last is None:
        yield MONTHS, _weekdays(rule.weekdays), DATES
        return
    day, end = max(rule.first, first), min(rule.last, last)
    while day <= end:
        stop = min(
            end, (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        )
        dates = sum(1 << number for number in range(day.day, stop.day + 1))
        yield 1 << day.month, _weekdays(rule.weekdays), dates
        day = stop + timedelta(days=1)


def _weekdays(numbers: frozenset[int]) -> int:
    """Return weekdays that count from 0 for Monday as bits that count from 1 for Sunday."""
    return sum(1 << (number + 1) % 7 + 1 for number in numbers)
