"""A coordination group in its steady cycle: what plans cost, in microseconds a plan.

The queue model of `engine.measures.evaluation` plays an hour; this one solves one cycle of it.
It is for searching. What it leaves out (queues that block the junction behind them, demand that
changes within the hour) the hour-long model has, which judges the best plans found here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from engine.measures import batch, batch_kernels
from engine.measures import cyclic_kernels as kernels
from engine.measures.batch_kernels import Singles
from engine.measures.cyclic_kernels import CyclicArrays
from engine.measures.evaluation import second_codes, usable
from engine.measures.kernels import TINY, accepted_gaps
from engine.measures.objective import NO_LIMIT_S
from engine.measures.riders import Rider
from engine.measures.street import UNLIMITED_VEH, Floats, Integers, Street
from network.graph import RoadNetwork
from network.timing import TimingPlan

SWEEPS = 2
"""How often streets that feed each other in a loop are gone through."""

OVER_PRICE = 2.0
"""Price of a vehicle that stands beyond its lane's storage, in vehicles delayed: it holds up about
one more behind it, and then the street upstream."""


@dataclass(frozen=True, slots=True)
class CyclicGroup:
    """Signals under one cycle, as arrays.

    Attributes
    ----------
    street
        The street they are part of.
    signals
        Their names in row order.
    arrays
        For the kernels.
    lanes, ways
        Rows of the street's lanes and ways, by row of the arrays. Arrays have more lanes, one for
        each of the riders; those of their ways are the ways they take.
    riders
        Who rides in the queues of the lanes, `engine.measures.riders`.
    """

    street: Street
    signals: tuple[str, ...]
    arrays: CyclicArrays
    lanes: Integers
    ways: Integers
    riders: tuple[Rider, ...] = ()

    def lane_of(self, row: int) -> int:
        """Return the street's lane of a lane of the arrays: of a rider, the one it waits in."""
        beyond = row - self.lanes.size
        return int(self.lanes[row]) if beyond < 0 else self.riders[beyond].lane

    def ways_of(self, signal_id: str) -> Integers:
        """Return a signal's ways, as rows of the arrays."""
        row = self.signals.index(signal_id)
        return np.flatnonzero(self.arrays.way_signal == row).astype(np.int32)


