"""Local time: a time zone, and daylight saving by rule.

Rules are those of NTCIP 1201 v03: a row of the daylight saving table names a moment of each year
at which the clock is set forward and one at which it is set back, both by the local clock as it
stands just before, or the two instants themselves. Of rows that overlap the one that began last
governs; their adjustments never add up (clause 2.4.8.2.12). Local time is the list of instants
at which its distance from universal time changes. The rules of a named zone are found by `zone`.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

SECONDS_PER_DAY: Final = 86_400
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
LAST_DAY: Final = 31
SPECIFIC_DAY: Final = 9
"""`specificDayOfMonth`; the occurrences below it are first to fourth and last to fourth last."""

SUNDAY: Final = 1
"""As the daylight saving table counts the days of the week."""


@dataclass(frozen=True, slots=True)
class YearlyMoment:
    """A moment that comes back every year.

    Attributes
    ----------
    month
        1 to 12.
    occurrence
        1 to 4 for the first to fourth such weekday on or after `day`, 5 to 8 for the last to
        fourth last on or before it, 9 for `day` itself.
    weekday
        1 for Sunday to 7.
    day
        Of the month; beyond its end, its last.
    second
        After midnight by the local clock.
    """

    month: int
    occurrence: int
    weekday: int
    day: int
    second: int

    def local_s(self, year: int) -> int:
        """Return when it comes in a year, in s of the local clock since 1970."""
        start = date(year, self.month, min(self.day, monthrange(year, self.month)[1]))
        day = start.toordinal()
        # A proleptic ordinal that divides by seven is a Sunday.
        if self.occurrence < SPECIFIC_DAY:
            ahead = (self.weekday - 1 - day) % 7
            if self.occurrence <= 4:
                day += ahead + 7 * (self.occurrence - 1)
            else:
                day += (ahead - 7 if ahead else 0) - 7 * (self.occurrence - 5)
        return (day - EPOCH_DAY) * SECONDS_PER_DAY + self.second


@dataclass(frozen=True, slots=True)
class DaylightRule:
    """A row of the daylight saving table.

    Attributes
    ----------
    begin, end
        Moments of each year; or both universal times in s since 1970, for once only.
    adjust_s
        By how much the clock is ahead of standard time between them.
    """

    begin: YearlyMoment | int
    end: YearlyMoment | int
    adjust_s: int = 3600


BY_TABLE: Final = "enableDaylightSavingNode"
"""Value of `globalDaylightSaving` by which the rows of the table govern."""

AUTUMN_EUROPE: Final = YearlyMoment(10, 5, SUNDAY, LAST_DAY, 10_800)
MARCH_2: Final = YearlyMoment(3, 5, SUNDAY, LAST_DAY, 7_200)

NAMED_RULES: Final[Mapping[str, tuple[DaylightRule, ...]]] = {
    "enableUSDST": (
        DaylightRule(
            YearlyMoment(4, 1, SUNDAY, 1, 7_200), YearlyMoment(10, 5, SUNDAY, LAST_DAY, 7_200)
        ),
    ),
    "enableEuropeDST": (DaylightRule(MARCH_2, AUTUMN_EUROPE),),
    "enableAustraliaDST": (DaylightRule(YearlyMoment(10, 5, SUNDAY, LAST_DAY, 7_200), MARCH_2),),
    "enableTasmaniaDST": (
        DaylightRule(
            YearlyMoment(10, 1, SUNDAY, 1, 7_200), YearlyMoment(3, 5, SUNDAY, LAST_DAY, 10_800)
        ),
    ),
}
"""Values of `globalDaylightSaving` with the dates and times that NTCIP 1201 v03 gives them.

The United States' is that of the years up to 2006, as the standard says; today's is the default
row of the table, `US_RULE`. The values left out have dates there but no time of day, so a cabinet
cannot follow them.
"""

US_RULE: Final = DaylightRule(
    YearlyMoment(3, 2, SUNDAY, 1, 7_200), YearlyMoment(11, 1, SUNDAY, 1, 7_200)
)
"""The defaults of the daylight saving table's columns (NTCIP 1201 v03 clause 2.4.8.2)."""


class LocalTime:
    """What the clock on the wall shows at a universal time.

    Parameters
    ----------
    zone_s
        Standard time less universal time, in s.
    rules
        Daylight saving; none for a clock that is never set.
    """

    def __init__(self, zone_s: int, rules: Sequence[DaylightRule] = ()) -> None:
        self._zone_s = zone_s
        self._rules = tuple(rules)
        self._year: int | None = None
        self._changes: list[int] = []
        self._offsets = [zone_s]

    def offset_s(self, utc_s: int) -> int:
        """Return local less universal time at an instant, in s."""
        self._turn_to(utc_s)
        return self._offsets[bisect_right(self._changes, utc_s)]

    def next_change_s(self, utc_s: int) -> int | None:
        """Return when the clock is set next after an instant; None if not within a year."""
        self._turn_to(utc_s)
        at = bisect_right(self._changes, utc_s)
        return self._changes[at] if at < len(self._changes) else None

    def first_s(self, local_s: int, near_utc_s: int) -> int:
        """Return the first instant at which the clock shows a time or has left it behind.

        An hour that never comes is left behind when the clock is set forward; of an hour that
        comes twice the first is meant.

        Parameters
        ----------
        local_s
            Local time in s since 1970.
        near_utc_s
            An instant within a year of it.
        """
        self._turn_to(near_utc_s)
        ends = [*self._changes, None]
        begin_s: int | None = None
        for offset_s, end_s in zip(self._offsets, ends, strict=True):
            at_s = local_s - offset_s
            if begin_s is not None:
                at_s = max(at_s, begin_s)
            if end_s is None or at_s < end_s:
                return at_s
            begin_s = end_s
        raise AssertionError("the last stretch of a clock has no end")

    def _turn_to(self, utc_s: int) -> None:
        """Know the changes of the years about an instant."""
        if not self._rules:
            return
        year = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=utc_s)).year
        if year == self._year:
            return
        self._year = year
        self._changes, self._offsets = [], [self._zone_s]
        running: dict[int, int] = {}
        for utc_or_local_s, row, begins, absolute in self._moments(year):
            before_s = self._offsets[-1]
            at_s = utc_or_local_s if absolute else utc_or_local_s - before_s
            if self._changes:
                at_s = max(at_s, self._changes[-1])
            if begins:
                running[row] = at_s
            else:
                running.pop(row, None)
            governing = max(running, key=running.__getitem__) if running else None
            adjust_s = self._rules[governing].adjust_s if governing is not None else 0
            if self._zone_s + adjust_s != before_s:
                self._changes.append(at_s)
                self._offsets.append(self._zone_s + adjust_s)

    def _moments(self, year: int) -> list[tuple[int, int, bool, bool]]:
        """Return when rows begin and end about a year, in order, and whether by universal time.

        The first of these years only leads in: a row that ends before it begins within a year
        runs over the turn of the year.
        """
        found: list[tuple[int, tuple[int, int, bool, bool]]] = []
        for row, rule in enumerate(self._rules):
            for moment, begins in ((rule.begin, True), (rule.end, False)):
                if isinstance(moment, int):
                    found.append((moment + self._zone_s, (moment, row, begins, True)))
                    continue
                for each in range(max(1, year - 3), year + 3):
                    at_s = moment.local_s(each)
                    found.append((at_s, (at_s, row, begins, False)))
        return [entry for _, entry in sorted(found)]
