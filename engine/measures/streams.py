"""Which traffic that leaves one signal arrives at which other, and how much comes from elsewhere.

Counts say what leaves each signal and what arrives at each approach, not who went where in
between. Between signals the road may branch and join without anybody counting. The most likely
flows, those that assume nothing the counts do not say, follow by iterative proportional fitting
of a prior (turns weighted by kind) to both totals, with a sink for what leaves the street
in between and a source for what enters it (Deming and Stephan 1940; van Zuylen and Willumsen
1980 use the same principle for trip matrices).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from network.graph import Connection, Link, RoadNetwork

TURN_WEIGHT = {"s": 1.0, "l": 0.3, "r": 0.3, "L": 0.5, "R": 0.5}
"""How likely a driver is to take a turn where nobody counts; only ratios matter. Nobody is taken
to turn round: a road whose only way on is back ends there."""

TURNING_ROUND = "t"

SIDE_WEIGHT = 0.02
"""Share of a link's traffic that starts or ends along it, before the counts speak."""

LONGEST_WAY_S = 240.0
SMALLEST_SHARE = 1e-3
FITTING_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Pace:
    """How links are run: by all alike, or link by link where it was measured.

    Attributes
    ----------
    usual_variation
        Standard deviation of running times over their mean, where nothing else is known.
    time_part
        By link, running time from the end of the link before, over length by speed.
    variation
        By link, standard deviation of running times over their mean.
    acceleration_mps2
        How those who start from standing speed up.
    """

    usual_variation: float = 0.15
    time_part: Mapping[str, float] = field(default_factory=dict)
    variation: Mapping[str, float] = field(default_factory=dict)
    acceleration_mps2: float = 2.6

    def starting_s(self, speed_mps: float) -> float:
        """Return what speeding up evenly to a speed costs beyond running at it, s."""
        return speed_mps / (2.0 * self.acceleration_mps2)

    def over_link(self, link: Link, node_s: float) -> tuple[float, float]:
        """Return mean and standard deviation of a running time, s.

        Parameters
        ----------
        link
            The link.
        node_s
            Time over the node before it, for links that were not measured.
        """
        if link.link_id in self.time_part:
            mean_s = self.time_part[link.link_id] * link.travel_time_s
        else:
            mean_s = node_s + link.travel_time_s
        return mean_s, mean_s * self.variation.get(link.link_id, self.usual_variation)


@dataclass(frozen=True, slots=True)
class Stream:
    """Traffic from the exit of one signal to an approach of another.

    Attributes
    ----------
    exit_link
        Link by which it leaves the first signal.
    approach_link
        Link on which it reaches the second one's stop line.
    share
        Part of the exit link's flow that arrives, 0 to 1.
    distance_m, travel_time_s
        Along the way, at free speed, from the first stop line's far side to the second's.
    deviation_s
        Standard deviation of the travel time between drivers, who keep their pace: those of the
        links add up.
    links
        The links of the way, both ends included.
    start_s
        Time before `travel_time_s` begins for a queue that starts: over the first node, mean over
        the traffic that takes this exit, and lost by speeding up. A platoon arrives so much later
        than at free speed; left out, offsets come out early by it at every signal.
    """

    exit_link: str
    approach_link: str
    share: float
    distance_m: float
    travel_time_s: float
    deviation_s: float
    links: tuple[str, ...] = ()
    start_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Way:
    """A way between signals before counts are known."""

    weight: float
    distance_m: float
    travel_time_s: float
    deviation_s: float
    links: tuple[str, ...] = ()