def cyclic_group(street: Street, signals: Iterable[str]) -> CyclicGroup:
    """Lay out the signals of a coordination group.

    Parameters
    ----------
    street
        The street under its demand; the mean over its periods counts.
    signals
        The group. Traffic from other signals arrives evenly.

    Returns
    -------
    CyclicGroup
    """
    names = tuple(signals)
    row_of = {name: row for row, name in enumerate(street.signals)}
    number = {row_of[name]: row for row, name in enumerate(names)}
    ways = np.flatnonzero(np.isin(street.lanes.signal, list(number))).astype(np.int32)
    lanes = np.unique(street.lanes.lane[ways]).astype(np.int32)
    approaches = np.unique(street.lane_approach[lanes]).astype(np.int32)
    lane_at = {int(row): at for at, row in enumerate(lanes)}
    way_at = {int(row): at for at, row in enumerate(ways)}
    approach_at = {int(row): at for at, row in enumerate(approaches)}
    exits = sorted({int(street.lanes.exit[w]) for w in ways})
    exit_at = {row: at for at, row in enumerate(exits)}

    exit_vps = np.zeros(street.streams.exit_approach.size)
    np.add.at(exit_vps, street.lanes.exit, street.way_volume_vps)
    outside = np.zeros(len(street.approach_names))
    np.add.at(outside, street.joined_to, street.approaches.outside_vps.mean(axis=0))
    steady = outside[approaches]
    stream_approach = street.joined_to[street.streams.approach]
    inside: list[list[_Feeding]] = [[] for _ in approaches]
    for s in np.flatnonzero(np.isin(stream_approach, approaches)).tolist():
        at = approach_at[int(stream_approach[s])]
        x = int(street.streams.exit[s])
        share = float(street.streams.share[s])
        if x in exit_at:
            delay_s, smoothing = int(street.streams.delay_s[s]), float(street.streams.smoothing[s])
            inside[at].append(_Feeding(exit_at[x], share, delay_s, smoothing))
        else:
            steady[at] += share * exit_vps[x]
    sources: list[list[int]] = [[] for _ in exits]
    for way in ways.tolist():
        sources[exit_at[int(street.lanes.exit[way])]].append(way_at[way])
    foes = [
        [
            way_at[int(f)]
            for f in street.lanes.foe[street.lanes.first_foe[w] : street.lanes.first_foe[w + 1]]
            if int(f) in way_at
        ]
        for w in ways
    ]
    lane_ways = [
        [way_at[w] for w in range(street.lanes.first_way[row], street.lanes.first_way[row + 1])]
        for row in lanes
    ]
    lane_approach = [approach_at[int(street.lane_approach[row])] for row in lanes]
    volume = street.lane_volume_vps[lanes]
    whole = np.zeros(len(approaches))
    np.add.at(whole, lane_approach, volume)
    lane_share = np.where(
        whole[lane_approach] > 0, volume / np.maximum(whole[lane_approach], 1e-12), 0.0
    )
    lane_volume = street.lane_volume_vps[street.lanes.lane[ways]]
    way_vps = street.way_volume_vps[ways]

    # Those who ride in queues come last, each with an approach, a lane, a way and an exit.
    riding = [at for at, rider in enumerate(street.riders) if rider.signal in number]
    riders = [street.riders[at] for at in riding]
    rider_at = {at: row for row, at in enumerate(riding)}
    hosts = [lane_at[rider.lane] for rider in riders]
    flows = np.array([rider.flow_vps for rider in riders])
    for row, rider in enumerate(riders):
        before = rider_at.get(rider.before)
        steady = np.append(steady, rider.flow_vps if before is None else 0.0)
        feeding = _Feeding(len(exits) + (before or 0), 1.0, rider.delay_s, rider.smoothing)
        inside.append([] if before is None else [feeding])
        sources.append([len(ways) + row])
        foes.append(lane_ways[hosts[row]])
        lane_ways.append([len(ways) + row])
        lane_approach.append(len(approaches) + row)
    all_ways = np.append(ways, [rider.way for rider in riders]).astype(np.int32)
    streams = [stream for feeding in inside for stream in feeding]
    ones = np.ones(len(riders))
    arrays = CyclicArrays(
        _order(np.array(lane_approach), lane_ways, foes, inside, sources),
        steady,
        np.append(whole, flows),
        _firsts(inside),
        np.array([stream.exit for stream in streams], np.int32),
        np.array([stream.share for stream in streams], np.float64),
        np.array([stream.delay_s for stream in streams], np.int32),
        np.array([stream.smoothing for stream in streams], np.float64),
        _firsts(sources),
        np.array([w for found in sources for w in found], np.int32),
        np.array(lane_approach, np.int32),
        np.append(lane_share, ones),
        np.append(street.prices.limit_veh[lanes], UNLIMITED_VEH * ones),
        np.ones(len(lane_ways), np.int32),
        _firsts(lane_ways),
        np.append(
            [lane_at[int(street.lanes.lane[w])] for w in ways], len(lanes) + np.arange(len(riders))
        ).astype(np.int32),
        np.array([number[int(street.lanes.signal[w])] for w in all_ways], np.int32),
        np.append(np.where(lane_volume > 0, way_vps / np.maximum(lane_volume, 1e-12), 0.0), ones),
        np.append(way_vps, flows),
        1.0 / street.lanes.saturation_vps[all_ways],
        np.append(street.lanes.box_veh[ways], 0.0 * ones),
        _firsts(foes),
        np.array([f for found in foes for f in found], np.int32),
        np.append(np.full(len(lanes), -1), hosts).astype(np.int32),
    )
    return CyclicGroup(street, names, arrays, lanes, all_ways, tuple(riders))


