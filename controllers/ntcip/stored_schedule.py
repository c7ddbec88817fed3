"""A device's time base as a `DaySchedule`.

A device's calendar recurs every year and its day plans may begin with what an earlier day left
running; a `DaySchedule` names dates and says of every day how it begins. Both mean the same only
over a stated span of dates, so the span is worked out date by date: what is usual for a day of
the week becomes a rule for it, and every other date is named.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Final

from controllers.ntcip.time_base import DayEvent, TimeBase
from network.day_plan import (
    FLASH,
    FREE,
    MOST_PATTERN,
    Action,
    CalendarRule,
    DayPlan,
    ScheduledPlan,
)
from network.errors import PlanError
from network.schedule import DaySchedule

LOOK_BACK_DAYS: Final = 366
"""How far back an event may lie that still runs: every date of a year recurs in that time."""

SECONDS_PER_MINUTE: Final = 60

_Day = tuple[int, str]
"""A day plan by number, 0 for none, and what runs before its first event; nothing if none does."""


def pattern_name(pattern: int) -> str:
    """Return what an uploaded schedule calls a pattern."""
    return f"pattern {pattern}"


def stored_schedule(
    name: str, time_zone: str, base: TimeBase, first: date, last: date
) -> tuple[DaySchedule | None, tuple[str, ...]]:
    """Turn a device's time base into a schedule.

    Parameters
    ----------
    name, time_zone
        What to call it, and the IANA zone of the wall clock it follows; the device tells only
        hours.
    base
        What was read.
    first, last
        The dates for which it is to hold.

    Returns
    -------
    schedule
        None where the device has none.
    told
        What it does not carry or could not be understood, in words.
    """
    if last < first:
        raise PlanError(f"schedule {name!r}: its last date {last} is before its first, {first}")
    told: list[str] = []
    runs = {number: _run(action.pattern, number, told) for number, action in base.actions.items()}
    events = {
        plan: tuple(event for event in of_day if event.action in runs)
        for plan, of_day in base.day_plans.items()
    }
    if not any(events.values()):
        return None, (*told, "no date has an event: the device follows no schedule")
    days = _days(base, events, runs, first, last)
    if any(plan == 0 for plan, _ in days.values()):
        count = sum(plan == 0 for plan, _ in days.values())
        told.append(f"{count} dates have no day plan; what ran before goes on through them")
    names = _names(days)
    try:
        schedule = DaySchedule(
            name,
            time_zone,
            {
                run: ScheduledPlan(run, int(run.rsplit(" ", 1)[1]))
                for run in sorted({*runs.values()} - {FREE, FLASH})
            },
            {names[day]: _day_plan(names[day], day, events, runs) for day in names},
            _calendar(days, names),
        )
    except PlanError as error:
        return None, (*told, f"the schedule cannot be expressed: {error}")
    return schedule, tuple(told)


def _run(pattern: int, action: int, told: list[str]) -> str:
    if 1 <= pattern <= MOST_PATTERN:
        return pattern_name(pattern)
    if pattern == MOST_PATTERN + 1:
        return FREE
    if pattern == MOST_PATTERN + 2:
        return FLASH
    told.append(f"action {action} selects no pattern; shown as free")
    return FREE


def _days(
    base: TimeBase,
    events: dict[int, tuple[DayEvent, ...]],
    runs: dict[int, str],
    first: date,
    last: date,
) -> dict[date, _Day]:
    """Return of every date its day plan and what goes on before that plan's first event."""
    found: dict[date, _Day] = {}
    carried = FREE
    day = first - timedelta(days=LOOK_BACK_DAYS)
    while day <= last:
        row = next((row for row in base.rows if row.covers(day)), None)
        # A row naming a day plan that does not exist leaves the day to what went before.
        plan = row.day_plan if row and row.day_plan in events else 0
        of_day = events.get(plan, ())
        at_midnight = bool(of_day) and of_day[0].minute == 0
        if day >= first:
            found[day] = (plan, "" if at_midnight else carried)
        if of_day:
            carried = runs[of_day[-1].action]
        day += timedelta(days=1)
    return found


def _names(days: dict[date, _Day]) -> dict[_Day, str]:
    """Name every kind of day; the usual way for a plan to begin needs no mention."""
    counts = Counter(days.values())
    found: dict[_Day, str] = {}
    for (plan, carried), _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        base = f"day plan {plan}" if plan else "no day plan"
        plain = base not in found.values() and bool(plan)
        found[plan, carried] = base if plain else f"{base} after {carried}"
    return found


def _day_plan(
    name: str, day: _Day, events: dict[int, tuple[DayEvent, ...]], runs: dict[int, str]
) -> DayPlan:
    plan, carried = day
    by_minute = {0: carried} if carried else {}
    # Of events at one minute the last, which has the highest number, runs.
    by_minute.update({event.minute: runs[event.action] for event in events.get(plan, ())})
    actions = (Action(m * SECONDS_PER_MINUTE, run) for m, run in sorted(by_minute.items()))
    return DayPlan(name, tuple(actions))


def _calendar(days: dict[date, _Day], names: dict[_Day, str]) -> tuple[CalendarRule, ...]:
    usual: dict[int, _Day] = {}
    for weekday in range(7):
        kinds = Counter(kind for day, kind in days.items() if day.weekday() == weekday)
        # A span of less than a week leaves weekdays that never come up in it.
        usual[weekday] = (kinds or Counter(days.values())).most_common(1)[0][0]
    weekly = [
        CalendarRule(names[kind], frozenset(n for n, of_day in usual.items() if of_day == kind))
        for kind in dict.fromkeys(usual.values())
    ]
    odd: dict[_Day, list[date]] = {}
    for day, kind in days.items():
        if kind != usual[day.weekday()]:
            odd.setdefault(kind, []).append(day)
    return (
        *weekly,
        *(CalendarRule(names[kind], dates=tuple(dates)) for kind, dates in odd.items()),
    )
