"""Counts of many days on one grid in UTC, made of readings as they were written down.

Rows come in any order. What can be told apart from a slip is flagged and counted in a finding:
negative and impossible counts, rows that come twice, a local hour that does not exist. What
cannot is refused with its row: a time off the grid, a time zone that is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from network.counts import VALUED, Quality
from network.errors import CountError
from network.readers.local_time import time_zone, to_utc
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]

MOST_CELLS = 40_000_000
"""A year of 5 minutes of 380 detectors."""

MOST_VPH = 50_000.0
"""No detector, approach or movement carries as much: twenty lanes at saturation."""

DAY_S = 86_400
STEP_BACK_S = 1.0
"""A local time that comes again belongs to the second pass of its hour."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Counts as a file tells them.

    Attributes
    ----------
    names
        Detectors or movements.
    time
        Beginning of each interval, datetime64[us][R].
    aware
        Whether times are UTC; else they are those of a clock at the place.
    series
        Index into `names`, int64[R].
    value
        Vehicles, [R]; NaN where there was none.
    row
        Row of the file, int64[R].
    """

    names: tuple[str, ...]
    time: NDArray[np.datetime64]
    aware: bool
    series: NDArray[np.int64]
    value: Floats
    row: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CountFeed:
    """Counts of detectors or movements in consecutive intervals.

    Attributes
    ----------
    names
        One per column.
    start
        Beginning of the first interval, aware UTC.
    step_s
        Length of every interval, s.
    counts
        Vehicles per interval, [T, N]; NaN where there is none to be used.
    quality
        A `Quality` for every count, uint8[T, N].
    findings
        What a reader of the forecast must know, sentences.
    """

    names: tuple[str, ...]
    start: datetime
    step_s: int
    counts: Floats
    quality: NDArray[np.uint8]
    findings: tuple[str, ...]

    @property
    def end(self) -> datetime:
        """End of the last interval, aware UTC."""
        return self.start + timedelta(seconds=self.step_s * len(self.counts))

    def until(self, rows: int) -> CountFeed:
        """Return the first so many intervals."""
        return CountFeed(
            self.names,
            self.start,
            self.step_s,
            self.counts[:rows],
            self.quality[:rows],
            self.findings,
        )


def feed_of(readings: Readings, zone: str, step_s: int | None, where: str) -> CountFeed:
    """Lay readings on a grid.

    Parameters
    ----------
    readings
        As read.
    zone
        IANA name of the zone of local times.
    step_s
        Wanted length of intervals, s, a multiple of that of the file; None for the file's own.
    where
        The file, for messages.

    Raises
    ------
    CountError
        If times leave the grid, lie too far apart or are too few, or the step does not fit.
    FormatError
        If the zone is unknown.
    """
    findings: list[str] = []
    at_s, kept = _utc_seconds(readings, zone, where, findings)
    series, value, row = readings.series[kept], readings.value[kept], readings.row[kept]
    times = np.unique(at_s)
    if times.size < 2:
        raise CountError(f"{where}: holds {times.size} time; at least two are needed")
    gaps, often = np.unique(np.diff(times), return_counts=True)
    own_s = int(gaps[np.argmax(often)])
    steps, rest = np.divmod(at_s - times[0], own_s)
    if rest.any():
        bad = int(np.flatnonzero(rest)[0])
        found = datetime.fromtimestamp(int(at_s[bad]), UTC)
        raise CountError(
            f"{where}, row {row[bad]}: the time {found.isoformat()} is not on the grid of {own_s} "
            f"s that begins at {datetime.fromtimestamp(int(times[0]), UTC).isoformat()}"
        )
    shape = (int(steps.max()) + 1, len(readings.names))
    if shape[0] * shape[1] > MOST_CELLS:
        raise CountError(
            f"{where}: {shape[0]} intervals of {own_s} s of {shape[1]} series lie between the "
            f"first and the last row; allowed are {MOST_CELLS} counts"
        )
    counts, quality = _laid_out(series, steps, value, shape, own_s, findings)
    begin = datetime.fromtimestamp(int(times[0]), UTC)
    feed = CountFeed(readings.names, begin, own_s, counts, quality, tuple(findings))
    return in_steps(feed, step_s, where)


def in_steps(feed: CountFeed, step_s: int | None, where: str) -> CountFeed:
    """Return counts added up to longer intervals; a sum lacks a number where a part does.

    Parameters
    ----------
    feed
        Counts.
    step_s
        Wanted length, s; None to leave them as they are.
    where
        The file, for messages.

    Raises
    ------
    CountError
        If the length is not a multiple of the present one, or does not divide a day.
    """
    wanted_s = feed.step_s if step_s is None else step_s
    if wanted_s % feed.step_s or wanted_s < 1 or DAY_S % wanted_s:
        raise CountError(
            f"{where}: counts of {feed.step_s} s do not give intervals of {wanted_s} s; allowed "
            f"are multiples of {feed.step_s} s that divide a day"
        )
    factor = wanted_s // feed.step_s
    if factor == 1:
        return feed
    early = int(feed.start.timestamp()) % wanted_s // feed.step_s
    rows = -(-(early + len(feed.counts)) // factor)
    wide = np.full((rows * factor, len(feed.names)), np.nan)
    flags = np.full(wide.shape, int(Quality.MISSING), dtype=np.uint8)
    wide[early : early + len(feed.counts)] = feed.counts
    flags[early : early + len(feed.counts)] = feed.quality
    start = feed.start - timedelta(seconds=early * feed.step_s)
    return CountFeed(
        feed.names,
        start,
        wanted_s,
        wide.reshape(rows, factor, -1).sum(axis=1),
        np.where(np.isin(flags, VALUED), 0, flags).reshape(rows, factor, -1).max(axis=1),
        feed.findings,
    )


def without_empty(feed: CountFeed) -> CountFeed:
    """Leave out detectors that never counted.

    Raises
    ------
    CountError
        If none ever did.
    """
    seen = np.isfinite(feed.counts).any(axis=0)
    if bool(seen.all()):
        return feed
    there = np.flatnonzero(seen)
    if not there.size:
        raise CountError(f"none of the {len(feed.names)} detectors has a count to be used")
    empty = [feed.names[at] for at in np.flatnonzero(~seen)]
    more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
    told = f"left out without a single count: {', '.join(empty[:3])}{more}"
    return CountFeed(
        tuple(feed.names[at] for at in there),
        feed.start,
        feed.step_s,
        feed.counts[:, there],
        feed.quality[:, there],
        (*feed.findings, told),
    )


def _utc_seconds(
    readings: Readings, zone: str, where: str, findings: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return seconds since 1970 of the rows that have a time, and which rows those are."""
    place = time_zone(zone, where)
    time = readings.time
    kept = np.ones(time.size, dtype=np.bool_)
    if not readings.aware:
        resolved = to_utc(time, readings.series, place, STEP_BACK_S)
        time, kept = resolved.utc, ~resolved.missing
        if not kept.all():
            findings.append(
                f"left out {int((~kept).sum())} counts of an hour that the clock of {zone} skips"
            )
    micro = time[kept].astype("datetime64[us]").astype(np.int64)
    at_s, rest = np.divmod(micro, 1_000_000)
    if rest.any():
        bad = int(np.flatnonzero(rest)[0])
        raise CountError(
            f"{where}, row {readings.row[kept][bad]}: the time is not a whole second; allowed is "
            "the beginning of an interval"
        )
    order = np.argsort(readings.series[kept], kind="stable")
    back = (np.diff(at_s[order]) < 0) & (np.diff(readings.series[kept][order]) == 0)
    if back.any():
        findings.append(f"{int(back.sum())} rows came out of order and were sorted")
    return at_s, kept


