"""Where the demand comes from: a counts file, or counting runs in SUMO."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.forecast.forecast import Forecast, forecast
from engine.forecast.prediction import Source
from engine.forecast.quality import QualityRow, judge, lanes_of
from engine.forecast.standing_queues import standing_queues
from engine.validate.counting import count
from engine.validate.simulator import SimulationCase
from engine.validate.sumo_files import DetectorSite
from network.counts import VALUED, CountSeries, Quality
from network.errors import CountError, InsufficientDataError
from network.graph import Connection, RoadNetwork
from network.readers.counts_csv import read_count_days_csv

COUNTING_SEEDS = (1, 2, 3)
"""Seeds that may be counted and tuned on; validation never uses them."""

SOURCE_WORDS = {
    Source.COUNTED: "counted",
    Source.OBSERVED: "forecast from earlier days and today's counts",
    Source.IMPUTED: "forecast from earlier days and other movements' counts",
    Source.PROFILE: "usual on earlier days",
    Source.PRIOR: "a guess (prior: too few counts, or none)",
}

INTERVAL_S = 300
INSIDE_NODE_M = 0.1

STOP_LINE_M = -2.0
"""Where the occupancy of a lane is taken, from its end: there its queue begins."""


def detected_connections(network: RoadNetwork) -> tuple[Connection, ...]:
    """Return the connections that get a detector: every signalized one, just behind its stop line.

    There a vehicle has chosen its turn, as it has for a camera or radar that counts turns.

    Raises
    ------
    InsufficientDataError
        If the network has no lanes inside its nodes to put detectors on.
    """
    connections = tuple(c for s in network.signals.values() for c in s.connections)
    if not all(c.via_lane for c in connections):
        raise InsufficientDataError(
            f"network {network.name!r} has no lanes inside its intersections, so turns cannot be "
            "counted in simulation; bring counts with --counts"
        )
    return connections


def sites(connections: Sequence[Connection]) -> tuple[DetectorSite, ...]:
    """Return the detector of each connection."""
    return tuple(DetectorSite(c.connection_id, c.via_lane, INSIDE_NODE_M) for c in connections)


def stop_line_sites(connections: Sequence[Connection]) -> tuple[DetectorSite, ...]:
    """Return a detector for each lane that connections leave, at its stop line."""
    lanes = dict.fromkeys(_lane(connection) for connection in connections)
    return tuple(DetectorSite(f"stop {lane}", lane, STOP_LINE_M) for lane in lanes)


def _lane(connection: Connection) -> str:
    return f"{connection.from_link}_{connection.from_lane}"


def detector_counts(
    connections: Sequence[Connection],
    start_s: float,
    interval_s: int,
    volume_veh: NDArray[np.float64],
    occupancy_pct: NDArray[np.float64] | None = None,
) -> CountSeries:
    """Name what detectors counted.

    Parameters
    ----------
    connections
        One per column.
    start_s, interval_s
        Of the intervals.
    volume_veh
        [interval, connection]; NaN where nothing arrived.
    occupancy_pct
        [interval, connection], of the lane's detector at the stop line; None where there is none.
    """
    names = [c.connection_id for c in connections]
    counts = CountSeries.from_volumes("connection", names, start_s, interval_s, volume_veh)
    return counts if occupancy_pct is None else replace(counts, occupancy_pct=occupancy_pct)


def movement_counts(counts: CountSeries, network: RoadNetwork) -> CountSeries:
    """Add up the lanes of each movement; movement counts come back as they are.

    A movement is as good as its worst lane. Movements of which no lane was counted are absent.

    Parameters
    ----------
    counts
        Of connections or movements.
    network
        For which connection belongs to which movement.
    """
    if counts.kind != "connection":
        return counts
    column = {name: index for index, name in enumerate(counts.series_ids)}
    found: dict[str, list[int]] = {}
    for movement in network.movements.values():
        for connection in movement.connections:
            if connection.connection_id in column:
                columns = found.setdefault(movement.movement_id, [])
                columns.append(column[connection.connection_id])
    volume = np.column_stack([counts.volume_veh[:, c].sum(axis=1) for c in found.values()])
    flags = np.column_stack([_worst(counts.quality[:, c]) for c in found.values()])
    # A movement that lacks a lane's number has none itself.
    flags[np.isnan(volume)] = Quality.MISSING
    return CountSeries("movement", tuple(found), counts.start_s, counts.interval_s, volume, flags)


def _worst(flags: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The gravest flag of each row; a missing lane leaves the rest a sum without meaning."""
    usable = np.where(np.isin(flags, VALUED), 0, flags)
    worst: NDArray[np.uint8] = usable.max(axis=1)
    return worst


def lane_shares(days: Sequence[CountSeries], network: RoadNetwork) -> dict[str, float]:
    """Return which part of its movement each connection carried, over all days.

    Parameters
    ----------
    days
        Counts; those of movements say nothing of lanes.
    network
        For the movements.

    Returns
    -------
    dict
        By connection; movements that were not counted by lane, or carried nothing, are absent.
    """
    total: dict[str, float] = {}
    for day in days:
        if day.kind == "connection":
            sums = np.nansum(np.where(np.isin(day.quality, VALUED), day.volume_veh, 0.0), axis=0)
            for name, volume in zip(day.series_ids, sums, strict=True):
                total[name] = total.get(name, 0.0) + float(volume)
    return lane_shares_of(total, network)


def lane_shares_of(total: Mapping[str, float], network: RoadNetwork) -> dict[str, float]:
    """Return which part of its movement each connection carried, from all that each one did."""
    shares: dict[str, float] = {}
    for movement in network.movements.values():
        names = [c.connection_id for c in movement.connections]
        whole = sum(total.get(name, 0.0) for name in names)
        if whole > 0 and all(name in total for name in names):
            shares |= {name: total[name] / whole for name in names}
    return shares


