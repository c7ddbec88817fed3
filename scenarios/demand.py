"""Who drives when and where: routes between the ends of the streets, and vehicles on them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from network.errors import ScenarioError
from network.units import SECONDS_PER_HOUR
from scenarios.layout import Layout
from scenarios.roads import Kind, Side, Streets

TURN_S: Final = {
    Kind.SIGNAL: {Side.RIGHT: 12.0, Side.AHEAD: 10.0, Side.LEFT: 20.0},
    Kind.YIELD: {Side.RIGHT: 3.0, Side.AHEAD: 3.0, Side.LEFT: 8.0},
    Kind.END: {Side.RIGHT: 0.0, Side.AHEAD: 0.0, Side.LEFT: 0.0},
}
"""What drivers expect a corner to cost them."""

TASTE: Final = 0.1
"""Drivers of one origin misjudge the time on each road by up to so much."""

FARTHEST_DECAYS: Final = 4.0
PEAK: Final = 0.3
TRUCK_SHARE: Final = 0.05
DURATION_S: Final = SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Flows:
    """Relative flows over the streets, one route for each pair of ends.

    Attributes
    ----------
    origins, destinations
        Road that begins, and road that ends, at each end.
    share
        [origin, destination] part of all traffic; sums to 1.
    reached_by
        [origin, road] turn by which the origin's traffic comes to the road, -1 for none.
    order
        Of each origin, the roads in the order its traffic reaches them.
    turn_share
        [turn] part of all traffic that makes the turn.
    """

    origins: tuple[int, ...]
    destinations: tuple[int, ...]
    share: NDArray[np.float64]
    reached_by: NDArray[np.int32]
    order: tuple[NDArray[np.int32], ...]
    turn_share: NDArray[np.float64]

    def route(self, streets: Streets, origin: int, destination: int) -> list[int]:
        """Return the roads from one end to another."""
        road = self.destinations[destination]
        roads = [road]
        while road != self.origins[origin]:
            road = streets.turns[self.reached_by[origin, road]].from_road
            roads.append(road)
        return roads[::-1]


def assign(
    layout: Layout, rng: Generator, progress: Callable[[int, int], None] | None = None
) -> Flows:
    """Send the traffic of a layout over the fastest ways.

    Parameters
    ----------
    layout
        Streets and relative flows.
    rng
        For what drivers misjudge.
    progress
        Called with the number of ends done, and of all.

    Raises
    ------
    ScenarioError
        If no end can be reached from any other.
    """
    streets = layout.streets
    origins = tuple(streets.out_of[end][0] for end in layout.ends)
    destinations = tuple(streets.into[end][0] for end in layout.ends)
    drive_s = np.array([streets.length_m(road) / road.speed_mps for road in streets.roads])
    turn_s = np.array(
        [
            TURN_S[streets.corners[streets.roads[t.from_road].head].kind][t.side]
            for t in streets.turns
        ]
    )
    limit_s = np.inf if layout.decay_s is None else FARTHEST_DECAYS * layout.decay_s
    share = np.zeros_like(layout.pull)
    reached_by = np.full((len(origins), len(streets.roads)), -1, dtype=np.int32)
    orders: list[NDArray[np.int32]] = []
    for number, origin in enumerate(origins):
        felt_s = drive_s * rng.uniform(1.0 - TASTE, 1.0 + TASTE, len(drive_s))
        order, time_s = _fastest(streets, origin, felt_s, turn_s, limit_s, reached_by[number])
        goal_s = time_s[list(destinations)]
        weight = np.where(np.isfinite(goal_s), layout.pull[number], 0.0)
        if layout.decay_s is not None:
            # Nearness decides where somebody goes, not how many leave home.
            near = weight * np.exp(-np.where(np.isfinite(goal_s), goal_s, 0.0) / layout.decay_s)
            weight = near * (weight.sum() / near.sum() if near.any() else 0.0)
        share[number] = weight
        orders.append(np.array(order, dtype=np.int32))
        if progress is not None:
            progress(number + 1, len(origins))
    total = float(share.sum())
    if not total > 0:
        raise ScenarioError(
            f"scenario {layout.name!r}: no end of a street can be reached from another"
        )
    none = np.zeros(len(streets.turns))
    flows = Flows(origins, destinations, share / total, reached_by, tuple(orders), none)
    return replace(flows, turn_share=_turn_share(streets, flows))


def thinned(streets: Streets, flows: Flows, passing: NDArray[np.float64]) -> Flows:
    """Keep away a part of the traffic of each route, as much as its worst turn wants.

    Parameters
    ----------
    streets, flows
        The traffic.
    passing
        [turn] part that may pass, above 0 and up to 1.

    Returns
    -------
    Flows
        Whose shares sum to 1 again.
    """
    share = flows.share.copy()
    kept = np.ones(len(streets.roads))
    before = np.array([turn.from_road for turn in streets.turns], dtype=np.int32)
    for origin, order in enumerate(flows.order):
        kept[flows.origins[origin]] = 1.0
        for road in order[1:].tolist():
            turn = flows.reached_by[origin, road]
            kept[road] = min(kept[before[turn]], passing[turn])
        share[origin] *= kept[list(flows.destinations)]
    less = replace(flows, share=share / share.sum())
    return replace(less, turn_share=_turn_share(streets, less))


def _turn_share(streets: Streets, flows: Flows) -> NDArray[np.float64]:
    """Add up the traffic of each turn, from the ends of the routes back to their origins."""
    found = np.zeros(len(streets.turns))
    before = [turn.from_road for turn in streets.turns]
    for origin, order in enumerate(flows.order):
        load = np.zeros(len(streets.roads))
        np.add.at(load, list(flows.destinations), flows.share[origin])
        for road in order[:0:-1].tolist():
            if load[road]:
                turn = flows.reached_by[origin, road]
                found[turn] += load[road]
                load[before[turn]] += load[road]
    return found


def _fastest(
    streets: Streets,
    origin: int,
    drive_s: NDArray[np.float64],
    turn_s: NDArray[np.float64],
    limit_s: float,
    reached_by: NDArray[np.int32],
) -> tuple[list[int], NDArray[np.float64]]:
    """Fill in the turn to each road; return the roads in the order they are reached, and when."""
    time_s = np.full(len(drive_s), np.inf)
    time_s[origin] = drive_s[origin]
    queue = [(float(drive_s[origin]), origin)]
    order: list[int] = []
    done = np.zeros(len(drive_s), dtype=bool)
    while queue:
        now_s, road = heapq.heappop(queue)
        if done[road]:
            continue
        done[road] = True
        order.append(road)
        for number in streets.turns_from[road]:
            onward = streets.turns[number].to_road
            then_s = now_s + float(turn_s[number]) + float(drive_s[onward])
            if then_s < time_s[onward] and then_s <= limit_s:
                time_s[onward] = then_s
                reached_by[onward] = number
                heapq.heappush(queue, (then_s, onward))
    return order, time_s


def departures_s(volume_vph: float, rng: Generator) -> NDArray[np.float64]:
    """Draw an hour of departures: exponential headways whose rate peaks in the middle.

    The rate is 0.7 of its mean at both ends of the hour and 1.3 in the middle. A Poisson process
    in the time that runs as fast as traffic flows is mapped back to the clock.

    Parameters
    ----------
    volume_vph
        Mean, veh/h.
    rng
        Random numbers.
    """
    if not volume_vph > 0:
        return np.zeros(0)
    expected = volume_vph * DURATION_S / SECONDS_PER_HOUR
    most = int(expected + 10.0 * np.sqrt(expected) + 20.0)
    passed = np.cumsum(rng.exponential(SECONDS_PER_HOUR / volume_vph, most))
    clock_s = np.linspace(0.0, DURATION_S, 3601)
    turned = 2.0 * np.pi * clock_s / DURATION_S
    flowed_s = clock_s - PEAK * DURATION_S / (2.0 * np.pi) * np.sin(turned)
    due_s: NDArray[np.float64] = np.interp(passed[passed < DURATION_S], flowed_s, clock_s)
    return due_s


def vehicles(
    streets: Streets,
    flows: Flows,
    volume_vph: float,
    rng: Generator,
    buses: Sequence[tuple[float, str]] = (),
) -> Iterator[str]:
    """Yield the route file line by line: every vehicle with its own departure and route.

    Parameters
    ----------
    streets, flows
        Where they drive.
    volume_vph
        All of them, veh/h.
    rng
        Random numbers.
    buses
        Departures, s, and lines of further vehicles, in order, as `transit.bus_vehicles` has them.
    """
    trips: list[tuple[float, int, int, bool]] = []
    for origin in range(len(flows.origins)):
        share = flows.share[origin]
        of_origin = float(share.sum())
        due_s = departures_s(volume_vph * of_origin, rng)
        if len(due_s):
            goals = rng.choice(len(share), len(due_s), p=share / of_origin)
            trucks = rng.random(len(due_s)) < TRUCK_SHARE
            trips += zip(
                due_s.round(1).tolist(),
                [origin] * len(due_s),
                goals.tolist(),
                trucks.tolist(),
                strict=True,
            )
    trips.sort()
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<routes>\n'
    yield '    <vType id="car" vClass="passenger"/>\n    <vType id="truck" vClass="truck"/>\n'
    if buses:
        yield '    <vType id="bus" vClass="bus" maxSpeed="12.5"/>\n'
    ways: dict[tuple[int, int], str] = {}
    waiting = list(buses)
    for number, (at_s, origin, goal, truck) in enumerate(trips):
        while waiting and waiting[0][0] <= at_s:
            yield waiting.pop(0)[1]
        if (origin, goal) not in ways:
            roads = flows.route(streets, origin, goal)
            ways[origin, goal] = " ".join(link for r in roads for link in streets.roads[r].links)
        yield (
            f'    <vehicle id="v{number}" type="{"truck" if truck else "car"}" '
            f'depart="{at_s:.1f}" departLane="best" departSpeed="max">'
            f'<route edges="{ways[origin, goal]}"/></vehicle>\n'
        )
    yield from (line for _, line in waiting)
    yield "</routes>\n"