def _laid_out(
    series: NDArray[np.int64],
    steps: NDArray[np.int64],
    value: Floats,
    shape: tuple[int, int],
    step_s: int,
    findings: list[str],
) -> tuple[Floats, NDArray[np.uint8]]:
    most = MOST_VPH * step_s / SECONDS_PER_HOUR
    with np.errstate(invalid="ignore"):
        negative, wild = value < 0, value > most
    flag = np.zeros(value.size, dtype=np.uint8)
    flag[np.isnan(value)] = Quality.MISSING
    flag[negative | wild] = Quality.IMPOSSIBLE
    used = np.where(negative | wild, np.nan, value)
    cell = steps * shape[1] + series
    counts = np.full(shape[0] * shape[1], np.nan)
    quality = np.full(counts.size, int(Quality.MISSING), dtype=np.uint8)
    # From the last to the first: of rows that come twice the first one stands.
    counts[cell[::-1]], quality[cell[::-1]] = used[::-1], flag[::-1]
    first = counts[cell]
    same = (first == used) | (np.isnan(first) & np.isnan(used))
    contradicted = np.unique(cell[~same])
    counts[contradicted], quality[contradicted] = np.nan, Quality.SUSPECT
    twice = cell.size - np.unique(cell).size
    if twice:
        more = f", {contradicted.size} of them with another count" if contradicted.size else ""
        findings.append(f"{twice} rows came twice{more}; where they differ neither is used")
    for what, found in (("negative", negative), (f"above {most:.0f} veh", wild)):
        if found.any():
            findings.append(f"{int(found.sum())} counts are {what}, and not used")
    return counts.reshape(shape), quality.reshape(shape)
