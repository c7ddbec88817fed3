"""The time base of a device as it is stored: schedule rows, day plans and actions.

Sources: NTCIP 1201 v03 clauses 2.4.3 and 2.4.4 (bits of a row, which row of several counts, when
an event begins), NTCIP 1202 v03 clause 5.6 (actions).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from controllers.ntcip.objects import OBJECTS
from controllers.ntcip.reading import Reader

MOST_ROWS: Final = 1024
"""Schedule rows that are read; the standard allows a device to claim 65,535."""

MONTHS: Final = 0x1FFE
WEEKDAYS: Final = 0xFE
DATES: Final = 0xFFFF_FFFE
"""Bits 1 to 12 for months, 1 (Sunday) to 7 for days of the week, 1 to 31 for dates."""


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """Which dates, as bits, are which day plan.

    Attributes
    ----------
    number
        Of the row.
    months, weekdays, dates
        Bits, as `MONTHS`, `WEEKDAYS` and `DATES` have them.
    day_plan
        Number of the day plan.
    """

    number: int
    months: int
    weekdays: int
    dates: int
    day_plan: int

    @property
    def used(self) -> bool:
        """Whether it speaks of any date at all."""
        return bool(
            self.months & MONTHS and self.weekdays & WEEKDAYS and self.dates & DATES
        ) and bool(self.day_plan)

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Of several rows for a date that with the least rank counts: the most specific."""
        return (
            (self.months & MONTHS).bit_count(),
            (self.dates & DATES).bit_count(),
            (self.weekdays & WEEKDAYS).bit_count(),
            self.number,
        )

    def covers(self, day: date) -> bool:
        """Tell whether it speaks of a date."""
        weekday = day.isoweekday() % 7 + 1
        return all(
            (self.months >> day.month & 1, self.weekdays >> weekday & 1, self.dates >> day.day & 1)
        )


@dataclass(frozen=True, slots=True)
class DayEvent:
    """What begins at a time of day: minutes after midnight, event number, action row."""

    minute: int
    number: int
    action: int


@dataclass(frozen=True, slots=True)
class ActionRow:
    """What an action does: the pattern it calls, its auxiliary and special functions as bits."""

    number: int
    pattern: int
    auxiliary: int
    special: int


@dataclass(frozen=True, slots=True)
class TimeBase:
    """Everything of a device's schedule.

    Attributes
    ----------
    rows
        Rows of the schedule that speak of some date, the most specific first.
    day_plans
        By number, the events of the day plans that those rows name, in order of time.
    actions
        By number, the actions that those events name.
    not_understood
        What could not be read as the standard has it, in words.
    """

    rows: tuple[ScheduleRow, ...]
    day_plans: dict[int, tuple[DayEvent, ...]]
    actions: dict[int, ActionRow]
    not_understood: tuple[str, ...]


async def read_time_base(reader: Reader) -> TimeBase:
    """Read a device's schedule; empty where it has none."""
    told: list[str] = []
    rows = await _schedule_rows(reader, told)
    plans = await _day_plans(reader, {row.day_plan for row in rows}, told)
    numbers = {event.action for events in plans.values() for event in events}
    actions = await _actions(reader, numbers, told)
    return TimeBase(tuple(sorted(rows, key=lambda row: row.rank)), plans, actions, tuple(told))


async def read_day_plans(reader: Reader) -> tuple[dict[int, tuple[DayEvent, ...]], tuple[str, ...]]:
    """Read the day plans that some schedule row names, and what could not be understood."""
    told: list[str] = []
    rows = await _schedule_rows(reader, told)
    return await _day_plans(reader, {row.day_plan for row in rows}, told), tuple(told)


async def _schedule_rows(reader: Reader, told: list[str]) -> list[ScheduleRow]:
    name = "maxTimeBaseScheduleEntries"
    total = (await reader.optional(name))[name]
    if total is None:
        told.append("the device has no schedule that could be read")
        return []
    if total > MOST_ROWS:
        told.append(f"{total - MOST_ROWS} of {total} schedule rows were not read")
    columns = ("Month", "Day", "Date", "DayPlan")
    count = min(total, MOST_ROWS)
    cells = await reader.table(
        [(f"timeBaseSchedule{column}", n) for n in range(1, count + 1) for column in columns]
    )
    found = []
    for number in range(1, count + 1):
        months, weekdays, dates, day_plan = cells[(number - 1) * 4 : number * 4]
        # A date mask with day 31 set reads as a negative number where it travels as an INTEGER.
        row = ScheduleRow(number, months, weekdays, dates % 2**32, day_plan)
        if row.used:
            found.append(row)
    return found


async def _day_plans(
    reader: Reader, wanted: Iterable[int], told: list[str]
) -> dict[int, tuple[DayEvent, ...]]:
    sizes = await reader.optional("maxDayPlans", "maxDayPlanEvents")
    plans, events = sizes["maxDayPlans"] or 0, sizes["maxDayPlanEvents"] or 0
    column = OBJECTS["timebaseAscActionNumber"].oid
    found: dict[int, tuple[DayEvent, ...]] = {}
    for plan in sorted(wanted):
        if plan > plans:
            told.append(f"the schedule names day plan {plan}; the device has {plans}")
            continue
        rows = range(1, events + 1)
        kind = OBJECTS["dayPlanActionNumberOID"]
        actions = await reader.get([kind.instance(plan, n) for n in rows])
        used = []
        for number, action in zip(rows, actions, strict=True):
            if isinstance(action, tuple) and action[:-1] == column and action[-1]:
                used.append((number, action[-1]))
            elif isinstance(action, tuple) and any(action):
                told.append(
                    f"event {number} of day plan {plan} does something other than an action"
                )
        times = await reader.table(
            [(name, plan, n) for n, _ in used for name in ("dayPlanHour", "dayPlanMinute")]
        )
        found[plan] = tuple(
            sorted(
                (
                    DayEvent(hour * 60 + minute, number, action)
                    for (number, action), hour, minute in zip(
                        used, times[::2], times[1::2], strict=True
                    )
                ),
                key=lambda event: (event.minute, event.number),
            )
        )
    return found


async def _actions(reader: Reader, numbers: set[int], told: list[str]) -> dict[int, ActionRow]:
    name = "maxTimebaseAscActions"
    most = (await reader.optional(name))[name] or 0
    told.extend(
        f"a day plan names action {number}; the device has {most}"
        for number in sorted(numbers)
        if number > most
    )
    known = sorted(number for number in numbers if number <= most)
    columns = ("Pattern", "AuxiliaryFunction", "SpecialFunction")
    readings = await reader.get(
        [OBJECTS[f"timebaseAsc{column}"].instance(n) for n in known for column in columns]
    )
    found = {}
    for at, number in enumerate(known):
        # The function columns are optional; a device without them has no functions.
        pattern, auxiliary, special = readings[at * 3 : at * 3 + 3]
        row = ActionRow(
            number,
            reader.number(f"timebaseAscPattern.{number}", pattern),
            auxiliary if isinstance(auxiliary, int) else 0,
            special if isinstance(special, int) else 0,
        )
        found[number] = row
        if row.auxiliary or row.special:
            told.append(
                f"action {number} also sets auxiliary functions {row.auxiliary} and special "
                f"functions {row.special}, which a schedule does not carry"
            )
    return found