def mean_day(days: Sequence[CountSeries]) -> CountSeries:
    """Return the mean of days that name the same series and intervals; a single one as it is.

    What is not good on every day is missing in it.
    """
    first = days[0]
    if len(days) == 1:
        return first
    good = [np.where(np.isin(day.quality, VALUED), day.volume_veh, np.nan) for day in days]
    volume = np.mean(good, axis=0)
    return CountSeries.from_volumes(
        first.kind, first.series_ids, first.start_s, first.interval_s, volume
    )


def counted_days(
    case: SimulationCase,
    network: RoadNetwork,
    seeds: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CountSeries, ...]:
    """Count every signalized connection in SUMO under the plan in force, one run per seed.

    Turns are counted behind the stop lines, and how long each lane is occupied is taken at them.

    Parameters
    ----------
    case, network
        What to play.
    seeds
        One day each; must be counting seeds.
    progress
        Called with days done and days in all.

    Raises
    ------
    CountError
        If a seed is reserved for validation.
    InsufficientDataError
        If the window is shorter than a counting interval.
    """
    reserved = [seed for seed in seeds if seed not in COUNTING_SEEDS]
    if reserved:
        raise CountError(f"seeds {reserved} are not for counting; allowed are {COUNTING_SEEDS}")
    window_s = case.end_s - case.begin_s
    if window_s < INTERVAL_S:
        raise InsufficientDataError(
            f"the window of {window_s:g} s in {case.config_file} is shorter than a counting "
            f"interval of {INTERVAL_S} s; raise --end, or bring counts with --counts"
        )
    connections = detected_connections(network)
    many, stops = len(connections), stop_line_sites(connections)
    column = {site.lane_id: many + index for index, site in enumerate(stops)}
    stop_of = [column[_lane(connection)] for connection in connections]
    days = []
    for done, seed in enumerate(seeds):
        run = count(case, (*sites(connections), *stops), seed, INTERVAL_S)
        occupancy_pct = np.minimum(run.occupancy_pct[:, stop_of], 100.0)
        volume_veh = run.volume_veh[:, :many]
        begin_s = float(run.begin_s[0])
        days.append(detector_counts(connections, begin_s, INTERVAL_S, volume_veh, occupancy_pct))
        if progress is not None:
            progress(done + 1, len(seeds))
    return tuple(days)


@dataclass(frozen=True, slots=True)
class Demand:
    """What plans are made for.

    Attributes
    ----------
    flows
        Movement flows, measured and predicted.
    lane_shares
        Part of its movement that each connection carries, where lanes were counted.
    quality
        Series whose counts are not all good, or not all who came.
    """

    flows: Forecast
    lane_shares: Mapping[str, float]
    quality: tuple[QualityRow, ...]


def demand(
    network: RoadNetwork, days: Sequence[CountSeries], today: CountSeries | None = None
) -> Demand:
    """Judge counts and forecast the flows of the window that the earlier days span.

    Where occupancies tell of queues that stand, that is told, and flows stay as counted
    (`engine.forecast.standing_queues`).

    Parameters
    ----------
    network
        For capacities.
    days
        Earlier days; the first sets the window. Empty where there is only today.
    today
        The day so far.
    """
    spans = days or ((today,) if today is not None else ())
    if not spans:
        raise InsufficientDataError("no counts to make a forecast from")
    counted = [*days, *((today,) if today is not None else ())]
    if not any(np.nansum(day.volume_veh) > 0 for day in counted):
        raise InsufficientDataError(
            f"the counts of {counted[0].volume_veh.shape[1]} series carry nothing: every one is 0 "
            "or missing; at least one vehicle is needed"
        )
    lanes = lanes_of(network) if spans[0].kind == "movement" else {}
    rows: list[QualityRow] = []
    judged: list[CountSeries] = []
    for day in days:
        good, found = judge(day, lanes)
        judged.append(good)
        rows.extend(found)
    seen = list(judged)
    if today is not None:
        usual = None
        if days:
            stack = np.array([day.slice(today.start_s, today.end_s).volume_veh for day in days])
            usual = np.nanmean(stack, axis=0)
        today, found = judge(today, lanes, usual)
        rows.extend(found)
        seen.append(today)
    first = spans[0]
    flows = forecast(
        [movement_counts(day, network) for day in judged],
        None if today is None else movement_counts(today, network),
        first.start_s,
        first.end_s,
        network,
    )
    rows.extend(standing_queues(seen, network))
    return Demand(flows, lane_shares(seen, network), tuple(rows))


def sources_told(flows: Forecast) -> str:
    """Say what the cells of a forecast rest on, in words."""
    whole = flows.source.size
    return ", ".join(
        f"{100 * count / whole:.0f} % {SOURCE_WORDS[Source[name.upper()]]}"
        for name, count in flows.cells().items()
    )


def read_counts(path: Path, network: RoadNetwork) -> tuple[CountSeries, ...]:
    """Read the days of a counts file and check that they speak of this network's movements.

    Movements the file does not name are taken as carrying nothing, and said so by the caller.
    """
    days = read_count_days_csv(path)
    if days[0].kind == "approach":
        raise CountError(f"{path}: counts approaches; movements or connections are needed")
    try:
        days[0].require_known(network)
    except CountError as error:
        some = next(iter(network.movements), "")
        raise CountError(
            f"{path}: {error}; a movement is named by the roads it joins, as in {some!r}"
        ) from error
    return days
