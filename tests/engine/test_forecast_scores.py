"""The plain ways to forecast that ours are scored against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.forecast.protocol import FlowSet
from benchmarks.forecast.scores import last_week

HOUR_S, WEEK = 3600, 168


def counted_by_the_clock(start: datetime, tz: str, days: int) -> FlowSet:
    """Return one detector that counts the hour of the local day."""
    zone = ZoneInfo(tz)
    steps = [start + timedelta(hours=h) for h in range(24 * days)]
    counts = np.array([[float(at.astimezone(zone).hour)] for at in steps])
    return FlowSet("clock", counts, start, HOUR_S, tz, 1, WEEK, WEEK)


def test_a_week_ago_is_the_same_hour_after_a_change_of_the_clock() -> None:
    # Clocks in Melbourne go forward on 29 October 2006.
    flows = counted_by_the_clock(datetime(2006, 10, 19, 14, tzinfo=UTC), "Australia/Melbourne", 15)
    first, last = 10 * 24, 15 * 24
    found = last_week(flows, first, last)[0]
    seen = np.isfinite(found)
    assert seen.mean() > 0.95
    np.testing.assert_array_equal(found[seen], flows.truth(0, last)[first:][seen])


def test_two_weeks_ago_stands_in_where_a_week_ago_is_missing() -> None:
    flows = counted_by_the_clock(datetime(2006, 7, 3, tzinfo=UTC), "UTC", 22)
    flows.counts[14 * 24 : 15 * 24] = np.nan
    found = last_week(flows, 21 * 24, 22 * 24)[0]
    np.testing.assert_array_equal(found[:, 0], np.arange(24.0))
