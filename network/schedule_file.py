"""Day schedules on disk: TOML that a person edits.

format = "throughband.schedule"
version = 1
name = "Elm Street"
time_zone = "America/Phoenix"

[plans]
am-peak = { pattern = 1, file = "am/plan.json" }
off-peak = { pattern = 2 }

[[day]]
name = "workday"
actions = [
    { at = 00:00:00, run = "free" },
    { at = 06:30:00, run = "am-peak" },
    { at = 09:00:00, run = "off-peak" },
]

[[calendar]]
day = "workday"
weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from network.day_plan import (
    FLASH,
    FREE,
    MOST_PATTERN,
    WEEKDAYS,
    Action,
    CalendarRule,
    DayPlan,
    ScheduledPlan,
    clock,
)
from network.documents import DocumentForm, replace_file
from network.errors import PlanError
from network.fields import Fields
from network.schedule import DaySchedule
from network.toml_text import MOST_BYTES, TomlFile, read_toml, toml_key, toml_value

SCHEDULE_FORM = DocumentForm(
    "throughband.schedule", "day schedule", 1, PlanError, most_bytes=MOST_BYTES
)

_KEYS = ("format", "version", "name", "time_zone", "plans", "day", "calendar")
_SEASON = ("first", "last")


def write_schedule(path: Path, schedule: DaySchedule) -> None:
    """Write a schedule; equal schedules give equal bytes.

    Parameters
    ----------
    path
        Where to; a ``*.toml``.
    schedule
        What to write. `read_schedule` gives the same back.

    Raises
    ------
    PlanError
        If the file cannot be written.
    """
    path = Path(path)
    lines = [
        f"format = {toml_value(SCHEDULE_FORM.name)}",
        f"version = {SCHEDULE_FORM.version}",
        f"name = {toml_value(schedule.name)}",
        f"time_zone = {toml_value(schedule.time_zone)}",
        "",
        "# Plans to choose from: the pattern in the controllers, the plan file, or both.",
        "[plans]",
    ]
    for plan in schedule.plans.values():
        choice: dict[str, object] = {}
        if plan.pattern is not None:
            choice["pattern"] = plan.pattern
        if plan.file:
            choice["file"] = plan.file
        lines.append(f"{toml_key(plan.name)} = {toml_value(choice)}")
    for day in schedule.days.values():
        lines += ["", "[[day]]", f"name = {toml_value(day.name)}", "actions = ["]
        lines += [
            f"    {{ at = {clock(action.at_s)}, run = {toml_value(action.run)} }},"
            for action in day.actions
        ]
        lines.append("]")
    lines += ["", "# Dates go before seasons, seasons before weekdays alone."]
    for rule in schedule.calendar:
        lines += ["[[calendar]]", f"day = {toml_value(rule.day)}"]
        if rule.dates:
            lines.append(f"dates = {toml_value(rule.dates)}")
        else:
            names = [WEEKDAYS[number] for number in sorted(rule.weekdays)]
            lines.append(f"weekdays = {toml_value(names)}")
        if rule.first and rule.last:
            lines += [f"first = {rule.first}", f"last = {rule.last}"]
        lines.append("")
    try:
        replace_file(path, "\n".join(lines).rstrip() + "\n")
    except OSError as error:
        raise PlanError(f"{path}: cannot be written ({error.strerror or error})") from error
    except UnicodeEncodeError as error:
        raise PlanError(f"{path}: a name is not valid text ({error})") from error


def read_schedule(path: Path) -> DaySchedule:
    """Read a schedule.

    Parameters
    ----------
    path
        TOML as `write_schedule` makes it, of this version or an older one.

    Returns
    -------
    DaySchedule

    Raises
    ------
    PlanError
        If the file is missing or anything in it is malformed, unknown, open or said twice; with
        the line.
    """
    path = Path(path)
    file = read_toml(path, SCHEDULE_FORM)
    found = Fields.of(file.document, file.place(), PlanError, _KEYS)
    plans = _plans(file, found)
    days: dict[str, DayPlan] = {}
    for at, item in enumerate(found.items("day")):
        day = _day(file, at, item, (FREE, FLASH, *plans))
        if day.name in days:
            raise PlanError(f"{file.where('day', at)}: day {day.name!r} appears twice")
        days[day.name] = day
    rules: list[CalendarRule] = []
    for at, item in enumerate(found.items("calendar")):
        rule = _rule(file, at, item, days)
        for earlier, other in enumerate(rules):
            if rule.clashes(other):
                raise PlanError(
                    f"{file.where('calendar', at)}: speaks of the same dates as "
                    f"{file.where('calendar', earlier)}; allowed is one rule of a kind for a date"
                )
        rules.append(rule)
    name, time_zone = found.text("name"), found.text("time_zone")
    with _located(file.place()):
        return DaySchedule(name, time_zone, plans, days, tuple(rules))


@contextmanager
def _located(place: Callable[[str], str]) -> Iterator[None]:
    """Name the place of what a value refuses about itself."""
    try:
        yield
    except PlanError as error:
        raise PlanError(f"{place('')}: {error}") from error


def _plans(file: TomlFile, found: Fields) -> dict[str, ScheduledPlan]:
    choices = found.values["plans"]
    if not isinstance(choices, dict):
        raise found.refusal("plans", "is a table of plans by name")
    plans: dict[str, ScheduledPlan] = {}
    for name, item in choices.items():
        place = file.place("plans", name)
        choice = Fields.of(item, place, PlanError, (), ("pattern", "file"))
        pattern = choice.whole("pattern", 1, MOST_PATTERN) if choice.has("pattern") else None
        chosen = choice.text("file") if choice.has("file") else ""
        with _located(place):
            plans[name] = ScheduledPlan(name, pattern, chosen)
    return plans


def _day(file: TomlFile, at: int, item: object, known: tuple[str, ...]) -> DayPlan:
    found = Fields.of(item, file.place("day", at), PlanError, ("name", "actions"))
    actions: list[Action] = []
    for number, part in enumerate(found.items("actions")):
        place = file.place("day", at, "actions", number)
        action = Fields.of(part, place, PlanError, ("at", "run"))
        actions.append(Action(_time_of_day(action), action.choice("run", known)))
    name = found.text("name")
    with _located(file.place("day", at)):
        return DayPlan(name, tuple(actions))


def _time_of_day(action: Fields) -> int:
    at = action.values["at"]
    if type(at) is not time or at.microsecond:
        raise action.refusal("at", "is a time of day in whole seconds, such as 06:30:00")
    return (at.hour * 60 + at.minute) * 60 + at.second


def _rule(file: TomlFile, at: int, item: object, days: Mapping[str, DayPlan]) -> CalendarRule:
    found = Fields.of(
        item, file.place("calendar", at), PlanError, ("day",), ("weekdays", "dates", *_SEASON)
    )
    day = found.choice("day", days)
    weekdays = found.items("weekdays") if found.has("weekdays") else []
    for name in weekdays:
        if type(name) is not str or name not in WEEKDAYS or weekdays.count(name) > 1:
            raise found.refusal("weekdays", f"are {', '.join(WEEKDAYS)}, each once")
    dates = found.items("dates") if found.has("dates") else []
    if not all(_is_date(value) for value in dates):
        raise found.refusal("dates", "are dates such as 2026-12-25")
    for key in _SEASON:
        if found.has(key) and not _is_date(found.values[key]):
            raise found.refusal(key, "is a date such as 2026-12-25")
    numbers = frozenset(WEEKDAYS.index(name) for name in weekdays)
    first, last = found.values.get("first"), found.values.get("last")
    with _located(file.place("calendar", at)):
        return CalendarRule(day, numbers, first, last, tuple(dates))


def _is_date(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)
