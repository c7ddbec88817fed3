"""The time base of a cabinet: which action its schedule calls now, and until when.

The rules are those of NTCIP 1201 v03 clauses 2.4.3 and 2.4.4 and of NTCIP 1202 v03 clause 5.6:

- A schedule row speaks of a date if its month, weekday and date of the month are all set. Of
  several the most specific counts, which is the one with the fewest months; then the fewest dates,
  the fewest weekdays, the lower number. A row with nothing set, or without a day plan, is off.
- Of a day plan's events the last one before now runs, of events at the same minute the one with
  the highest number. Before a day's first event that of an earlier day still runs; the standard
  looks back for at least 24 hours, this cabinet for a year.
- An action whose pattern is 0 gives way to what ranks below the time base, here free operation.

Every event takes place once: when the clock first shows its time, or has been set forward past
it. The hour that comes twice in autumn does not bring back what has ended in its first pass.

`timetable` fills the tables that are read here. The time base is asked when the database or the
clock has changed or its answer has run out, never every tenth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from controllers.emulator.daylight import (
    BY_TABLE,
    EPOCH_DAY,
    NAMED_RULES,
    SECONDS_PER_DAY,
    DaylightRule,
    LocalTime,
    YearlyMoment,
)
from controllers.emulator.store import ObjectStore
from controllers.emulator.transaction import Content
from controllers.ntcip.objects import OBJECTS

ACTION_TIME: Final = 65_535
"""Value of `timebaseAscPatternSync` by which an action's own time is its sync reference."""

MINUTES_PER_DAY: Final = 1_440
LOOK_BACK_DAYS: Final = 366
SPECIAL_FUNCTIONS: Final = 8

MONTHS: Final = 0x1FFE
WEEKDAYS: Final = 0xFE
DATES: Final = 0xFFFF_FFFE
"""Bits that stand for a month, a day of the week and a date; bit 0 and the rest are reserved."""


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A row of the schedule: the dates it speaks of, as bits, and their day plan."""

    number: int
    months: int
    weekdays: int
    dates: int
    day_plan: int

    def covers(self, day: date) -> bool:
        """Tell whether it speaks of a date."""
        weekday = day.isoweekday() % 7 + 1
        return bool(
            self.months >> day.month & 1
            and self.weekdays >> weekday & 1
            and self.dates >> day.day & 1
        )

    @property
    def breadth(self) -> tuple[int, int, int, int]:
        """Orders rows from the most to the least specific."""
        return (
            self.months.bit_count(),
            self.dates.bit_count(),
            self.weekdays.bit_count(),
            self.number,
        )


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a day plan: the minute of the day, its number and its action."""

    minute: int
    number: int
    action: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What the time base has chosen.

    Attributes
    ----------
    offset_s
        Local less universal time.
    schedule_row, day_plan, action
        Selected for today, and in force; 0 for none.
    pattern
        What the action calls; 0 if nothing is called.
    sync_minute
        Minute of the local day that counts as system zero.
    until_utc_s
        Until then it stays so.
    """

    offset_s: int
    schedule_row: int
    day_plan: int
    action: int
    pattern: int
    sync_minute: int
    until_utc_s: int


class TimeBase:
    """Reads schedule, day plans, actions and clock rules of a cabinet.

    Parameters
    ----------
    store
        Its database; the tables must be defined.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._generation: int | None = None
        self._rows: list[ScheduleRow] = []
        self._plans: dict[int, list[Event]] = {}
        self._local = LocalTime(0)
        self._commanded = 0
        self._commanded_minute = 0

    @property
    def commanded(self) -> int:
        """The action that `actionPlanControl` commands instead of the schedule's; 0 for none."""
        return self._commanded

    def command(self, action: int, utc_s: int) -> None:
        """Put an action in place of the schedule's, or with 0 give way to it again."""
        self._commanded = action
        local_s = utc_s + self._local.offset_s(utc_s)
        self._commanded_minute = local_s // 60 % MINUTES_PER_DAY

    def choose(self, utc_s: int) -> Choice:
        """Work out what is called at an instant, in s since 1970."""
        if self._generation != self._store.generation:
            self._read()
        offset_s = self._local.offset_s(utc_s)
        today = (utc_s + offset_s) // SECONDS_PER_DAY
        until_utc_s = self._local.first_s((today + 1) * SECONDS_PER_DAY, utc_s)
        change_utc_s = self._local.next_change_s(utc_s)
        if change_utc_s is not None:
            until_utc_s = min(until_utc_s, change_utc_s)
        running = None
        for day, event in self._backwards(today + 1):
            at_s = self._local.first_s(day * SECONDS_PER_DAY + event.minute * 60, utc_s)
            if at_s <= utc_s:
                running = event
                break
            until_utc_s = min(until_utc_s, at_s)
        action, minute = (running.action, running.minute) if running else (0, 0)
        if self._commanded:
            action, minute = self._commanded, self._commanded_minute
        known = 1 <= action <= self._store.number("maxTimebaseAscActions")
        row = self._row_of(today)
        return Choice(
            offset_s,
            row.number if row else 0,
            row.day_plan if row else 0,
            action if known else 0,
            self._store.number("timebaseAscPattern", action) if known else 0,
            self._sync_minute(minute),
            until_utc_s,
        )

    def _sync_minute(self, action_minute: int) -> int:
        minute = self._store.number("timebaseAscPatternSync")
        if minute == ACTION_TIME:
            return action_minute
        return minute if minute < MINUTES_PER_DAY else 0

    def _row_of(self, day: int) -> ScheduleRow | None:
        """Return the row that speaks of a day, counted since 1970."""
        when = date.fromordinal(EPOCH_DAY + day)
        return next((row for row in self._rows if row.covers(when)), None)

    def _backwards(self, day: int) -> Iterator[tuple[int, Event]]:
        """Yield events with their days, the latest first."""
        if not any(self._plans.values()):
            return
        for each in range(day, day - LOOK_BACK_DAYS - 2, -1):
            row = self._row_of(each)
            for event in reversed(self._plans[row.day_plan] if row else ()):
                yield each, event

    def _read(self) -> None:
        store = self._store
        self._generation = store.generation
        plans = range(1, store.number("maxDayPlans") + 1)
        events = range(1, store.number("maxDayPlanEvents") + 1)
        self._plans = {
            plan: sorted(
                (e for n in events if (e := _event(store, plan, n)) is not None),
                key=lambda event: (event.minute, event.number),
            )
            for plan in plans
        }
        rows = (
            ScheduleRow(
                n,
                store.number("timeBaseScheduleMonth", n),
                store.number("timeBaseScheduleDay", n),
                store.number("timeBaseScheduleDate", n),
                store.number("timeBaseScheduleDayPlan", n),
            )
            for n in range(1, store.number("maxTimeBaseScheduleEntries") + 1)
        )
        used = (row for row in rows if row.months and row.weekdays and row.dates)
        self._rows = sorted(
            (row for row in used if row.day_plan in self._plans), key=lambda row: row.breadth
        )
        zone = "controllerStandardTimeZone"
        # The older edition has no time zone: its clock is local standard time already.
        zone_s = store.number(zone) if store.holds(zone) else 0
        self._local = LocalTime(zone_s, _daylight(store))


