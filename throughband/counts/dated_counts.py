"""Flows for a plan from counts with dates: days, weeks or years of movements or lanes.

Written by ``throughband bridge count`` (its history), or by anybody as a table of time, movement
and count. The flow forecaster learns the days; planned is the window's next occurrence after the
last count.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import Calendar, LocalClock
from engine.forecast.forecast import BAND, Forecast
from engine.forecast.forecaster import FlowForecaster
from engine.forecast.quality import QualityRow
from network.counts import Quality
from network.errors import CountError, FormatError
from network.graph import RoadNetwork
from network.readers.text_files import text_blocks
from network.schedule import zone_of
from throughband.counts.count_feed import CountFeed, without_empty
from throughband.counts.count_tables import MOST_BYTES, PARQUET_MAGIC, TIMES, column_word, read_feed
from throughband.counts.demand import Demand, lane_shares_of
from throughband.counts.detector_health import believed, judge_feed

Floats = NDArray[np.float64]


def has_dates(path: Path) -> bool:
    """Tell whether a table of counts begins with times; a file that cannot be read has none."""
    try:
        with path.open("rb") as probe:
            magic = probe.read(4)
        if magic == PARQUET_MAGIC:
            return True
        head = next(text_blocks(path, MOST_BYTES), (0, ""))[1].split("\n", 1)[0]
    except (OSError, FormatError):
        return False
    return bool(TIMES & {column_word(name) for name in re.split(r"[,;\t|]", head)})


def dated_demand(
    path: Path,
    network: RoadNetwork,
    begin_s: float,
    end_s: float,
    tz: str,
    calendar: Calendar | None = None,
    step_s: int | None = None,
) -> Demand:
    """Forecast the flows of a window of the day from all days of a file.

    Parameters
    ----------
    path
        Counts of movements or connections, with dates.
    network
        For their names.
    begin_s, end_s
        Window, s after local midnight.
    tz
        IANA name of the zone whose clock traffic follows.
    calendar
        Known holidays.
    step_s
        Wanted length of intervals, s, a multiple of that of the file; None for the file's own.

    Raises
    ------
    CountError
        If a name is unknown, or the window does not lie on the grid of the counts.
    InsufficientDataError
        If there is less than a day.
    """
    feed = without_empty(read_feed(path, tz, step_s))
    feed, shares = _by_movement(feed, network, str(path))
    clock = LocalClock(tz, feed.step_s)
    days = Calendar() if calendar is None else calendar
    health = judge_feed(feed, clock, days)
    counts = believed(feed, health)
    forecaster = FlowForecaster(feed.step_s, 1, tz, None, days)
    forecaster.fit(counts, feed.start, feed.names)
    steps = int((end_s - begin_s) // feed.step_s)
    if steps < 1:
        raise CountError(
            f"{path}: the window of {end_s - begin_s:g} s holds no interval of {feed.step_s} s"
        )
    start = next_occurrence(feed.end, begin_s, tz)
    found = forecaster.usual(start, steps, BAND)
    expected, _ = found.expected()
    to_vph = 3600.0 / feed.step_s
    low, high = found.quantile_veh
    flows = Forecast(
        feed.names,
        begin_s,
        feed.step_s,
        0,
        expected * to_vph,
        np.minimum(np.round(low), expected) * to_vph,
        np.maximum(np.round(high), expected) * to_vph,
        found.source,
    )
    return Demand(flows, shares, _rows(feed, health.quality))


def next_occurrence(after: datetime, begin_s: float, tz: str) -> datetime:
    """Return when a second of the local day comes next, aware; not before a time.

    Parameters
    ----------
    after
        Aware.
    begin_s
        Whole s after midnight; beyond a day it belongs to a later one.
    tz
        Zone.
    """
    zone = zone_of(tz)
    local = after.astimezone(zone)
    of_day = timedelta(seconds=int(begin_s) % 86_400)
    for days in (-1, 0, 1, 2):
        day = local.date() + timedelta(days=days)
        # By the clock on the wall, whatever was done to it that night.
        found = (datetime.combine(day, time()) + of_day).replace(tzinfo=zone)
        if found >= after:
            return found
    raise AssertionError("a time of day comes every day")


def _by_movement(
    feed: CountFeed, network: RoadNetwork, where: str
) -> tuple[CountFeed, dict[str, float]]:
    """Add up lanes; return counts of movements, and what part of them each lane carries."""
    if all(name in network.movements for name in feed.names):
        return feed, {}
    column = {name: n for n, name in enumerate(feed.names)}
    lanes = {c.connection_id for s in network.signals.values() for c in s.connections}
    unknown = [name for name in feed.names if name not in lanes]
    if unknown:
        some = next(iter(network.movements), "")
        raise CountError(
            f"{where}: {unknown[0]!r} is no movement of network {network.name!r}, nor are all "
            f"names lanes' connections; a movement is named by the roads it joins, as in {some!r}"
        )
    parts: dict[str, list[int]] = {}
    for movement in network.movements.values():
        names = [c.connection_id for c in movement.connections]
        if all(name in column for name in names):
            parts[movement.movement_id] = [column[name] for name in names]
    if not parts:
        raise CountError(
            f"{where}: no movement of network {network.name!r} has all of its lanes counted; found "
            f"{len(feed.names)} of {len(lanes)} lanes' connections, allowed are whole movements"
        )
    total = dict(zip(feed.names, np.nansum(feed.counts, axis=0).tolist(), strict=True))
    summed = CountFeed(
        tuple(parts),
        feed.start,
        feed.step_s,
        np.column_stack([feed.counts[:, at].sum(axis=1) for at in parts.values()]),
        np.column_stack([feed.quality[:, at].max(axis=1) for at in parts.values()]),
        feed.findings,
    )
    return summed, lane_shares_of(total, network)


def _rows(feed: CountFeed, quality: NDArray[np.uint8]) -> tuple[QualityRow, ...]:
    """Return the movements of which more than one count in fifty cannot be used."""
    bad = (quality != Quality.GOOD).sum(axis=0)
    return tuple(
        QualityRow(
            name,
            Quality(int(quality[:, n].max())),
            int(bad[n]),
            f"{int(bad[n])} of {len(quality)} counts are missing or not believed",
        )
        for n, name in enumerate(feed.names)
        if 50 * bad[n] > len(quality)
    )
