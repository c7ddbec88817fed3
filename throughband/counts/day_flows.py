"""Where the flows of a day come from: counts, a forecast's table, or counting runs in SUMO."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecast import Forecast
from engine.forecast.prediction import Source
from engine.optimize.day_demand import DayDemand
from network.counts import VALUED, CountSeries
from network.day_plan import SECONDS_PER_DAY, clock
from network.errors import CountError, InsufficientDataError
from network.graph import RoadNetwork
from network.schedule import zone_of
from network.units import SECONDS_PER_HOUR
from throughband.counts.demand import movement_counts

Floats = NDArray[np.float64]

LONGEST_GAP_S = 7200
"""Counts that are missing for longer are not made up."""

PRIOR = "prior"
"""What a forecast calls a cell that rests on no count at all."""

_COLUMNS = ("time", "detector", "mean", "source")
_LOW, _HIGH = "q0.1", "q0.9"


@dataclass(frozen=True, slots=True)
class DayFlows:
    """Flows of a day, and what had to be said of them.

    Attributes
    ----------
    day
        The flows.
    findings
        Gaps that were bridged, movements that carry nothing, cells that are guesses; sentences.
    """

    day: DayDemand
    findings: tuple[str, ...]


def counted_flows(
    day: CountSeries, network: RoadNetwork, lane_shares: Mapping[str, float], period_s: int
) -> DayFlows:
    """Return the flows of one counted day in periods.

    One day is taken as it was counted, with short gaps bridged, and not as a forecast: nothing
    says how days differ, and smoothing would move the very edges of the peaks that plans switch
    at. Several days are forecast from (`learned_flows`).

    Parameters
    ----------
    day
        Counts of movements or connections, judged.
    network
        For which connection belongs to which movement.
    lane_shares
        As `throughband.counts.demand.lane_shares` gives them.
    period_s
        A multiple of the counts' interval.

    Raises
    ------
    InsufficientDataError
        If the intervals do not fit into periods, or a gap is too long to be bridged.
    """
    moved = in_periods(movement_counts(day, network), period_s)
    flow = moved.volume_veh * SECONDS_PER_HOUR / period_s
    start_s = int(moved.start_s) % SECONDS_PER_DAY
    filled, findings = bridged(flow, moved.series_ids, period_s, start_s)
    findings += _uncounted(moved.series_ids, network)
    vph = {name: filled[:, m] for m, name in enumerate(moved.series_ids)}
    return DayFlows(DayDemand(vph, period_s, start_s, lane_shares), tuple(findings))


def learned_flows(
    flows: Forecast, network: RoadNetwork, lane_shares: Mapping[str, float]
) -> DayFlows:
    """Return the flows of a day that was forecast from several, with their quantiles.

    Parameters
    ----------
    flows
        One interval per period, at most a day of them.
    network, lane_shares
        As for `counted_flows`.
    """
    findings = _uncounted(flows.movement_ids, network)
    guesses = int((flows.source == Source.PRIOR).sum())
    if guesses:
        findings.append(f"{guesses} of {flows.source.size} flows rest on no count at all (prior)")
    vph, low, high = (
        {name: part[:, m] for m, name in enumerate(flows.movement_ids)}
        for part in (flows.flow_vph, flows.low_vph, flows.high_vph)
    )
    start_s = int(flows.start_s) % SECONDS_PER_DAY
    day = DayDemand(vph, flows.interval_s, start_s, lane_shares, low, high)
    return DayFlows(day, tuple(findings))


def in_periods(counts: CountSeries, period_s: int) -> CountSeries:
    """Add counts up to periods; one of which half was counted is what its counted half says.

    Parameters
    ----------
    counts
        Judged.
    period_s
        A multiple of their interval.

    Raises
    ------
    InsufficientDataError
        If it is none, or they hold no period.
    """
    steps, rest = divmod(period_s, counts.interval_s)
    if rest or steps < 1:
        raise InsufficientDataError(
            f"periods of {period_s} s cannot be made of counts over {counts.interval_s} s; "
            "allowed are multiples"
        )
    periods = counts.intervals // steps
    if periods < 1:
        raise InsufficientDataError(
            f"counts of {counts.intervals * counts.interval_s} s hold no period of {period_s} s"
        )
    known = np.where(np.isin(counts.quality, VALUED), counts.volume_veh, np.nan)
    parts = known[: periods * steps].reshape(periods, steps, -1)
    found = np.isfinite(parts).sum(axis=1)
    mean = np.where(np.isfinite(parts), parts, 0.0).sum(axis=1) / np.maximum(found, 1)
    volume = np.where(found * 2 >= steps, mean * steps, np.nan)
    return CountSeries.from_volumes(
        counts.kind, counts.series_ids, counts.start_s, period_s, volume
    )


def _uncounted(names: Sequence[str], network: RoadNetwork) -> list[str]:
    missing = len(set(network.movements) - set(names))
    return [f"{missing} movements are not counted and carry nothing"] if missing else []


def bridged(
    flow_vph: Floats, names: Sequence[str], period_s: int, start_s: int
) -> tuple[Floats, list[str]]:
    """Fill gaps from the periods before and after them.

    Parameters
    ----------
    flow_vph
        [period, movement]; NaN where no count can be believed.
    names
        The movements.
    period_s, start_s
        Length of a period; when the first begins.

    Returns
    -------
    flow_vph : ndarray
        Without gaps.
    findings : list of str
        What was filled.

    Raises
    ------
    InsufficientDataError
        If a movement has a gap longer than `LONGEST_GAP_S`, or no count at all.
    """
    periods = len(flow_vph)
    wraps = periods * period_s == SECONDS_PER_DAY
    filled = flow_vph.copy()
    findings: list[str] = []
    numbers = np.arange(periods, dtype=np.float64)
    for m, name in enumerate(names):
        known = np.isfinite(flow_vph[:, m])
        if known.all():
            continue
        where = np.flatnonzero(known)
        if not where.size:
            raise InsufficientDataError(
                f"movement {name!r} has no count that can be believed in the whole day; correct "
                "the counts, or leave it out if it carries nothing"
            )
        gap, begin = _longest_gap(known, wraps)
        if gap * period_s > LONGEST_GAP_S:
            raise InsufficientDataError(
                f"movement {name!r}: no count that can be believed from "
                f"{clock((start_s + begin * period_s) % SECONDS_PER_DAY)} on for "
                f"{gap * period_s} s; allowed are gaps of up to {LONGEST_GAP_S} s"
            )
        period = float(periods) if wraps else None
        filled[:, m] = np.interp(numbers, where, flow_vph[where, m], period=period)
        findings.append(
            f"{name}: {int((~known).sum())} of {periods} periods bridged from their neighbors"
        )
    return filled, findings


def _longest_gap(known: NDArray[np.bool_], wraps: bool) -> tuple[int, int]:
    """Return length and first period of the longest run without a count."""
    periods = len(known)
    best, begin, length = 0, 0, 0
    for t in range(2 * periods if wraps else periods):
        length = 0 if known[t % periods] else length + 1
        if min(length, periods) > best:
            best, begin = min(length, periods), (t - length + 1) % periods
    return best, begin


def forecast_flows(
    path: Path,
    network: RoadNetwork,
    period_s: int,
    time_zone: str,
    lane_shares: Mapping[str, float],
) -> DayFlows:
    """Read the flows of a day from the table that ``throughband forecast`` writes.

    Parameters
    ----------
    path
        Its ``movements.csv``, or ``forecast.csv`` of detectors that are named as movements; of
        at most 24 hours.
    network
        For the movements.
    period_s
        Length of a period, s; a multiple of the table's step.
    time_zone
        Whose clock the plans will follow.
    lane_shares
        Where lanes were counted.

    Returns
    -------
    DayFlows
        With the quantiles ``q0.1`` and ``q0.9`` where the table has them.

    Raises
    ------
    CountError
        If the table is malformed, of something else, or has gaps.
    """
    # Turns without a signal are forecast too, and not planned.
    turns = {c.movement_id for c in network.connections} - set(network.movements)
    rows = [row for row in _forecast_rows(path) if row.name not in turns]
    times = sorted({row.time for row in rows})
    names = sorted({row.name for row in rows})
    unknown = [name for name in names if name not in network.movements]
    if unknown:
        raise CountError(
            f"{path}: {unknown[0]!r} is no movement of network {network.name!r}; a movement is "
            f"named by the roads it joins, as in {next(iter(network.movements), '')!r}"
        )
    steps_s = {int((b - a).total_seconds()) for a, b in pairwise(times)}
    if len(steps_s) != 1:
        raise CountError(
            f"{path}: intervals follow each other by {sorted(steps_s) or 'nothing'} s; allowed "
            "are two or more at equal distance"
        )
    (step_s,) = steps_s
    if period_s % step_s or len(times) * step_s > SECONDS_PER_DAY or len(times) * step_s < period_s:
        raise CountError(
            f"{path}: {len(times)} intervals of {step_s} s cannot make periods of {period_s} s; "
            "allowed are multiples of the interval, over one day at most"
        )
    row_of = {time: i for i, time in enumerate(times)}
    column = {name: m for m, name in enumerate(names)}
    table = np.full((3, len(times), len(names)), np.nan)
    guesses = 0
    for row in rows:
        cell = (row_of[row.time], column[row.name])
        if np.isfinite(table[0][cell]):
            raise CountError(f"{path}: {row.name!r} at {row.time.isoformat()} appears twice")
        table[(slice(None), *cell)] = row.values
        guesses += row.source == PRIOR
    if not np.isfinite(table[0]).all():
        i, m = np.argwhere(~np.isfinite(table[0]))[0]
        raise CountError(
            f"{path}: {names[m]!r} has no row at {times[i].isoformat()}; every movement needs one "
            "for every interval"
        )
    per = period_s // step_s
    periods = len(times) // per
    vph = table[:, : periods * per].reshape(3, periods, per, -1).mean(axis=2)
    vph *= SECONDS_PER_HOUR / step_s
    local = times[0].astimezone(zone_of(time_zone))
    start_s = (local.hour * 60 + local.minute) * 60 + local.second
    flows, low, high = ({n: part[:, m] for m, n in enumerate(names)} for part in vph)
    spread = bool(np.isfinite(vph[1:]).all())
    findings = []
    if guesses:
        findings.append(
            f"{guesses} of {len(rows)} cells of the forecast rest on no count at all (prior)"
        )
    if not spread:
        findings.append(f"the forecast lacks {_LOW} or {_HIGH}; deviations are assumed")
    missing = len(set(network.movements) - set(names))
    if missing:
        findings.append(f"{missing} movements are not forecast and carry nothing")
    day = DayDemand(
        flows, period_s, start_s, lane_shares, low if spread else {}, high if spread else {}
    )
    return DayFlows(day, tuple(findings))


@dataclass(frozen=True, slots=True)
class _Row:
    time: datetime
    name: str
    values: tuple[float, float, float]
    source: str


def _forecast_rows(path: Path) -> list[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            # The table of movements names them in a column of its own.
            header = [
                "detector" if name == "movement" else name for name in reader.fieldnames or []
            ]
            reader.fieldnames = header
            absent = [name for name in _COLUMNS if name not in header]
            if absent:
                raise CountError(
                    f"{path}: lacks the column {absent[0]!r}; expected the forecast.csv that "
                    "'throughband forecast' writes"
                )
            rows = [_row(path, reader.line_num, cells) for cells in reader]
    except OSError as error:
        raise CountError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CountError(f"{path}: not readable CSV ({error})") from error
    if not rows:
        raise CountError(f"{path}: holds no forecast")
    return rows


def _row(path: Path, line: int, cells: Mapping[str, str | None]) -> _Row:
    where = f"{path}, row {line}"
    try:
        time = datetime.fromisoformat(cells["time"] or "")
    except ValueError as error:
        raise CountError(f"{where}: time {cells['time']!r} is no ISO 8601 time") from error
    if time.tzinfo is None:
        raise CountError(f"{where}: time {cells['time']!r} names no zone")
    return _Row(
        time.astimezone(UTC),
        cells["detector"] or "",
        (
            _number(where, "mean", cells["mean"]),
            _number(where, _LOW, cells[_LOW]) if cells.get(_LOW) else float("nan"),
            _number(where, _HIGH, cells[_HIGH]) if cells.get(_HIGH) else float("nan"),
        ),
        cells["source"] or "",
    )


def _number(where: str, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise CountError(f"{where}: {column} {text!r} is no number") from error
    if not 0 <= value < float("inf"):
        raise CountError(f"{where}: {column} {text!r}; allowed is 0 or more")
    return value
