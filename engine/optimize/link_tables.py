"""Link tables: what the offset between two adjacent signals costs at the stop lines between.

For every pair of signals that streams join, uniform delay is tabulated over the difference of
their offsets, all signals at one cycle, splits and sequences fixed. Departures of the upstream
signal, moved and dispersed, meet the service of the downstream lane in a vertical queue
(Robertson 1969, the TRANSYT method; the sum over links is Gartner, Little and Gabbay 1975).

Assumed: traffic arrives at the upstream signal uniformly, so platoons do not travel on through
it; the rest of a lane's arrivals, whatever comes from signals outside the group included, is
uniform too; permissive ways are served at their mean capacity throughout their green. Demand is
its mean over all periods. Not modeled: spillback, full turn pockets, stops, chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.measures import kernels
from engine.measures.evaluation import second_codes, usable
from engine.measures.street import Floats, Integers, Street
from engine.optimize import table_kernels
from network.errors import PlanError
from network.graph import RoadNetwork
from network.timing import TimingPlan

Edge = tuple[int, int, Floats]


@dataclass(frozen=True, slots=True)
class LinkTables:
    """Cost of offsets, pair by pair.

    Attributes
    ----------
    signals
        Names of the signals.
    cycle_s
        Their common cycle, s.
    tail, head
        [edge]: rows of the two signals of a pair, tail < head, every pair once.
    cost_veh_s
        [edge, d]: vehicle-seconds of uniform delay per cycle, each with its weight in the
        objective, both directions together, where the head's offset less the tail's is d modulo
        the cycle.
    lanes
        Stop lanes in the tables.
    oversaturated_lanes
        Lanes left out because more arrives than they can serve: there the offset decides
        little, and the queue has no cyclic state.
    """

    signals: tuple[str, ...]
    cycle_s: int
    tail: Integers
    head: Integers
    cost_veh_s: Floats
    lanes: int = 0
    oversaturated_lanes: int = 0

    def __post_init__(self) -> None:
        edges = self.tail.size
        if self.head.shape != (edges,) or self.cost_veh_s.shape != (edges, self.cycle_s):
            raise PlanError(
                f"link tables: {edges} tails, heads of shape {self.head.shape} and costs of shape "
                f"{self.cost_veh_s.shape} do not fit a cycle of {self.cycle_s} s"
            )
        if edges and not (
            self.tail.min() >= 0
            and (self.tail < self.head).all()
            and self.head.max() < len(self.signals)
        ):
            raise PlanError("link tables: an edge does not lead from a signal to a later one")
        if len(set(zip(self.tail.tolist(), self.head.tolist(), strict=True))) != edges:
            raise PlanError("link tables: a pair of signals has two tables")
        if not np.isfinite(self.cost_veh_s).all():
            raise PlanError("link tables: a cost is not a finite number")
        for array in (self.tail, self.head, self.cost_veh_s):
            array.setflags(write=False)

    def total_veh_s(self, offsets_s: Integers) -> float:
        """Return what offsets, one per signal, cost in vehicle-seconds per cycle."""
        differences = (offsets_s[self.head] - offsets_s[self.tail]) % self.cycle_s
        return float(self.cost_veh_s[np.arange(self.tail.size), differences].sum())

    @property
    def edge_minimum_veh_s(self) -> float:
        """What would be left if every pair could have its best difference, vehicle-seconds."""
        return float(self.cost_veh_s.min(axis=1, initial=np.inf).sum()) if self.tail.size else 0.0


def joined(
    signals: tuple[str, ...],
    cycle_s: int,
    edges: Iterable[Edge],
    lanes: int = 0,
    oversaturated_lanes: int = 0,
) -> LinkTables:
    """Sum edges, in either direction and any number per pair, into one table per pair.

    Parameters
    ----------
    signals, cycle_s, lanes, oversaturated_lanes
        As for `LinkTables`.
    edges
        Tail, head and costs over the head's offset less the tail's; tail and head differ.
    """
    sums: dict[tuple[int, int], Floats] = {}
    for tail, head, cost in edges:
        pair = (min(tail, head), max(tail, head))
        # Seen from the other end, difference d is difference -d.
        along = cost if tail < head else np.roll(cost[::-1], 1)
        sums[pair] = sums[pair] + along if pair in sums else along
    pairs = sorted(sums)
    return LinkTables(
        signals,
        cycle_s,
        np.array([tail for tail, _ in pairs], dtype=np.int32),
        np.array([head for _, head in pairs], dtype=np.int32),
        np.array([sums[pair] for pair in pairs], dtype=np.float64).reshape(len(pairs), cycle_s),
        lanes,
        oversaturated_lanes,
    )


def link_tables(
    street: Street,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    group: tuple[str, ...],
) -> LinkTables:
    """Tabulate the cost of offsets inside one coordination group.

    Parameters
    ----------
    street
        The street under its demand.
    network
        For the phases of its signals.
    plans
        A plan for every signal of the group, all at one cycle; their offsets do not matter.
    group
        The signals.

    Returns
    -------
    LinkTables
        Rows are the signals of the group in its order.

    Raises
    ------
    PlanError
        If a signal has no plan or no phases, or their cycles differ.
    """
    cycle_s = common_cycle_s(plans, group)
    row_of = {signal: row for row, signal in enumerate(group)}
    lane_signal = [
        row_of.get(street.signals[street.lanes.signal[way]], -1)
        for way in street.lanes.first_way[:-1]
    ]
    service = _lane_service(street, _way_service(street, network, plans, group, cycle_s))
    demand = street.lane_volume_vps
    platoons, share = _platoons(street, service, np.array(lane_signal, dtype=np.int32), cycle_s)
    fed: list[tuple[int, int, Floats, float]] = []
    rests: list[float] = []
    oversaturated: set[int] = set()
    for (upstream, approach), platoon in platoons.items():
        for lane in np.flatnonzero(street.lane_approach == approach):
            signal = lane_signal[lane]
            if signal < 0 or signal == upstream or demand[lane] <= kernels.TINY:
                continue
            if demand[lane] * cycle_s >= service[lane].sum():
                oversaturated.add(int(lane))
                continue
            part = demand[lane] / demand[street.lane_approach == approach].sum()
            expected = share[upstream, approach]
            fed.append((upstream, int(lane), platoon * part, expected * part))
            rests.append(max(0.0, demand[lane] - expected * part))
    costs = _costs([platoon for _, _, platoon, _ in fed], rests, [f[1] for f in fed], service)
    lanes = sorted({lane for _, lane, _, _ in fed})
    uniform = _costs([np.zeros(cycle_s)] * len(lanes), demand[lanes].tolist(), lanes, service)
    alone = dict(zip(lanes, uniform, strict=True))
    flow = dict.fromkeys(lanes, 0.0)
    for _, fed_lane, _, part in fed:
        flow[fed_lane] += part
    # A lane fed by several signals: each table holds its own platoon's effect and its part of
    # the delay under uniform arrivals, so that their sum holds that delay once.
    edges = [
        (
            upstream,
            lane_signal[lane],
            (cost - (1.0 - expected / flow[lane]) * alone[lane]) * street.prices.delay[lane],
        )
        for (upstream, lane, _, expected), cost in zip(fed, costs, strict=True)
    ]
    return joined(group, cycle_s, edges, len(lanes), len(oversaturated))


def common_cycle_s(plans: Mapping[str, TimingPlan], group: tuple[str, ...]) -> int:
    """Return the cycle of a group's plans, s; raise `PlanError` unless all others divide it."""
    missing = [signal for signal in group if signal not in plans]
    if missing:
        raise PlanError(f"link tables: no plan for {', '.join(missing)}")
    cycles = {plans[signal].cycle_s for signal in group}
    longest_s = max(cycles)
    if any(longest_s % cycle_s for cycle_s in cycles):
        raise PlanError(f"link tables: a group needs one cycle, found {sorted(cycles)} s")
    return longest_s