def ways_onward(
    network: RoadNetwork,
    exit_link: str,
    approaches: Set[str] | None = None,
    pace: Pace | None = None,
) -> tuple[dict[str, Way], float]:
    """Follow a link downstream to the next signals.

    Parameters
    ----------
    network
        The roads.
    exit_link
        Link to start on.
    approaches
        Links that end at a signal, if the caller has them at hand.
    pace
        How links are run; at their speed by default.

    Returns
    -------
    ways : dict
        Approach link of a signal to the likeliest way there; weights and `lost` sum to 1.
    lost : float
        Weight of ending before any signal.
    """
    if approaches is None:
        approaches = {movement.from_link for movement in network.movements.values()}
    found: dict[str, Way] = {}
    lost = 0.0
    pace = pace or Pace()
    start = network.links[exit_link]
    begun = Way(1.0, start.length_m, *pace.over_link(start, 0.0), (exit_link,))
    frontier = [(exit_link, begun)]
    while frontier:
        link, way = frontier.pop()
        if link in approaches:
            earlier = found.get(link)
            if earlier is None or way.weight > earlier.weight:
                total = way.weight + (earlier.weight if earlier else 0.0)
                found[link] = replace(way, weight=total)
            else:
                found[link] = replace(earlier, weight=earlier.weight + way.weight)
            continue
        turns = _turns(network.turns_from[link])
        if not turns or way.travel_time_s > LONGEST_WAY_S or way.weight < SMALLEST_SHARE:
            lost += way.weight
            continue
        total = sum(TURN_WEIGHT.get(turn.turn, 0.3) for turn in turns)
        for turn in turns:
            onward = network.links[turn.to_link]
            time_s, deviation_s = pace.over_link(onward, turn.length_m / turn.speed_mps)
            frontier.append(
                (
                    turn.to_link,
                    Way(
                        way.weight * TURN_WEIGHT.get(turn.turn, 0.3) / total,
                        way.distance_m + turn.length_m + onward.length_m,
                        way.travel_time_s + time_s,
                        way.deviation_s + deviation_s,
                        (*way.links, turn.to_link),
                    ),
                )
            )
    return found, lost


def _turns(connections: tuple[Connection, ...]) -> list[Connection]:
    """One connection per link that can be reached without turning round."""
    return list({c.to_link: c for c in connections if c.turn != TURNING_ROUND}.values())


def fit_streams(
    network: RoadNetwork, movement_vph: Mapping[str, float], pace: Pace | None = None
) -> tuple[tuple[Stream, ...], dict[str, float]]:
    """Estimate the streams between signals from movement flows.

    Parameters
    ----------
    network
        The roads.
    movement_vph
        Flow of every signalized movement, veh/h.
    pace
        How links are run; at their speed by default.

    Returns
    -------
    streams : tuple of Stream
        Ordered by exit link, then approach link.
    outside : dict
        Part of each approach's flow that comes from no signal, 0 to 1.

    Notes
    -----
    Demand is taken to be stationary; queues between signals are not modeled here.
    """
    pace = pace or Pace()
    departing: dict[str, float] = {}
    arriving: dict[str, float] = {}
    for movement in network.movements.values():
        flow = movement_vph.get(movement.movement_id, 0.0)
        departing[movement.to_link] = departing.get(movement.to_link, 0.0) + flow
        arriving[movement.from_link] = arriving.get(movement.from_link, 0.0) + flow
    node_s = _over_nodes(network, movement_vph)
    exits, approaches = sorted(departing), sorted(arriving)
    row = {link: i for i, link in enumerate(exits)}
    column = {link: j for j, link in enumerate(approaches)}
    rows: list[int] = []
    columns: list[int] = []
    prior: list[float] = []

    def place(i: int, j: int, weight: float) -> None:
        rows.append(i)
        columns.append(j)
        prior.append(weight)

    ways: dict[tuple[str, str], Way] = {}
    stop_links, leaving = set(approaches), set(exits)
    for link in exits:
        onward, lost = ways_onward(network, link, stop_links, pace)
        place(row[link], len(approaches), max(lost, SIDE_WEIGHT) * departing[link])
        for approach, way in onward.items():
            ways[link, approach] = way
            place(row[link], column[approach], way.weight * departing[link])
    for approach in approaches:
        weight = outside_weight(network, approach, leaving)
        place(len(exits), column[approach], weight * arriving[approach])
    fitted = _fit(
        np.array(rows),
        np.array(columns),
        np.array(prior),
        np.array([departing[link] for link in exits]),
        np.array([arriving[link] for link in approaches]),
    )
    flows = dict(zip(zip(rows, columns, strict=True), fitted.tolist(), strict=True))
    streams = tuple(
        Stream(
            exit_link,
            approach,
            share,
            way.distance_m,
            # What was measured begins at the end of the link before.
            way.travel_time_s
            - (min(node_s[exit_link], way.travel_time_s) if exit_link in pace.time_part else 0.0),
            way.deviation_s,
            way.links,
            node_s[exit_link] + pace.starting_s(network.links[exit_link].speed_mps),
        )
        for (exit_link, approach), way in sorted(ways.items())
        if (share := _ratio(flows[row[exit_link], column[approach]], departing[exit_link]))
        > SMALLEST_SHARE
    )
    outside = {
        approach: _ratio(flows[len(exits), column[approach]], arriving[approach])
        for approach in approaches
    }
    return streams, outside


