"""Day schedules: which plan a group of signals runs, by date, day of the week and time of day.

All times are those of the wall clock at the place. In the night that the clock is set forward,
an action due in the hour that never comes begins in its place, at the first moment after the
jump. In the night that the clock is set back, every action begins once, when the clock first
shows its time: the second pass of the hour does not bring back what has ended in the first, as
it does not in the controllers (`controllers.emulator.timebase`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from network.day_plan import (
    FLASH,
    FREE,
    MOST_RULES,
    WEEKDAYS,
    Action,
    CalendarRule,
    DayPlan,
    ScheduledPlan,
    clock,
)
from network.errors import PlanError

SEARCHED_DAYS = 732
"""Two years: a schedule that changes nothing within them changes nothing."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Switch:
    """A change of what runs.

    Attributes
    ----------
    at
        When, in the schedule's time zone.
    run
        What runs from then on.
    """

    at: datetime
    run: str


@dataclass(frozen=True, slots=True)
class DaySchedule:
    """Which plan runs when.

    Attributes
    ----------
    name
        What to call it.
    time_zone
        IANA name of the wall clock it follows.
    plans
        What it chooses from, by name.
    days
        Kinds of day, by name.
    calendar
        Which date is which kind of day. Rules for weekdays cover every one of them once; rules of
        one rank never speak of the same date.
    """

    name: str
    time_zone: str
    plans: Mapping[str, ScheduledPlan]
    days: Mapping[str, DayPlan]
    calendar: tuple[CalendarRule, ...]

    def __post_init__(self) -> None:
        zone_of(self.time_zone)
        for values in (self.plans, self.days):
            for key, value in values.items():
                if key != value.name:
                    raise PlanError(f"{key!r} is the key of {value.name!r}")
        patterns = Counter(plan.pattern for plan in self.plans.values() if plan.pattern)
        twice = [number for number, count in patterns.items() if count > 1]
        if twice:
            raise PlanError(f"pattern {twice[0]} is given to two plans")
        for day in self.days.values():
            for action in day.actions:
                if action.run not in (FREE, FLASH, *self.plans):
                    raise PlanError(
                        f"day {day.name!r}, {clock(action.at_s)}: runs the unknown plan "
                        f"{action.run!r}; allowed are {', '.join((FREE, FLASH, *self.plans))}"
                    )
        self._check_calendar()
        object.__setattr__(self, "plans", MappingProxyType(dict(self.plans)))
        object.__setattr__(self, "days", MappingProxyType(dict(self.days)))

    def __reduce__(self) -> tuple[object, ...]:
        parts = (self.name, self.time_zone, dict(self.plans), dict(self.days), self.calendar)
        return (DaySchedule, parts)

    def _check_calendar(self) -> None:
        if len(self.calendar) > MOST_RULES:
            raise PlanError(
                f"the calendar has {len(self.calendar)} rules; allowed are {MOST_RULES}"
            )
        for rule in self.calendar:
            if rule.day not in self.days:
                raise PlanError(
                    f"the calendar names the unknown day {rule.day!r}; allowed are "
                    f"{', '.join(self.days)}"
                )
        for at, rule in enumerate(self.calendar):
            for other in self.calendar[:at]:
                if rule.clashes(other):
                    raise PlanError(
                        f"two rules of the calendar speak of the same dates, one for day "
                        f"{other.day!r} and one for day {rule.day!r}"
                    )
        weekly = [rule.weekdays for rule in self.calendar if rule.rank == 0]
        open_days = set(range(len(WEEKDAYS))) - set().union(*weekly)
        if open_days:
            names = ", ".join(WEEKDAYS[number] for number in sorted(open_days))
            raise PlanError(f"the calendar says nothing of {names}")

    def day_plan(self, day: date) -> DayPlan:
        """Return the kind of day that a date is."""
        rule = max((r for r in self.calendar if r.covers(day)), key=lambda r: r.rank)
        return self.days[rule.day]

    def action_at(self, moment: datetime) -> Action:
        """Return what runs at a moment.

        Parameters
        ----------
        moment
            An aware time, or a naive one read as the wall clock at the place.
        """
        zone = zone_of(self.time_zone)
        local = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
        elapsed_s = (local.hour * 60 + local.minute) * 60 + local.second
        if local.fold:
            elapsed_s = max(elapsed_s, _shown_before(local))
        return self.day_plan(local.date()).action_at(elapsed_s)

    def next_switch(self, moment: datetime) -> Switch | None:
        """Return the next change of what runs; None if there is none within two years.

        Parameters
        ----------
        moment
            An aware time, or a naive one read as the wall clock at the place (and, where the
            clock shows it twice, as its `fold` says).
        """
        zone = zone_of(self.time_zone)
        begin = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return next(self.switches(begin, begin + timedelta(days=SEARCHED_DAYS)), None)

    def switches(self, begin: datetime, end: datetime) -> Iterator[Switch]:
        """Yield every change of what runs, in order.

        Parameters
        ----------
        begin, end
            Aware times; changes after the first and before or at the last are meant.
        """
        zone = zone_of(self.time_zone)
        running = self.action_at(begin).run
        for instant in _candidates(self, zone, begin.astimezone(UTC), end.astimezone(UTC)):
            run = self.action_at(instant).run
            if run != running:
                running = run
                yield Switch(instant.astimezone(zone), run)


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; raise `PlanError` if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PlanError(
            f"time zone {name!r} is not known; allowed is an IANA name such as 'Europe/Berlin' or "
            "'UTC'"
        ) from error


def _shown_before(local: datetime) -> int:
    """Return the latest second of the day that the clock had shown before it was set back.

    Parameters
    ----------
    local
        A time in the second pass of an hour that comes twice.
    """
    first, second = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
    if first is None or second is None or first <= second:
        return 0
    midnight = datetime.combine(local.date(), time(), local.tzinfo)
    tomorrow = datetime.combine(local.date() + timedelta(days=1), time(), local.tzinfo)
    assert isinstance(local.tzinfo, ZoneInfo)
    for change in _clock_changes(midnight, tomorrow, local.tzinfo):
        last = (change - _SECOND).astimezone(local.tzinfo)
        if last.date() == local.date():
            return (last.hour * 60 + last.minute) * 60 + last.second
    return 0


def _candidates(
    schedule: DaySchedule, zone: ZoneInfo, begin: datetime, end: datetime
) -> Iterator[datetime]:
    """Instants in UTC at which something may change: actions, and the clock being set."""
    today, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    while today <= last:
        midnight = datetime.combine(today, time(), zone)
        found: set[datetime] = set()
        for action in schedule.day_plan(today).actions:
            wall = midnight.replace(
                hour=action.at_s // 3600, minute=action.at_s // 60 % 60, second=action.at_s % 60
            )
            found.update(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
        tomorrow = datetime.combine(today + timedelta(days=1), time(), zone)
        found.update(_clock_changes(midnight, tomorrow, zone))
        yield from (instant for instant in sorted(found) if begin < instant <= end)
        today += timedelta(days=1)


def _clock_changes(begin: datetime, end: datetime, zone: ZoneInfo) -> Iterable[datetime]:
    """Return the instant at which the clock is set within a day, if it is, in UTC."""
    if begin.utcoffset() == end.utcoffset():
        return
    low, high = begin.astimezone(UTC), end.astimezone(UTC)
    while high - low > _SECOND:
        middle = low + (high - low) // 2 // _SECOND * _SECOND
        if middle.astimezone(zone).utcoffset() == begin.utcoffset():
            low = middle
        else:
            high = middle
    yield high
