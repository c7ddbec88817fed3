"""The street as arrays: lanes, gates, approaches and streams, ready for the queue kernel.

*Stop lanes* end at a signal. Behind them, where the road has fewer lanes, lies a *gate*: a lane
from which vehicles spread over several stop lanes, first come first served, so that one full
turn pocket holds up its neighbors. An *approach* is everything between a stop line and the
signals upstream of it. *Streams* carry what leaves one signal to an approach of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.measures.objective import LanePrices, Objective, lane_prices
from engine.measures.riders import Rider, riders_of
from engine.measures.streams import Pace, Stream, fit_streams
from network.errors import InsufficientDataError
from network.graph import Connection, RoadNetwork

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

UNLIMITED_VEH = 1e9
LEVELING_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Driving:
    """How vehicles fill and leave a street: one set for a network, and what was measured of parts.

    The defaults were fitted to the default drivers of SUMO 1.28: they bring predicted and
    simulated delays of 150 random lawful plans on cologne1, cologne3, cologne8, grid4x4 and
    ingolstadt7 closest in rank and in logarithm; ``benchmarks/fidelity.py`` shows how close. The
    cost of a stop is lower than the fit's 6.9 s: it is what the optimizer's plans did best with.

    Attributes
    ----------
    reaction_s
        Headway at the stop line beyond the time to roll one vehicle's spacing, s.
    spacing_m
        Front to front in a standing queue, m.
    discharge_mps
        Greatest speed at which a queue crosses the stop line, m/s.
    start_loss_s, end_gain_s
        Green not used after it begins; yellow used after green ends, s.
    speed_variation
        Standard deviation of free speeds over their mean; makes platoons disperse.
    critical_gap_s, follow_up_s
        Gap a yielding driver needs in the opposing stream, and the time to the next who uses
        the same gap, s. HCM 2010 gives 4.5 and 2.5 s for permitted left turns.
    bunch_s
        Least headway inside the opposing stream of one lane, s.
    slack_veh
        Vehicles of a blocked turn that come to the head of a lane before the lane is blocked.
    box_part
        Part of the way to the waiting place inside the node that fills with waiting vehicles.
    stop_cost_s
        Time lost by slowing down and speeding up at a stop, beyond standing, s.
    headway_s
        By connection, saturation headway where it was measured, s.
    time_part, variation
        By link, as in `engine.measures.streams.Pace`, where it was measured.
    """

    reaction_s: float = 1.23
    spacing_m: float = 7.5
    discharge_mps: float = 13.9
    start_loss_s: int = 1
    end_gain_s: int = 0
    speed_variation: float = 0.25
    critical_gap_s: float = 5.9
    follow_up_s: float = 3.4
    bunch_s: float = 1.1
    slack_veh: float = 0.15
    box_part: float = 0.9
    stop_cost_s: float = 3.0
    headway_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    time_part: Mapping[str, float] = field(default_factory=dict, hash=False)
    variation: Mapping[str, float] = field(default_factory=dict, hash=False)

    def saturation_vps(self, speed_mps: float) -> float:
        """Saturation flow of one lane over a way of that speed, veh/s."""
        return 1.0 / (self.reaction_s + self.spacing_m / min(speed_mps, self.discharge_mps))

    def way_headway_s(self, way: Connection) -> float:
        """Saturation headway of a connection: as measured, else by its speed, s."""
        measured = self.headway_s.get(way.connection_id)
        return 1.0 / self.saturation_vps(way.speed_mps) if measured is None else measured

    @property
    def pace(self) -> Pace:
        """How links are run."""
        return Pace(self.speed_variation, self.time_part, self.variation)


class LaneArrays(NamedTuple):
    """Stop lanes and their turns ("ways"), one row per lane or per way.

    Ways are ordered by lane; lane l owns ways ``first_way[l]`` to ``first_way[l + 1]``.
    """

    first_way: Integers
    storage_veh: Floats
    lane: Integers  # per way
    signal: Integers  # per way
    share: Floats  # [period, way], of its lane's traffic
    saturation_vps: Floats  # per way
    box_veh: Floats  # per way, room to wait inside the node
    exit: Integers  # per way, exit link it departs to
    first_foe: Integers  # per way, into foe
    foe: Integers  # ways to give way to
    limit_veh: Floats  # per lane, queue beyond which the objective prices it


class ApproachArrays(NamedTuple):
    """Approaches and their gates.

    Approach a owns gates ``first_gate[a]`` to ``first_gate[a + 1]``; gate g spreads over the
    lanes ``gate_lane[first_lane[g]:first_lane[g + 1]]``.
    """

    first_gate: Integers
    storage_veh: Floats  # per approach, standing vehicles between stop line and signals upstream
    outside_vps: Floats  # [period, approach] traffic that passed no signal
    gate_share: Floats  # [period, gate], of its approach's traffic
    gate_rate_vps: Floats  # per gate
    first_lane: Integers
    gate_lane: Integers
    lane_share: Floats  # [period, gate-lane pair], of the gate's traffic


class StreamArrays(NamedTuple):
    """Streams between signals."""

    exit: Integers
    approach: Integers
    share: Floats
    delay_s: Integers
    smoothing: Floats
    exit_approach: Integers  # per exit, the approach it blocks when full, or -1
    rider_lane: Integers  # per rider, the lane in whose queue it waits
    rider_way: Integers
    rider_approach: Integers
    rider_before: Integers  # the same line's rider at the signal before, or -1
    rider_vps: Floats  # what comes where there is none before
    rider_delay_s: Integers
    rider_smoothing: Floats


@dataclass(frozen=True, slots=True)
class Street:
    """A network under a demand, as arrays.

    Attributes
    ----------
    signals
        Names of the signals in row order of `LaneArrays.signal`.
    lanes, approaches, streams
        The arrays.
    lane_names, lane_approach
        Name of each stop lane; row of its approach.
    approach_names
        Name (link) of each approach.
    ways
        The connection of each way; where several of a lane lead to the same link under the same
        aspects, the first of them.
    lane_volume_vps, way_volume_vps
        Mean demand of each stop lane and of each way, veh/s.
    period_s
        Length of a demand period, s.
    stream_table
        The streams with names, for explanation and drawing.
    driving, objective
        How vehicles drive, and what is wanted.
    prices
        What the objective makes of each stop lane.
    riders
        Buses, where the objective counts their passengers.
    """

    signals: tuple[str, ...]
    lanes: LaneArrays
    approaches: ApproachArrays
    streams: StreamArrays
    lane_names: tuple[str, ...]
    lane_approach: Integers
    approach_names: tuple[str, ...]
    ways: tuple[Connection, ...]
    lane_volume_vps: Floats
    way_volume_vps: Floats
    period_s: int
    stream_table: tuple[Stream, ...]
    driving: Driving
    objective: Objective
    prices: LanePrices
    riders: tuple[Rider, ...] = ()

    @property
    def horizon_s(self) -> int:
        """Length of the demand, s."""
        return self.period_s * len(self.approaches.outside_vps)


def build_street(
    network: RoadNetwork,
    movement_vph: Mapping[str, Floats],
    period_s: int,
    driving: Driving | None = None,
    lane_shares: Mapping[str, float] | None = None,
    objective: Objective | None = None,
) -> Street:
    """Lay a demand over a network.

    Parameters
    ----------
    network
        The roads.
    movement_vph
        Flow of each movement in each period, veh/h; movements not named carry nothing.
    period_s
        Length of a period, s.
    driving
        Driver behavior; the defaults by default.
    lane_shares
        Part of its movement's flow that each connection carries, where lanes were counted.
        Movements without are spread by `assign_lanes`.
    objective
        What is wanted of plans; little delay by default.

    Returns
    -------
    Street

    Raises
    ------
    InsufficientDataError
        If no movement carries anything, or a flow is missing or negative.
    """
    driving = driving or Driving()
    flows = {
        name: np.asarray(movement_vph[name], dtype=np.float64)
        if name in movement_vph
        else np.zeros(1)
        for name in network.movements
    }
    periods = max([1, *(values.size for values in flows.values())])
    for name, values in flows.items():
        countable = (values >= 0) & (values < np.inf)
        if values.shape not in ((1,), (periods,)) or not countable.all():
            raise InsufficientDataError(
                f"movement {name!r}: flows {values.tolist()} veh/h; needed are {periods} numbers "
                "of 0 or more, or one for all periods"
            )
    flows = {name: np.broadcast_to(values, (periods,)) for name, values in flows.items()}
    mean_vph = {name: float(values.mean()) for name, values in flows.items()}
    if not any(value > 0 for value in mean_vph.values()):
        raise InsufficientDataError("no movement of the network carries any traffic")
    stream_table, outside = fit_streams(network, mean_vph, driving.pace)
    by_connection = _flows_by_period(network, flows, periods, driving, lane_shares or {})
    builder = _Builder(network, driving, by_connection, objective or Objective())
    outside_vps = np.zeros((periods, len(builder.approach_names)))
    row_of = {link: a for a, link in enumerate(builder.approach_names)}
    for movement in network.movements.values():
        if movement.from_link in row_of:
            outside_vps[:, row_of[movement.from_link]] += flows[movement.movement_id] / 3600.0
    outside_vps *= [outside.get(link, 1.0) for link in builder.approach_names]
    return builder.street(stream_table, outside_vps, period_s)


def _flows_by_period(
    network: RoadNetwork,
    flows: Mapping[str, Floats],
    periods: int,
    driving: Driving,
    lane_shares: Mapping[str, float],
) -> dict[str, Floats]:
    """Lane choice follows the mean flows; what each lane carries follows its movement."""
    mean_vph = {name: float(values.mean()) for name, values in flows.items()}
    by_connection = assign_lanes(network, mean_vph, driving, lane_shares)
    result: dict[str, Floats] = {}
    for movement in network.movements.values():
        mean = mean_vph[movement.movement_id]
        profile = flows[movement.movement_id] / mean if mean > 0 else np.zeros(periods)
        for connection in movement.connections:
            result[connection.connection_id] = (
                by_connection.get(connection.connection_id, 0.0) * profile
            )
    return result


def assign_lanes(
    network: RoadNetwork,
    mean_vph: Mapping[str, float],
    driving: Driving,
    lane_shares: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Spread movements over lanes: as counted, else so that lanes are equally busy.

    Parameters
    ----------
    network
        The roads.
    mean_vph
        Flow of each movement, veh/h.
    driving
        For the time each vehicle takes at the stop line.
    lane_shares
        As for `build_street`.

    Returns
    -------
    dict
        Flow of each signalized connection, veh/h.
    """
    busy: dict[tuple[str, int], float] = {}
    flows: dict[str, float] = {}
    counted: set[str] = set()
    for movement in network.movements.values():
        ids = [c.connection_id for c in movement.connections]
        if lane_shares and all(name in lane_shares for name in ids):
            counted.add(movement.movement_id)
            for c in movement.connections:
                flow = mean_vph.get(movement.movement_id, 0.0) * lane_shares[c.connection_id]
                flows[c.connection_id] = flow
                lane = (c.from_link, c.from_lane)
                busy[lane] = busy.get(lane, 0.0) + flow * driving.way_headway_s(c)
    options = {
        movement.movement_id: [
            c
            for c in movement.connections
            if c.from_lane in network.links[c.from_link].general_lanes
        ]
        or list(movement.connections)
        for movement in network.movements.values()
        if movement.movement_id not in counted
    }
    for _ in range(LEVELING_ROUNDS):
        for name, connections in options.items():
            for connection in connections:
                lane = (connection.from_link, connection.from_lane)
                busy[lane] = busy.get(lane, 0.0) - flows.get(
                    connection.connection_id, 0.0
                ) * driving.way_headway_s(connection)
            parts = _level(
                mean_vph.get(name, 0.0),
                [busy[c.from_link, c.from_lane] for c in connections],
                [driving.way_headway_s(c) for c in connections],
            )
            for connection, part in zip(connections, parts, strict=True):
                lane = (connection.from_link, connection.from_lane)
                busy[lane] += part * driving.way_headway_s(connection)
                flows[connection.connection_id] = part
    return flows