def _over_nodes(network: RoadNetwork, movement_vph: Mapping[str, float]) -> dict[str, float]:
    """Return the time over the node before each exit link, s, mean over its traffic."""
    spent: dict[str, float] = {}
    passed: dict[str, float] = {}
    for movement in network.movements.values():
        # Where nobody drives, all ways count alike.
        flow = max(movement_vph.get(movement.movement_id, 0.0), SMALLEST_SHARE)
        lanes = movement.connections
        mean_s = sum(c.length_m / c.speed_mps for c in lanes) / len(lanes)
        spent[movement.to_link] = spent.get(movement.to_link, 0.0) + flow * mean_s
        passed[movement.to_link] = passed.get(movement.to_link, 0.0) + flow
    return {link: spent[link] / passed[link] for link in spent}


def outside_weight(network: RoadNetwork, approach: str, exits: set[str]) -> float:
    """Prior share of an approach's traffic that passes no signal before it."""
    outside = 0.0
    frontier = [(approach, 1.0, 0.0)]
    seen: set[str] = set()
    while frontier:
        link, weight, time_s = frontier.pop()
        if link in exits or link in seen:
            continue
        seen.add(link)
        feeders = list(
            {c.from_link: c for c in network.turns_into[link] if c.turn != TURNING_ROUND}.values()
        )
        if not feeders or time_s > LONGEST_WAY_S or weight < SMALLEST_SHARE:
            outside += weight
            continue
        total = sum(TURN_WEIGHT.get(c.turn, 0.3) for c in feeders)
        for feeder in feeders:
            frontier.append(
                (
                    feeder.from_link,
                    weight * TURN_WEIGHT.get(feeder.turn, 0.3) / total,
                    time_s + network.links[feeder.from_link].travel_time_s,
                )
            )
    return max(outside, SIDE_WEIGHT)


def _fit(
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    prior: NDArray[np.float64],
    rows_vph: NDArray[np.float64],
    columns_vph: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Scale a prior, given by its entries, to totals; the last row and column are free."""
    flows = prior.copy()
    last_row, last_column = rows_vph.size, columns_vph.size
    wanted = np.append(rows_vph, 0.0), np.append(columns_vph, 0.0)
    bound_row, bound_column = row < last_row, column < last_column

    def sums(of: NDArray[np.int64], size: int) -> NDArray[np.float64]:
        return np.asarray(np.bincount(of, weights=flows, minlength=size + 1), dtype=np.float64)

    for _ in range(FITTING_ROUNDS):
        for of, bound, target in ((row, bound_row, wanted[0]), (column, bound_column, wanted[1])):
            found = sums(of, target.size - 1)
            scale = np.divide(target, found, out=np.ones_like(found), where=found > 0)
            flows[bound] *= scale[of[bound]]
    # What the last column scaling left of the rows must not exceed what departs.
    found = sums(row, last_row)
    excess = np.divide(wanted[0], found, out=np.ones_like(found), where=found > wanted[0])
    inner = bound_row & bound_column
    flows[inner] *= np.minimum(excess, 1.0)[row[inner]]
    passed = np.bincount(column[inner], weights=flows[inner], minlength=last_column + 1)
    entering = ~bound_row & bound_column
    flows[entering] = np.maximum(columns_vph[column[entering]] - passed[column[entering]], 0.0)
    return flows


def _ratio(part: float, whole: float) -> float:
    return float(min(1.0, part / whole)) if whole > 0 else 0.0