class _Feeding(NamedTuple):
    """Traffic from an exit of the group to one of its approaches."""

    exit: int
    share: float
    delay_s: int
    smoothing: float


class CyclicTables:
    """Plans of a group, ready for the kernel; replaced signal by signal.

    Parameters
    ----------
    group
        The group.
    network
        For the phases of its signals.
    cycle_s
        The common cycle; a signal's own must divide it.
    """

    def __init__(self, group: CyclicGroup, network: RoadNetwork, cycle_s: int) -> None:
        self.group = group
        self.cycle_s = cycle_s
        arrays = group.arrays
        self.service = np.zeros((arrays.way_lane.size, cycle_s))
        self.begin_s = np.zeros(len(group.signals), np.int32)
        self._network = network
        self._ways = {name: group.ways_of(name) for name in group.signals}
        self.inflow = np.zeros((arrays.steady_vps.size, cycle_s))
        self.departures = np.zeros_like(self.service)
        self.results = np.zeros((arrays.storage_veh.size, kernels.RESULTS))
        self._fading = fading(arrays, cycle_s)
        self._manners = manners_of(group.street)
        self._weights = cost_weights(group)

    def set(self, plan: TimingPlan) -> None:
        """Lay one signal's plan into the tables."""
        signal = self._network.signals[plan.signal_id]
        assert signal.phasing is not None
        ways = self._ways[plan.signal_id]
        self.service[ways] = way_service(self.group, self._network, plan, self.cycle_s)
        self.begin_s[self.group.signals.index(plan.signal_id)] = plan.begin_s(signal.phasing)
        for lane in np.unique(self.group.arrays.way_lane[ways]):
            self.group.arrays.kind[lane] = kind_of(self.group, int(lane), self.service)

    def solve(self) -> Floats:
        """Solve the cycle; the results per lane, as the kernel has them."""
        kernels.profile(
            self.group.arrays,
            self._fading,
            self.service,
            self.begin_s,
            self._manners,
            self.inflow,
            self.departures,
            self.results,
        )
        return self.results

    def costs(self, begin_s: Integers) -> Floats:
        """Cost plans that differ only in when the signals' tables begin, [plan, signal]."""
        costs = np.empty(len(begin_s))
        kernels.plan_costs(
            self.group.arrays,
            self._fading,
            self.service,
            begin_s,
            self._manners,
            self._weights,
            (self.inflow, self.departures),
            self.results,
            costs,
        )
        return costs

    def cost(self) -> float:
        """Return what the plans cost, vehicle-seconds per second."""
        return float(kernels.total_cost(self.solve(), self.cycle_s, self._weights))


def cyclic_cost(
    street: Street, network: RoadNetwork, plans: Mapping[str, TimingPlan], group: tuple[str, ...]
) -> float:
    """Return what the plans of a group cost in their steady cycle.

    Parameters
    ----------
    street, network
        The roads and their demand.
    plans
        By signal; the longest cycle of the group must be a multiple of every other.
    group
        The signals.

    Returns
    -------
    float
        Vehicle-seconds per second.
    """
    cycle_s = max(plans[name].cycle_s for name in group)
    tables = CyclicTables(cyclic_group(street, group), network, cycle_s)
    for name in group:
        tables.set(plans[name])
    return tables.cost()


