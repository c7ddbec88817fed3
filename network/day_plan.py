"""What a day schedule is made of: plans to choose from, kinds of day, and a calendar of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import PurePosixPath, PureWindowsPath

from network.errors import PlanError

FREE = "free"
FLASH = "flash"

SECONDS_PER_DAY = 86_400
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `datetime.date.weekday`."""

MOST_PATTERN = 253
"""NTCIP 1202 v03 keeps pattern 254 for free operation and 255 for flash."""

MOST_ACTIONS = 144
"""Of a day: one every ten minutes."""

MOST_RULES = 400
MOST_DATES = 4000


@dataclass(frozen=True, slots=True)
class ScheduledPlan:
    """A plan that a schedule chooses from.

    Attributes
    ----------
    name
        What the schedule calls it.
    pattern
        Its number in the controllers, 1 to 253; None where it is not in a controller.
    file
        Its plan file, relative to the schedule's own folder; empty where it has none.
    """

    name: str
    pattern: int | None = None
    file: str = ""

    def __post_init__(self) -> None:
        where = f"plan {self.name!r}"
        if not self.name or not self.name.isprintable() or self.name in (FREE, FLASH):
            raise PlanError(
                f"{where}: allowed is a name in printable text other than {FREE!r} and {FLASH!r}"
            )
        if self.pattern is not None and not 1 <= self.pattern <= MOST_PATTERN:
            raise PlanError(f"{where}: pattern {self.pattern}; allowed are 1 to {MOST_PATTERN}")
        if self.pattern is None and not self.file:
            raise PlanError(f"{where}: needs a pattern, a file or both")
        if self.file:
            _require_inside(self.file, where)


@dataclass(frozen=True, slots=True)
class Action:
    """What begins at a time of day.

    Attributes
    ----------
    at_s
        Time of day, whole s after midnight by the wall clock.
    run
        Name of a plan, or `FREE` or `FLASH`.
    """

    at_s: int
    run: str

    def __post_init__(self) -> None:
        if not 0 <= self.at_s < SECONDS_PER_DAY:
            raise PlanError(f"an action at {self.at_s} s; allowed are 0 to {SECONDS_PER_DAY - 1}")


@dataclass(frozen=True, slots=True)
class DayPlan:
    """The actions of one kind of day.

    Attributes
    ----------
    name
        What the calendar calls it.
    actions
        In order of time; the first at midnight, so that no part of the day is open.
    """

    name: str
    actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        if not self.actions or self.actions[0].at_s != 0:
            raise PlanError(
                f"day {self.name!r}: nothing is said of its beginning; the first action must be "
                "at 00:00:00"
            )
        if len(self.actions) > MOST_ACTIONS:
            raise PlanError(
                f"day {self.name!r}: {len(self.actions)} actions; allowed are {MOST_ACTIONS}"
            )
        for before, after in zip(self.actions, self.actions[1:], strict=False):
            if after.at_s <= before.at_s:
                raise PlanError(
                    f"day {self.name!r}: the action at {clock(after.at_s)} follows that at "
                    f"{clock(before.at_s)}; allowed are actions in order of time, one at a time"
                )

    def action_at(self, at_s: int) -> Action:
        """Return what runs at a time of day, s after midnight by the wall clock."""
        return next(action for action in reversed(self.actions) if action.at_s <= at_s)


@dataclass(frozen=True, slots=True)
class CalendarRule:
    """Which kind of day some days are.

    A rule of dates goes before a rule of a season, and that before a rule of weekdays alone.

    Attributes
    ----------
    day
        Name of the day plan.
    weekdays
        0 for Monday to 6; empty in a rule of dates.
    first, last
        The season's first and last date; None for the whole of time.
    dates
        Single dates, holidays for instance; empty in other rules.
    """

    day: str
    weekdays: frozenset[int] = frozenset()
    first: date | None = None
    last: date | None = None
    dates: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.dates) == bool(self.weekdays):
            raise PlanError(f"rule for day {self.day!r}: needs either weekdays or dates")
        if (self.first is None) != (self.last is None) or (self.dates and self.first):
            raise PlanError(
                f"rule for day {self.day!r}: a season needs a first and a last date and weekdays"
            )
        if self.first and self.last and self.last < self.first:
            raise PlanError(
                f"rule for day {self.day!r}: its season ends {self.last}, before it begins "
                f"{self.first}"
            )
        if not self.weekdays <= set(range(len(WEEKDAYS))):
            raise PlanError(f"rule for day {self.day!r}: weekdays are 0 for Monday to 6")
        if len(self.dates) > MOST_DATES:
            raise PlanError(
                f"rule for day {self.day!r}: {len(self.dates)} dates; allowed are {MOST_DATES}"
            )
        if len(set(self.dates)) != len(self.dates):
            raise PlanError(f"rule for day {self.day!r}: names a date twice")

    @property
    def rank(self) -> int:
        """2 for dates, 1 for a season, 0 for weekdays alone; the higher rank goes first."""
        return 2 if self.dates else 1 if self.first else 0

    def covers(self, day: date) -> bool:
        """Tell whether it speaks of a date."""
        if self.dates:
            return day in self.dates
        if self.first and self.last and not self.first <= day <= self.last:
            return False
        return day.weekday() in self.weekdays

    def clashes(self, other: CalendarRule) -> bool:
        """Tell whether two rules of one rank speak of the same date."""
        if self.rank != other.rank:
            return False
        if self.dates:
            return bool(set(self.dates) & set(other.dates))
        shared = self.weekdays & other.weekdays
        if not self.first or not self.last or not other.first or not other.last:
            return bool(shared)
        begin, end = max(self.first, other.first), min(self.last, other.last)
        days = min((end - begin).days + 1, len(WEEKDAYS))
        return any((begin + timedelta(days=n)).weekday() in shared for n in range(days))


def clock(at_s: int) -> str:
    """Return a time of day as the clock shows it, ``06:30:00``."""
    return str(time(at_s // 3600, at_s // 60 % 60, at_s % 60))


def _require_inside(file: str, where: str) -> None:
    """Refuse paths that lead out of the schedule's folder, in the manner of either system."""
    posix, windows = PurePosixPath(file), PureWindowsPath(file)
    if (
        posix.is_absolute()
        or windows.drive
        or windows.root
        or ".." in (*posix.parts, *windows.parts)
        or not file.isprintable()
    ):
        raise PlanError(
            f"{where}: file {file!r}; allowed is a path below the schedule's own folder"
        )
