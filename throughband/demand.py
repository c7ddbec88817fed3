"""Where the demand comes from: a counts file, or counting runs in SUMO."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engine.forecast.forecast import Forecast, forecast
from engine.forecast.quality import QualityRow, judge, lanes_of
from engine.validate.counting import count
from engine.validate.simulator import SimulationCase
from engine.validate.sumo_files import DetectorSite
from network.counts import CountSeries
from network.errors import CountError, InsufficientDataError
from network.graph import Connection, RoadNetwork
from network.readers.counts_csv import read_counts_csv

COUNTING_SEEDS = (1, 2, 3)
"""Seeds that may be counted and tuned on; validation never uses them."""

INTERVAL_S = 300
INSIDE_NODE_M = 0.1


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


def by_movement(
    network: RoadNetwork,
    connections: Sequence[Connection],
    start_s: float,
    interval_s: int,
    volume_veh: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> CountSeries:
    """Add up the detectors of each movement.

    Parameters
    ----------
    network
        For the order of movements.
    connections
        One per column.
    start_s, interval_s
        Of the intervals.
    volume_veh
        [interval, connection]; NaN where nothing arrived, which makes the movement's count NaN.
    """
    names = tuple(network.movements)
    column = {name: index for index, name in enumerate(names)}
    total = np.zeros((volume_veh.shape[0], len(names)))
    for index, connection in enumerate(connections):
        total[:, column[connection.movement_id]] += volume_veh[:, index]
    return CountSeries.from_volumes("movement", names, start_s, interval_s, total)


def counted_days(
    case: SimulationCase,
    network: RoadNetwork,
    seeds: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CountSeries, ...]:
    """Count movements in SUMO under the plan in force, one run per seed.

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
    days = []
    for done, seed in enumerate(seeds):
        run = count(case, sites(connections), seed, INTERVAL_S)
        days.append(
            by_movement(network, connections, float(run.begin_s[0]), INTERVAL_S, run.volume_veh)
        )
        if progress is not None:
            progress(done + 1, len(seeds))
    return tuple(days)


def demand(
    network: RoadNetwork, days: Sequence[CountSeries], today: CountSeries | None = None
) -> tuple[Forecast, tuple[QualityRow, ...]]:
    """Judge counts and forecast the flows of the window that the earlier days span.

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
    lanes = lanes_of(network)
    rows: list[QualityRow] = []
    judged = []
    for day in days:
        good, found = judge(day, lanes)
        judged.append(good)
        rows.extend(found)
    if today is not None:
        usual = None
        if days:
            stack = np.array([day.slice(today.start_s, today.end_s).volume_veh for day in days])
            usual = np.nanmean(stack, axis=0)
        today, found = judge(today, lanes, usual)
        rows.extend(found)
    first = spans[0]
    return forecast(judged, today, first.start_s, first.end_s), tuple(rows)


def read_counts(path: Path, network: RoadNetwork) -> CountSeries:
    """Read a counts file and check that it speaks of this network's movements.

    Movements the file does not name are taken as carrying nothing, and said so by the caller.
    """
    counts = read_counts_csv(path)
    if counts.kind != "movement":
        raise CountError(f"{path}: counts of kind {counts.kind!r}; movement counts are needed")
    try:
        counts.require_known(network)
    except CountError as error:
        some = next(iter(network.movements), "")
        raise CountError(
            f"{path}: {error}; a movement is named by the roads it joins, as in {some!r}"
        ) from error
    return counts
