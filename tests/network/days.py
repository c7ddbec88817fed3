"""Day schedules to test with."""

from __future__ import annotations

from datetime import date

from network.day_plan import FLASH, FREE, Action, CalendarRule, DayPlan, ScheduledPlan
from network.schedule import DaySchedule

WORKDAYS = frozenset(range(5))
WEEKEND = frozenset((5, 6))
EVERY_DAY = WORKDAYS | WEEKEND
H = 3600


def elm_street() -> DaySchedule:
    """Two plans on workdays, flash at night, a holiday and Saturdays before Christmas."""
    workday = DayPlan(
        "workday",
        (
            Action(0, FLASH),
            Action(5 * H, FREE),
            Action(6 * H + 1800, "am peak"),
            Action(9 * H, "off-peak"),
            Action(22 * H + 1, FREE),
        ),
    )
    rest = DayPlan("rest", (Action(0, FREE),))
    return DaySchedule(
        "Elm Street",
        "Europe/Berlin",
        {
            "am peak": ScheduledPlan("am peak", 1, "am/plan.json"),
            "off-peak": ScheduledPlan("off-peak", 2),
        },
        {"workday": workday, "rest": rest},
        (
            CalendarRule("workday", WORKDAYS),
            CalendarRule("rest", WEEKEND),
            CalendarRule("workday", frozenset((5,)), date(2026, 11, 28), date(2026, 12, 26)),
            CalendarRule("rest", dates=(date(2026, 12, 25), date(2026, 12, 26))),
        ),
    )


def daily(zone: str, *actions: tuple[int, str]) -> DaySchedule:
    """The same actions every day."""
    names = {run for _, run in actions} - {FREE, FLASH}
    plans = {name: ScheduledPlan(name, number) for number, name in enumerate(sorted(names), 1)}
    day = DayPlan("day", tuple(Action(at_s, run) for at_s, run in actions))
    return DaySchedule("daily", zone, plans, {"day": day}, (CalendarRule("day", EVERY_DAY),))