def _way_service(
    street: Street,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    group: tuple[str, ...],
    cycle_s: int,
) -> Floats:
    """Return, as `usable` does, [way, second after the offset's event]; 0 outside the group."""
    service = np.zeros((len(street.ways), cycle_s))
    for signal in group:
        plan, phasing = plans[signal], network.signals[signal].phasing
        if phasing is None:
            raise PlanError(f"link tables: signal {signal!r} has no phases")
        codes = second_codes(plan, phasing)
        event_s = plan.offset_s - plan.begin_s(phasing)
        ways = np.flatnonzero(street.lanes.signal == street.signals.index(signal))
        if not ways.size:
            continue
        shown = np.array([codes[:, list(street.ways[way].groups)].min(axis=1) for way in ways])
        driving = street.driving
        parts = usable(shown, driving.start_loss_s, driving.end_gain_s)
        service[ways] = np.tile(np.roll(parts, -event_s, axis=1), cycle_s // plan.cycle_s)
    return service


def _lane_service(street: Street, ways: Floats) -> Floats:
    """Return veh/s that each lane's mix of turns can depart, [lane, second]."""
    lanes = street.lanes
    service = np.zeros((len(street.lane_names), ways.shape[1]))
    first_way = lanes.first_way.tolist()
    busy = (street.way_volume_vps > kernels.TINY).tolist()
    opened, yields = np.any(ways != 0.0, axis=1), np.any(ways < 0.0, axis=1)
    for lane in range(len(service)):
        rows = [way for way in range(first_way[lane], first_way[lane + 1]) if busy[way]]
        # One turn that is never open closes the lane; so do all signals outside the group.
        if not rows or not all(opened[way] for way in rows):
            continue
        volume = street.lane_volume_vps[lane]
        share = street.way_volume_vps[rows] / volume
        rate = np.full(ways.shape[1], 1.0 / float((share / lanes.saturation_vps[rows]).sum()))
        for way, part in zip(rows, share, strict=True):
            if yields[way]:
                permissive = ways[way] < 0
                found = _permissive_vps(street, way, ways) / part
                rate[permissive] = np.minimum(rate[permissive], found)
            # First come first served: one closed turn closes the lane.
            rate[ways[way] == 0.0] = 0.0
        service[lane] = rate
    return service


def _permissive_vps(street: Street, way: int, ways: Floats) -> float:
    """Return the mean rate at which a yielding way is served in its permissive seconds, veh/s."""
    lanes, driving = street.lanes, street.driving
    permissive = ways[way] < 0
    on_lane: dict[int, float] = {}
    for foe in lanes.foe[lanes.first_foe[way] : lanes.first_foe[way + 1]]:
        open_s = np.count_nonzero(ways[foe])
        if open_s:
            # A foe passes in its own green only, part of which is ours.
            passing = street.way_volume_vps[foe] * permissive.size / open_s
            passing = min(passing, lanes.saturation_vps[foe])
            met = np.count_nonzero(permissive & (ways[foe] != 0.0)) / permissive.sum()
            lane = int(lanes.lane[foe])
            on_lane[lane] = on_lane.get(lane, 0.0) + float(passing * met)
    free = float(np.prod([max(0.0, 1.0 - driving.bunch_s * flow) for flow in on_lane.values()]))
    gaps = kernels.accepted_gaps(driving.critical_gap_s, driving.follow_up_s)
    step = min(int(sum(on_lane.values()) * kernels.GAP_STEPS_PER_VPS), gaps.size - 1)
    # Those inside the node clear it once a cycle, when their green ends.
    inside = lanes.box_veh[way] / permissive.sum()
    return float(min(free * gaps[step] + inside, lanes.saturation_vps[way]))


def _platoons(
    street: Street, service: Floats, lane_signal: Integers, cycle_s: int
) -> tuple[dict[tuple[int, int], Floats], dict[tuple[int, int], float]]:
    """Return what reaches approaches from signals of the group.

    Both results are keyed by upstream signal and approach: arrivals in veh/s per second after
    that signal's offset, and the flow the demand expects, veh/s. Lanes that are never served
    send nothing on.
    """
    lanes, streams = street.lanes, street.streams
    sent = np.zeros_like(service)
    table_kernels.departures(street.lane_volume_vps, service, sent)
    profiles: dict[tuple[int, int], Floats] = {}
    expected: dict[tuple[int, int], float] = {}
    for way, volume in enumerate(street.way_volume_vps):
        lane = lanes.lane[way]
        if lane_signal[lane] < 0 or volume <= kernels.TINY:
            continue
        key = (int(lane_signal[lane]), int(lanes.exit[way]))
        part = volume / street.lane_volume_vps[lane]
        profiles[key] = profiles.get(key, np.zeros(cycle_s)) + sent[lane] * part
        expected[key] = expected.get(key, 0.0) + float(volume)
    arrivals: dict[tuple[int, int], Floats] = {}
    flows: dict[tuple[int, int], float] = {}
    for (signal, exit_row), profile in sorted(profiles.items()):
        for stream in np.flatnonzero(streams.exit == exit_row):
            key = (signal, int(street.joined_to[streams.approach[stream]]))
            share = float(streams.share[stream])
            table_kernels.disperse(
                profile * share,
                int(streams.delay_s[stream]),
                float(streams.smoothing[stream]),
                arrivals.setdefault(key, np.zeros(cycle_s)),
            )
            flows[key] = flows.get(key, 0.0) + share * expected[signal, exit_row]
    return arrivals, flows


def _costs(platoons: list[Floats], rests: list[float], lanes: list[int], service: Floats) -> Floats:
    costs = np.zeros((len(lanes), service.shape[1]))
    if lanes:
        table_kernels.lane_costs(np.array(platoons), np.array(rests), service[lanes], costs)
    return costs