def way_service(group: CyclicGroup, network: RoadNetwork, plan: TimingPlan, cycle_s: int) -> Floats:
    """Return the usable part of every second of the common cycle for a signal's ways.

    Parameters
    ----------
    group, network, plan
        The signal's group, its phases and its plan.
    cycle_s
        The common cycle, a multiple of the plan's own.

    Returns
    -------
    ndarray
        [way of the signal, second], from the plan's own beginning on.
    """
    phasing = network.signals[plan.signal_id].phasing
    assert phasing is not None
    codes = second_codes(plan, phasing)
    driving = group.street.driving
    rows = group.ways[group.ways_of(plan.signal_id)]
    table = np.array(
        [
            usable(
                codes[:, list(group.street.ways[row].groups)].min(axis=1),
                driving.start_loss_s,
                driving.end_gain_s,
            )
            for row in rows
        ]
    )
    return np.tile(table, (1, cycle_s // plan.cycle_s))


def kind_of(group: CyclicGroup, lane: int, service: NDArray[np.floating[Any]]) -> int:
    """Return which of the kernels' kinds a lane is under a service table.

    Parameters
    ----------
    group, lane
        The lane, as a row of the group's arrays.
    service
        [way, second], as `way_service` has it.
    """
    arrays = group.arrays
    rows = [
        w
        for w in range(arrays.first_way[lane], arrays.first_way[lane + 1])
        if arrays.way_share[w] > TINY
    ]
    if not rows:
        return kernels.PLAIN
    yields = bool((service[rows] < 0).any())
    if len(rows) == 1:
        return kernels.YIELDS if yields else kernels.PLAIN
    apart = bool((service[rows] != service[rows[0]]).any())
    return kernels.MIXED if yields or apart else kernels.PLAIN


def manners_of(street: Street) -> tuple[Floats, float, float]:
    """Return the driver behavior that the kernels need: gaps accepted, bunches, slack."""
    driving = street.driving
    table = accepted_gaps(driving.critical_gap_s, driving.follow_up_s)
    return table, driving.bunch_s, driving.slack_veh


def single_manners(street: Street) -> tuple[Singles, float, float]:
    """Return `manners_of` with the table in single precision."""
    table, bunch_s, slack_veh = manners_of(street)
    return table.astype(np.float32), bunch_s, slack_veh


def fading(arrays: CyclicArrays, cycle_s: int) -> Floats:
    """Return what is left of a platoon's tail, [stream, second]."""
    keep = 1.0 - arrays.stream_smoothing
    found: Floats = np.power(keep[:, None], np.arange(1, cycle_s + 1)[None, :])
    return found


def cost_weights(group: CyclicGroup) -> Floats:
    """Return what the street's objective makes of a group's lanes, for `total_cost`.

    Blocking back, which this model does not play, costs `OVER_PRICE` beside the engineer's price.
    """
    street, lanes = group.street, group.lanes
    prices = street.prices
    every = np.zeros((lanes.size + len(group.riders), kernels.WEIGHTS))
    every[:, kernels.PERIOD_S] = street.horizon_s
    every[:, kernels.WAIT_S] = NO_LIMIT_S
    weights = every[: lanes.size]
    weights[:, kernels.DELAY] = prices.delay[lanes]
    weights[:, kernels.STOP_S] = prices.stop_s[lanes]
    weights[:, kernels.OVER_PRICE] = OVER_PRICE + prices.over[lanes]
    weights[:, kernels.LIMIT_VEH] = prices.limit_veh[lanes]
    weights[:, kernels.GROWING] = np.where(prices.over > 0, OVER_PRICE + prices.over, 0.0)[lanes]
    weights[:, kernels.WAIT_S] = prices.wait_s[lanes]
    weights[:, kernels.UNFAIR] = prices.unfair[lanes]
    for row, rider in enumerate(group.riders, lanes.size):
        stop_s = street.objective.stop_s(street.driving.stop_cost_s, prices.speed_mps)[rider.lane]
        every[row, kernels.LIMIT_VEH] = UNLIMITED_VEH
        every[row, kernels.DELAY] = rider.persons
        every[row, kernels.STOP_S] = rider.persons * stop_s
        # What chance and oversaturation do to the queue, they do to who rides in it.
        volume = street.lane_volume_vps[rider.lane]
        host = group.arrays.rides[row]
        every[host, kernels.RIDING] += rider.persons * rider.flow_vps / max(volume, 1e-12)
    return every


def _order(
    lane_approach: Integers,
    lane_ways: list[list[int]],
    foes: list[list[int]],
    inside: list[list[_Feeding]],
    sources: list[list[int]],
) -> Integers:
    """Return approaches and lanes so that what feeds comes before what is fed.

    Where they feed each other in a loop, the loop is gone through several times.
    """
    approaches = len(inside)
    lane_of = {way: lane for lane, found in enumerate(lane_ways) for way in found}
    fed = nx.DiGraph()
    fed.add_nodes_from(range(approaches + len(lane_ways)))
    for lane, a in enumerate(lane_approach):
        fed.add_edge(int(a), approaches + lane)
        for way in lane_ways[lane]:
            fed.add_edges_from((approaches + lane_of[f], approaches + lane) for f in foes[way])
    for a, streams in enumerate(inside):
        for stream in streams:
            for way in sources[stream.exit]:
                fed.add_edge(approaches + lane_of[way], a)
    fed.remove_edges_from(list(nx.selfloop_edges(fed)))
    order: list[int] = []
    loops = nx.condensation(fed)
    for part in nx.topological_sort(loops):
        members = sorted(loops.nodes[part]["members"])
        if len(members) == 1:
            order += members
            continue
        inner = fed.subgraph(members)
        begin = max(members, key=lambda node: (inner.out_degree(node), -node))
        line = list(nx.dfs_postorder_nodes(inner, begin))[::-1]
        order += line * SWEEPS
    return np.array(order, np.int32)


def _firsts(lists: Sequence[Sequence[object]]) -> Integers:
    return np.concatenate([[0], np.cumsum([len(found) for found in lists])]).astype(np.int32)


class CyclicBatch:
    """Many plans of a group at once: per signal a few programs, and any offsets.

    Parameters
    ----------
    group, network
        The group and the phases of its signals.
    cycle_s
        The common cycle.
    programs
        By signal, plans that differ in splits and sequence; equally many for every signal is not
        needed. Their offsets do not count.
    """

    def __init__(
        self,
        group: CyclicGroup,
        network: RoadNetwork,
        cycle_s: int,
        programs: Mapping[str, Sequence[TimingPlan]],
    ) -> None:
        self.group = group
        self.cycle_s = cycle_s
        most = max(len(plans) for plans in programs.values())
        arrays = group.arrays
        self._programs = batch.empty_programs(arrays, most, cycle_s)
        self._begin_s = np.zeros((most, len(group.signals)), np.int32)
        for row, name in enumerate(group.signals):
            phasing = network.signals[name].phasing
            assert phasing is not None
            ways = group.ways_of(name)
            lanes = np.unique(arrays.way_lane[ways]).astype(np.int32)
            for number, plan in enumerate(programs[name]):
                service = way_service(group, network, plan, cycle_s)
                assert np.isin(service, (-1, 0, 1)).all(), "a second is usable whole or not at all"
                shown = service.astype(np.int8)
                batch_kernels.write_tables(arrays, self._programs, number, ways, lanes, shown, 0)
                self._begin_s[number, row] = plan.begin_s(phasing) - plan.offset_s
        self._part = batch.whole_part(arrays, cycle_s)
        self._room = batch.working_room(arrays, cycle_s)
        self._fading = fading(arrays, cycle_s).astype(np.float32)
        self._manners = single_manners(group.street)
        self._weights = cost_weights(group)

    def costs(self, program: Integers, offset_s: Integers) -> Floats:
        """Cost plans.

        Parameters
        ----------
        program, offset_s
            [plan, signal]: number of a signal's program, and its offset, s.

        Returns
        -------
        ndarray
            [plan], vehicle-seconds per second, in single precision.
        """
        rows = np.arange(len(self.group.signals))
        begin_s = (self._begin_s[program, rows] + offset_s) % self.cycle_s
        costs = np.empty(len(program))
        batch_kernels.batch_costs(
            self.group.arrays,
            self._part,
            self._programs,
            self._fading,
            program.astype(np.int32),
            begin_s.astype(np.int32),
            self._manners,
            self._weights,
            self._room,
            costs,
        )
        return costs