def bind_time_base(store: ObjectStore, choice: Callable[[], Choice]) -> None:
    """Create the status instances of the time base.

    Parameters
    ----------
    store
        Where.
    choice
        Returns what is chosen at this moment.
    """
    store.bind("timeBaseScheduleTableStatus", read=lambda: choice().schedule_row)
    store.bind("dayPlanStatus", read=lambda: choice().day_plan)
    store.bind("timebaseAscActionStatus", read=lambda: choice().action)
    store.define("maxSpecialFunctionOutputs", value=SPECIAL_FUNCTIONS)
    for number in range(1, SPECIAL_FUNCTIONS + 1):
        store.bind("specialFunctionOutputStatus", number, read=_special(store, choice, number))


def _special(store: ObjectStore, choice: Callable[[], Choice], number: int) -> Callable[[], int]:
    """Return what reads whether the action in force switches a special function on."""

    def read() -> int:
        action = choice().action
        bits = store.number("timebaseAscSpecialFunction", action) if action else 0
        return bits >> (number - 1) & 1

    return read


def _event(store: ObjectStore, plan: int, number: int) -> Event | None:
    """Return an event; None where the row names no action."""
    found = store.get(OBJECTS["dayPlanActionNumberOID"].instance(plan, number))
    action = action_of(store, found[1]) if found else 0
    if not action:
        return None
    hour = store.number("dayPlanHour", plan, number)
    return Event(hour * 60 + store.number("dayPlanMinute", plan, number), number, action)


def action_of(store: ObjectStore, value: Content) -> int:
    """Return which row of the action table a value points to; 0 if to none."""
    column = OBJECTS["timebaseAscActionNumber"].oid
    if not isinstance(value, tuple) or value[:-1] != column:
        return 0
    return value[-1] if value[-1] <= store.number("maxTimebaseAscActions") else 0


def _daylight(store: ObjectStore) -> tuple[DaylightRule, ...]:
    """Return the rules of daylight saving that are in force."""
    name = store.meaning("globalDaylightSaving")
    if name != BY_TABLE:
        return NAMED_RULES.get(name, ())
    rows = range(1, store.number("maxDaylightSavingEntries") + 1)
    return tuple(rule for row in rows if (rule := _rule(store, row)) is not None)


def _rule(store: ObjectStore, row: int) -> DaylightRule | None:
    """Return a row of the daylight saving table; None for one that is disabled."""
    month = OBJECTS["dstBeginMonth"]
    begins = store.number(month.name, row)
    adjust_s = store.number("dstSecondsToAdjust", row)
    if begins == month.number("disabled"):
        return None
    if begins == month.number("absolute"):
        begin_s = store.number("dstBeginSecondsToTransition", row)
        return DaylightRule(begin_s, store.number("dstEndSecondsToTransition", row), adjust_s)
    begin, end = (
        YearlyMoment(
            store.number(f"dst{edge}Month", row),
            store.number(f"dst{edge}Occurrences", row),
            store.number(f"dst{edge}DayOfWeek", row),
            store.number(f"dst{edge}DayOfMonth", row),
            store.number(f"dst{edge}SecondsToTransition", row),
        )
        for edge in ("Begin", "End")
    )
    return DaylightRule(begin, end, adjust_s)