def _level(flow: float, busy: list[float], headways: list[float]) -> list[float]:
    """Pour a flow into vessels filled to `busy` so that the level rises evenly."""
    order = sorted(range(len(busy)), key=lambda i: (busy[i], i))
    for used in range(len(order), 0, -1):
        chosen = order[:used]
        # level L with sum((L - busy_i) / headway_i) = flow
        weight = sum(1.0 / headways[i] for i in chosen)
        level = (flow + sum(busy[i] / headways[i] for i in chosen)) / weight
        if level >= busy[chosen[-1]] - 1e-12:
            return [
                max(0.0, (level - busy[i]) / headways[i]) if i in chosen else 0.0
                for i in range(len(busy))
            ]
    return [0.0] * len(busy)


class _Builder:
    """Collects rows while the street is laid out."""

    def __init__(
        self,
        network: RoadNetwork,
        driving: Driving,
        lane_flows: Mapping[str, Floats],
        objective: Objective,
    ) -> None:
        self.network = network
        self.driving = driving
        self.objective = objective
        self.flows = lane_flows
        self.signals = tuple(network.signals)
        self.approach_names = tuple(sorted({m.from_link for m in network.movements.values()}))
        self.exit_names = tuple(sorted({m.to_link for m in network.movements.values()}))
        by_lane: dict[tuple[str, int], list[Connection]] = {}
        for movement in network.movements.values():
            for connection in movement.connections:
                key = (connection.from_link, connection.from_lane)
                by_lane.setdefault(key, []).append(connection)
        self.signal_of = {
            connection.connection_id: signal.signal_id
            for signal in network.signals.values()
            for connection in signal.connections
        }
        self.alike = {
            key: self._alike(sorted(ways, key=lambda c: c.connection_id))
            for key, ways in sorted(by_lane.items())
        }
        self.by_lane = {key: [alike[0] for alike in ways] for key, ways in self.alike.items()}
        self.lane_row = {key: row for row, key in enumerate(self.by_lane)}

    def _alike(self, connections: list[Connection]) -> list[list[Connection]]:
        """Join connections of a lane that lead to the same link at the same times."""
        kinds: dict[tuple[str, tuple[str, ...]], list[Connection]] = {}
        for connection in connections:
            phasing = self.network.signals[self.signal_of[connection.connection_id]].phasing
            shown = tuple(
                "".join(phase.aspects[group] for group in connection.groups)
                for phase in (phasing.phases if phasing else ())
            )
            kinds.setdefault((connection.to_link, shown), []).append(connection)
        return list(kinds.values())

    def street(
        self, stream_table: tuple[Stream, ...], outside_vps: Floats, period_s: int
    ) -> Street:
        ways = tuple(way for lane in self.by_lane.values() for way in lane)
        flows = np.array(
            [
                sum(self.flows[connection.connection_id] for connection in alike) / 3600.0
                for lane in self.alike.values()
                for alike in lane
            ]
        ).T
        first = _firsts([len(lane) for lane in self.by_lane.values()])
        volume = np.add.reduceat(flows, first[:-1], axis=1)
        lanes, approaches = self._gates_and_lanes(ways, flows, volume, outside_vps)
        lane_approach = np.array(
            [self.approach_names.index(link) for link, _ in self.by_lane], dtype=np.int32
        )
        prices = self._prices(ways, flows.mean(axis=0), lanes, approaches, lane_approach)
        riders = riders_of(
            self.network, ways, lanes.lane.tolist(), lanes.signal.tolist(), self.driving.pace,
            self.objective,
        )  # fmt: skip
        return Street(
            self.signals,
            lanes._replace(limit_veh=np.where(prices.over > 0, prices.limit_veh, UNLIMITED_VEH)),
            approaches,
            self._streams(stream_table, riders, lane_approach),
            tuple(f"{link}_{lane}" for link, lane in self.by_lane),
            lane_approach,
            self.approach_names,
            ways,
            volume.mean(axis=0),
            flows.mean(axis=0),
            period_s,
            stream_table,
            self.driving,
            self.objective,
            prices,
            riders,
        )

    def _prices(
        self,
        ways: tuple[Connection, ...],
        way_vps: Floats,
        lanes: LaneArrays,
        approaches: ApproachArrays,
        lane_approach: Integers,
    ) -> LanePrices:
        """Price the lanes; the lanes of an approach have equal parts of its room."""
        movement_of = {
            connection.connection_id: movement.movement_id
            for movement in self.network.movements.values()
            for connection in movement.connections
        }
        beside = np.bincount(lane_approach, minlength=len(self.approach_names))
        room_veh = (approaches.storage_veh / np.maximum(beside, 1))[lane_approach]
        speeds = [self.network.links[link].speed_mps for link, _ in self.by_lane]
        return lane_prices(
            self.objective,
            [(movement_of[way.connection_id], way.from_link) for way in ways],
            way_vps,
            lanes.lane,
            lanes.storage_veh,
            np.minimum(lanes.storage_veh, room_veh),
            np.minimum(np.array(speeds), self.driving.discharge_mps),
            self.driving.stop_cost_s,
        )

    def _lanes(
        self, ways: tuple[Connection, ...], flows: Floats, storage_veh: list[float]
    ) -> LaneArrays:
        signal_row = {name: row for row, name in enumerate(self.signals)}
        exit_row = {name: row for row, name in enumerate(self.exit_names)}
        joined = [alike for lane in self.alike.values() for alike in lane]
        row_of = {c.connection_id: row for row, alike in enumerate(joined) for c in alike}
        foes = [
            sorted({row_of[foe] for c in alike for foe in c.yields_to if foe in row_of} - {row})
            for row, alike in enumerate(joined)
        ]
        first = _firsts([len(lane) for lane in self.by_lane.values()])
        shares = [
            share
            for begin, end in pairwise(first.tolist())
            for share in _shares(list(flows[:, begin:end].T))
        ]
        return LaneArrays(
            first,
            np.array(storage_veh),
            np.array([self.lane_row[w.from_link, w.from_lane] for w in ways], dtype=np.int32),
            np.array([signal_row[self.signal_of[w.connection_id]] for w in ways], dtype=np.int32),
            np.array(shares).T.copy(),
            1.0 / np.array([self.driving.way_headway_s(way) for way in ways]),
            np.array([self._box(way) for way in ways]),
            np.array([exit_row[way.to_link] for way in ways], dtype=np.int32),
            _firsts([len(found) for found in foes]),
            np.array([foe for found in foes for foe in found], dtype=np.int32),
            np.array(storage_veh),
        )

    def _box(self, way: Connection) -> float:
        """Vehicles that can wait inside the node for a gap."""
        return float(self.driving.box_part * way.wait_m / self.driving.spacing_m)

    def _gates_and_lanes(
        self,
        ways: tuple[Connection, ...],
        flows: Floats,
        volume: Floats,
        outside_vps: Floats,
    ) -> tuple[LaneArrays, ApproachArrays]:
        storage_veh = [0.0] * len(self.by_lane)
        gates_per_approach: list[int] = []
        gate_share: list[Floats] = []
        gate_rate: list[float] = []
        lanes_per_gate: list[int] = []
        gate_lane: list[int] = []
        lane_share: list[Floats] = []
        approach_storage: list[float] = []
        lanes_of: dict[str, list[int]] = {}
        for name, lane in self.by_lane:
            lanes_of.setdefault(name, []).append(lane)
        for link in self.approach_names:
            lanes = lanes_of.get(link, [])
            reach_m, mapping = self._upstream(link, lanes)
            gates = sorted({gate for found in mapping.values() for gate in found})
            for lane in lanes:
                row = self.lane_row[link, lane]
                storage_veh[row] = max(1.0, reach_m / self.driving.spacing_m)
                if len(gates) == len(lanes):
                    storage_veh[row] = UNLIMITED_VEH
            gates_per_approach.append(len(gates))
            through: list[Floats] = []
            for gate in gates:
                fed = [lane for lane in lanes if gate in mapping[lane]]
                parts = [volume[:, self.lane_row[link, lane]] / len(mapping[lane]) for lane in fed]
                through.append(np.sum(parts, axis=0))
                lane_share.extend(_shares(parts))
                gate_rate.append(
                    UNLIMITED_VEH if len(fed) == 1 else self.driving.saturation_vps(1e3)
                )
                lanes_per_gate.append(len(fed))
                gate_lane.extend(self.lane_row[link, lane] for lane in fed)
            gate_share.extend(_shares(through))
            approach_storage.append(self._storage(link))
        approaches = ApproachArrays(
            _firsts(gates_per_approach),
            np.array(approach_storage),
            outside_vps,
            np.array(gate_share).T.copy(),
            np.array(gate_rate),
            _firsts(lanes_per_gate),
            np.array(gate_lane, dtype=np.int32),
            np.array(lane_share).T.copy(),
        )
        return self._lanes(ways, flows, storage_veh), approaches

    def _upstream(
        self, link: str, lanes: list[int]
    ) -> tuple[float, dict[int, frozenset[tuple[str, int]]]]:
        """Go upstream while every lane stays a lane of its own.

        Returns the length of road over which the stop lanes are separate, m, and for each stop
        lane the upstream lanes that feed it where they no longer are.
        """
        reach_m = self.network.links[link].length_m
        origin = {lane: (link, lane) for lane in lanes}
        exits = set(self.exit_names)
        seen: set[str] = set()
        while True:
            current = {place[0] for place in origin.values()}
            if current & exits or current & seen:
                return reach_m, {lane: frozenset([origin[lane]]) for lane in lanes}
            seen |= current
            feeders: dict[int, set[tuple[str, int]]] = {lane: set() for lane in lanes}
            for lane in lanes:
                at_link, at_lane = origin[lane]
                for connection in self.network.turns_into[at_link]:
                    if connection.to_lane == at_lane and connection.turn != "t":
                        feeders[lane].add((connection.from_link, connection.from_lane))
            found = [place for places in feeders.values() for place in places]
            if len({place[0] for place in found}) != 1:
                # The road begins or several roads join: lanes are separate up to here.
                return reach_m, {lane: frozenset([origin[lane]]) for lane in lanes}
            if len(found) != len(set(found)) or any(len(f) != 1 for f in feeders.values()):
                return reach_m, {
                    lane: frozenset(places or {origin[lane]}) for lane, places in feeders.items()
                }
            origin = {lane: next(iter(places)) for lane, places in feeders.items()}
            reach_m += self.network.links[found[0][0]].length_m

    def _storage(self, link: str) -> float:
        """Vehicles that can stand between the stop line and the signals upstream."""
        exits = set(self.exit_names)
        lane_m = 0.0
        seen: set[str] = set()
        frontier = [link]
        while frontier:
            name = frontier.pop()
            if name in seen:
                continue
            seen.add(name)
            road = self.network.links[name]
            lane_m += road.length_m * max(1, len(road.general_lanes))
            if name in exits:
                continue
            straight = [
                c.from_link for c in self.network.turns_into[name] if c.turn in ("s", "L", "R")
            ]
            if not straight:
                # Nothing upstream but the edge of the network: outside there is room.
                return UNLIMITED_VEH
            frontier.extend(straight)
        return max(1.0, lane_m / self.driving.spacing_m)

    def _streams(
        self,
        stream_table: tuple[Stream, ...],
        riders: tuple[Rider, ...],
        lane_approach: Integers,
    ) -> StreamArrays:
        exit_row = {name: row for row, name in enumerate(self.exit_names)}
        approach_row = {name: row for row, name in enumerate(self.approach_names)}
        blocked = np.full(len(self.exit_names), -1, dtype=np.int32)
        for stream in stream_table:
            # A full approach holds its feeders only where the way leads nowhere else.
            if stream.share > 0.5:
                row = exit_row[stream.exit_link]
                blocked[row] = approach_row[stream.approach_link]
        smoothing: list[float] = []
        delays: list[int] = []
        for stream in stream_table:
            spread = stream.deviation_s**2
            factor = (np.sqrt(1.0 + 4.0 * spread) - 1.0) / (2.0 * spread) if spread > 1e-9 else 1.0
            smoothing.append(float(factor))
            # The exponential tail is (1 - F) / F long on average; the rest is a plain delay.
            delays.append(max(1, round(stream.travel_time_s - (1.0 - factor) / factor)))
        return StreamArrays(
            np.array([exit_row[s.exit_link] for s in stream_table], dtype=np.int32),
            np.array([approach_row[s.approach_link] for s in stream_table], dtype=np.int32),
            np.array([s.share for s in stream_table]),
            np.array(delays, dtype=np.int32),
            np.array(smoothing),
            blocked,
            np.array([rider.lane for rider in riders], dtype=np.int32),
            np.array([rider.way for rider in riders], dtype=np.int32),
            np.array([lane_approach[rider.lane] for rider in riders], dtype=np.int32),
            np.array([rider.before for rider in riders], dtype=np.int32),
            np.array([rider.flow_vps for rider in riders], dtype=np.float64),
            np.array([rider.delay_s for rider in riders], dtype=np.int32),
            np.array([rider.smoothing for rider in riders], dtype=np.float64),
        )


def _shares(parts: list[Floats]) -> list[Floats]:
    """Divide period flows by their sum; in a period without any, take the shares of the whole.

    Where nothing ever flows all shares are 0, and the kernel passes over such ways.
    """
    flows = np.array(parts)
    total = flows.sum(axis=0)
    overall = flows.sum()
    steady = flows.sum(axis=1) / overall if overall > 0 else np.zeros(len(parts))
    return list(np.where(total > 0, flows / np.where(total > 0, total, 1.0), steady[:, None]))


def _firsts(counts: list[int]) -> Integers:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
