"""The local clock and the kinds of days: which day and time of day an instant belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from network.errors import CountError

SECONDS_PER_DAY = 86_400
SATURDAY, SUNDAY, HOLIDAY = 5, 6, 7
DAY_TYPES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "holiday")

CLOCK_CHECK_S = 900
"""Zones change their clocks on quarters of an hour."""

DAY_BEGINS_S = 4 * 3600
"""Local time at which a day of traffic begins, s: the night of a Saturday belongs to it until
most people are at home. Travel surveys cut days there too (NHTS: 4 a.m.)."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which dates are holidays, as the user knows them.

    Attributes
    ----------
    holidays
        Public holidays, local dates.
    special
        Dates that run as another day of the week: 0 Monday to 6 Sunday.
    """

    holidays: frozenset[date] = field(default_factory=frozenset)
    special: tuple[tuple[date, int], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "holidays", frozenset(self.holidays))
        object.__setattr__(self, "special", tuple(self.special))
        for day in (*self.holidays, *(day for day, _ in self.special)):
            if not isinstance(day, date) or isinstance(day, datetime):
                raise CountError(f"calendar holds {day!r}; allowed are dates")
        for day, kind in self.special:
            if kind not in range(HOLIDAY):
                raise CountError(f"{day} is to run as day {kind!r}; allowed are 0 to 6")

    @classmethod
    def of(cls, holidays: Iterable[date]) -> Calendar:
        """Return the calendar of these holidays."""
        return cls(frozenset(holidays))

    def day_type(self, day: date) -> int:
        """Return the type of a local date, an index of `DAY_TYPES`."""
        for date_, kind in self.special:
            if date_ == day:
                return kind
        return HOLIDAY if day in self.holidays else day.weekday()


@dataclass(frozen=True, slots=True)
class LocalClock:
    """Equal steps of UTC, read on a local clock.

    Attributes
    ----------
    tz
        Name in the IANA time zone database.
    step_s
        Length of a step, s; divides a day.

    Raises
    ------
    CountError
        If the zone is unknown or the step does not divide a day.
    """

    tz: str
    step_s: int

    def __post_init__(self) -> None:
        if type(self.step_s) is not int or self.step_s < 1 or SECONDS_PER_DAY % self.step_s:
            raise CountError(
                f"a step is {self.step_s!r} s; allowed are whole seconds that divide a day"
            )
        zone_of(self.tz)

    @property
    def slots(self) -> int:
        """Steps of a day."""
        return SECONDS_PER_DAY // self.step_s

    def utc(self, time: datetime) -> datetime:
        """Return an aware time in UTC; raise `CountError` if it is naive or no whole second."""
        if not isinstance(time, datetime) or time.utcoffset() is None:
            raise CountError(
                f"the time {time!r} has no time zone; allowed are aware times, such as "
                f"datetime(..., tzinfo=ZoneInfo({self.tz!r}))"
            )
        found = time.astimezone(UTC)
        if found.microsecond:
            raise CountError(
                f"the time {time.isoformat()} is not a whole second; an interval is labeled by "
                "its beginning"
            )
        return found

    def read(
        self, start: datetime, steps: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Read consecutive steps on the local clock.

        Parameters
        ----------
        start
            Beginning of the first step, aware.
        steps
            How many.

        Returns
        -------
        ordinal : ndarray
            Local date as a proleptic day number, int64[steps].
        slot : ndarray
            Step of the local day, int64[steps].
        turned : ndarray
            Whether the clock was changed at an end of the step; sources err there, and what
            they count is not learned from.
        """
        zone = zone_of(self.tz)
        begin = start.astimezone(UTC)
        epoch_s = int(begin.timestamp())
        at_s = epoch_s + self.step_s * np.arange(steps + 1, dtype=np.int64)
        grid_s = max(CLOCK_CHECK_S, self.step_s)
        first, last = int(at_s[0]) // grid_s, int(at_s[-1]) // grid_s + 1
        offsets = _offsets(zone, first, last, grid_s)
        cell = at_s // grid_s - first
        local_s = at_s + offsets[cell]
        ordinal = local_s // SECONDS_PER_DAY + date(1970, 1, 1).toordinal()
        slot = local_s % SECONDS_PER_DAY // self.step_s
        jump = np.diff(offsets[cell]) != 0
        before = offsets[np.maximum(cell[0] - 1, 0)] != offsets[cell[0]]
        turned = jump | np.concatenate(([bool(before)], jump[:-1]))
        return ordinal[:-1], slot[:-1], turned

    def traffic_days(
        self, start: datetime, steps: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Read consecutive steps by days of traffic, which begin at `DAY_BEGINS_S`.

        Parameters
        ----------
        start, steps
            As in `read`.

        Returns
        -------
        ordinal : ndarray
            Date on which the day of traffic began, int64[steps].
        slot : ndarray
            Step since then, int64[steps].
        turned : ndarray
            As in `read`.
        """
        ordinal, slot, turned = self.read(start, steps)
        slot = slot - self.day_begin
        early = slot < 0
        return ordinal - early, np.where(early, slot + self.slots, slot), turned

    def traffic_date(self, time: datetime) -> date:
        """Return the date on which the day of traffic that a time belongs to began."""
        ordinal, _, _ = self.traffic_days(time, 1)
        return date.fromordinal(int(ordinal[0]))

    @property
    def day_begin(self) -> int:
        """Step of the local day with which a day of traffic begins."""
        return DAY_BEGINS_S // self.step_s


def _offsets(zone: ZoneInfo, first: int, last: int, grid_s: int) -> NDArray[np.int64]:
    """Return the offsets from UTC of grid cells, s; days without a change are asked once."""
    found = np.empty(last - first + 1, dtype=np.int64)

    def offset(cell: int) -> int:
        delta = datetime.fromtimestamp(cell * grid_s, zone).utcoffset()
        assert delta is not None
        return int(delta.total_seconds())

    per_day = max(1, SECONDS_PER_DAY // grid_s)
    for begin in range(first, last + 1, per_day):
        end = min(begin + per_day, last + 1)
        left, right = offset(begin), offset(end - 1)
        if left == right:
            found[begin - first : end - first] = left
        else:
            for cell in range(begin, end):
                found[cell - first] = offset(cell)
    return found


@lru_cache(maxsize=64)
def zone_of(tz: str) -> ZoneInfo:
    """Return a time zone; raise `CountError` if it is unknown."""
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        raise CountError(
            f"the time zone {str(tz)[:60]!r} is unknown; allowed are names such as "
            "'Australia/Melbourne' or 'UTC'"
        ) from error


def from_local_grid(
    counts: NDArray[np.float64], start: datetime, tz: str, step_s: int
) -> tuple[NDArray[np.float64], datetime]:
    """Turn rows that follow a local clock, every day of equal length, into steps of UTC.

    Parameters
    ----------
    counts
        [T, N], row after row of the local clock.
    start
        Local time of the first row, naive.
    tz, step_s
        Zone and step.

    Returns
    -------
    counts : ndarray
        Consecutive steps of UTC. Rows of an hour that the clock skips are dropped; of an hour
        that comes twice, the first is NaN, since the source shows only one.
    start : datetime
        Aware, UTC.
    """
    zone = zone_of(tz)
    if start.tzinfo is not None:
        raise CountError(f"the local start {start.isoformat()} must be naive")
    step = timedelta(seconds=step_s)
    utc = []
    keep = []
    for row in range(len(counts)):
        local = start + row * step
        instant = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == local:
            utc.append(int(instant.timestamp()))
            keep.append(row)
    if not keep:
        raise CountError("no row lies on the local clock")
    at = (np.array(utc) - utc[0]) // step_s
    out = np.full((int(at[-1]) + 1, counts.shape[1]), np.nan)
    out[at] = counts[keep]
    return out, datetime.fromtimestamp(utc[0], UTC)
