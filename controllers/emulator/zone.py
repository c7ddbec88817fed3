"""A time zone by name, as a cabinet's clock can follow it.

The daylight saving table speaks of one rule for all years. Where a zone's clock keeps to such a
rule for the years that come, that rule is found; where it does not, each summer time of those
years becomes a row of its own, with the two instants themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from controllers.emulator.daylight import (
    EPOCH_DAY,
    LAST_DAY,
    SECONDS_PER_DAY,
    DaylightRule,
    YearlyMoment,
)
from network.schedule import zone_of

YEARS: Final = 12
"""So many years the clock of a zone is looked at: more than the week takes to come round."""

NEVER_S: Final = 0xFFFF_FFFF
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Change = tuple[int, int, int]
"""An instant, and local less universal time before and after it, all in s."""


@lru_cache(maxsize=64)
def _rules_from(name: str, year: int) -> tuple[int, tuple[DaylightRule, ...]]:
    changes = _changes(name, year)
    if not changes:
        return _offset_s(name, datetime(year, 1, 1, tzinfo=UTC)), ()
    offsets = {offset for _, *both in changes for offset in both}
    standard_s = min(offsets)
    ups = [(at + before, after) for at, before, after in changes if before == standard_s]
    downs = [(at + before, before) for at, before, after in changes if after == standard_s]
    if len(offsets) == 2 and len(ups) == len(downs) == YEARS:
        begin, end = _yearly([at for at, _ in ups]), _yearly([at for at, _ in downs])
        if begin and end:
            return standard_s, (DaylightRule(begin, end, max(offsets) - standard_s),)
    edges = [(0, 0, changes[0][1]), *changes, (NEVER_S, changes[-1][2], 0)]
    return standard_s, tuple(
        DaylightRule(begin_s, end_s, offset_s - standard_s)
        for (begin_s, _, offset_s), (end_s, _, _) in pairwise(edges)
        if offset_s != standard_s
    )


def zone_rules(name: str, utc_s: int) -> tuple[int, tuple[DaylightRule, ...]]:
    """Return a zone's standard time less universal time in s, and its daylight saving.

    Parameters
    ----------
    name
        IANA name.
    utc_s
        The rules are those from the year of this instant on, in s since 1970.

    Raises
    ------
    PlanError
        There is no such zone.
    """
    return _rules_from(name, (EPOCH + timedelta(seconds=utc_s)).year)


def _changes(name: str, year: int) -> list[Change]:
    """Return when the clock of a zone is set within the years from one on."""
    first = datetime(year, 1, 1, tzinfo=UTC)
    days = (datetime(year + YEARS, 1, 1, tzinfo=UTC) - first).days
    found = []
    for each in range(days):
        begin, end = first + timedelta(days=each), first + timedelta(days=each + 1)
        before, after = _offset_s(name, begin), _offset_s(name, end)
        if before != after:
            low, high = 0, SECONDS_PER_DAY
            while high - low > 1:
                middle = (low + high) // 2
                if _offset_s(name, begin + timedelta(seconds=middle)) == before:
                    low = middle
                else:
                    high = middle
            found.append((int((begin - EPOCH).total_seconds()) + high, before, after))
    return found


def _offset_s(name: str, instant: datetime) -> int:
    offset = instant.astimezone(zone_of(name)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _yearly(moments_s: Sequence[int]) -> YearlyMoment | None:
    """Return the rule that local times of successive years keep to; None if there is none."""
    days = [date.fromordinal(EPOCH_DAY + at // SECONDS_PER_DAY) for at in moments_s]
    month, second = days[0].month, moments_s[0] % SECONDS_PER_DAY
    weekday = days[0].isoweekday() % 7 + 1
    # The last of the month, the first to fourth, or the first on or after some day.
    after = max(1, max(day.day for day in days) - 6)
    candidates = [
        YearlyMoment(month, 5, weekday, LAST_DAY, second),
        *(YearlyMoment(month, n, weekday, 1, second) for n in range(1, 5)),
        YearlyMoment(month, 1, weekday, after, second),
        YearlyMoment(month, 9, weekday, days[0].day, second),
    ]
    for candidate in candidates:
        if [candidate.local_s(day.year) for day in days] == list(moments_s):
            return candidate
    return None
