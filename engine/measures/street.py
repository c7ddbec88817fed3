"""The street as arrays: lanes, gates, approaches and streams, ready for the queue kernel.

*Stop lanes* end at a signal. Behind them, where the road has fewer lanes, lies a *gate*: a lane
from which vehicles spread over several stop lanes, first come first served, so that one full
turn pocket holds up its neighbors. An *approach* is everything between a stop line and the
signals upstream of it; a road from other signals that joins it is an approach to the same stop
lanes. *Streams* carry what leaves one signal to an approach of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.measures.joins import Mouth, Place, mouth, road_flows, road_of
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
    """Approaches and their gates, approaches of their own first, then roads that join them.

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
    queue_part: Floats  # per gate-lane pair, of the lane's queue that stands on this approach
    yields_to: Integers  # per approach, the one before it that it joins and gives way to, or -1


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
        Name (link) of each approach that ends at a stop line.
    joined_to
        Row of `approach_names` of every row of `ApproachArrays`: its own, or of the approach that
        the road joins.
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
    joined_to: Integers
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
        self._find_joins(stream_table, ways, flows.mean(axis=0), outside_vps)
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
            np.array(
                [*range(len(self.approach_names)), *(joined for joined, _ in self.joining)],
                dtype=np.int32,
            ),
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
        storage_veh = approaches.storage_veh[: len(self.approach_names)]
        room_veh = (storage_veh / np.maximum(beside, 1))[lane_approach]
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

    def _find_joins(
        self,
        stream_table: tuple[Stream, ...],
        ways: tuple[Connection, ...],
        way_vps: Floats,
        outside_vps: Floats,
    ) -> None:
        """Find where stop lanes begin, and the roads that join there.

        The main road is one that gives way to none, the busiest if there are several. Others are
        told apart from it where most of what they bring passed signals; of what comes from outside
        nobody knows by which road it came.
        """
        lanes_of: dict[str, list[int]] = {}
        for name, lane in self.by_lane:
            lanes_of.setdefault(name, []).append(lane)
        exits = set(self.exit_names)
        exit_vps = dict.fromkeys(self.exit_names, 0.0)
        for way, flow in zip(ways, way_vps, strict=True):
            exit_vps[way.to_link] += flow
        self.mouths: list[Mouth] = []
        self.main_road: list[str] = []
        self.outside_part = np.ones(len(self.approach_names))
        self.joining: list[tuple[int, str]] = []
        self.joining_part: list[float] = []
        for a, link in enumerate(self.approach_names):
            found = mouth(self.network, link, lanes_of.get(link, []), exits)
            coming = [stream for stream in stream_table if stream.approach_link == link]
            outside = float(outside_vps[:, a].mean())
            flows = road_flows(self.network, found.roads, coming, exit_vps, outside, exits)
            main = max(
                found.roads,
                key=lambda road: (road not in found.yielding, flows[road].whole_vps, road),
                default="",
            )
            joining = [road for road in found.roads if road != main and flows[road].is_known]
            if len(found.roads) > 1 and not joining:
                found = found.undivided(link)
                main = link
            self.mouths.append(found)
            self.main_road.append(main)
            for road in joining:
                self.joining.append((a, road))
                self.joining_part.append(flows[road].outside_part)
                self.outside_part[a] -= flows[road].outside_part

    def _gates_and_lanes(
        self,
        ways: tuple[Connection, ...],
        flows: Floats,
        volume: Floats,
        outside_vps: Floats,
    ) -> tuple[LaneArrays, ApproachArrays]:
        storage_veh = [0.0] * len(self.by_lane)
        gates = _Gates(self.driving)
        approach_storage: list[float] = []
        for a, link in enumerate(self.approach_names):
            found, main = self.mouths[a], self.main_road[a]
            rows = {lane: self.lane_row[link, lane] for lane in found.feeders}
            for row in rows.values():
                storage_veh[row] = max(1.0, found.reach_m / self.driving.spacing_m)
                if len(found.roads) == 1 and len(set().union(*found.feeders.values())) == len(rows):
                    storage_veh[row] = UNLIMITED_VEH
            feeders = found.from_road(main) if main else {}
            gates.add({rows[lane]: places for lane, places in feeders.items()}, volume, stands=True)
            approach_storage.append(self._storage(link, main if len(found.roads) > 1 else None))
        for a, road in self.joining:
            link = self.approach_names[a]
            feeders = self.mouths[a].from_road(road)
            mapped = {self.lane_row[link, lane]: places for lane, places in feeders.items()}
            gates.add(mapped, volume, stands=False)
            shared_veh = self.mouths[a].reach_m / self.driving.spacing_m
            approach_storage.append(self._storage(road) + shared_veh)
        joined = [a for a, _ in self.joining]
        yields_to = [a if self._gives_way(a, road) else -1 for a, road in self.joining]
        approaches = gates.arrays(
            np.array(approach_storage),
            np.column_stack(
                [outside_vps * self.outside_part, outside_vps[:, joined] * self.joining_part]
            ),
            np.array([-1] * len(self.approach_names) + yields_to, dtype=np.int32),
        )
        return self._lanes(ways, flows, storage_veh), approaches

    def _storage(self, link: str, onto: str | None = None) -> float:
        """Vehicles that can stand between the stop line and the signals upstream.

        Where several roads join, `onto` is the one that is gone back on.
        """
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
            joining = {c.from_link for c in self.network.turns_into[name]} if onto else set()
            if onto in joining:
                straight = [onto]
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
        rows = [self._row_of_stream(stream) for stream in stream_table]
        blocked = np.full(len(self.exit_names), -1, dtype=np.int32)
        for stream, row in zip(stream_table, rows, strict=True):
            # A full approach holds its feeders only where the way leads nowhere else.
            if stream.share > 0.5:
                blocked[exit_row[stream.exit_link]] = row
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
            np.array(rows, dtype=np.int32),
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

    def _gives_way(self, a: int, road: str) -> bool:
        """Tell whether a road that joins an approach gives way to its main road."""
        yielding = self.mouths[a].yielding
        return road in yielding and self.main_road[a] not in yielding

    def _row_of_stream(self, stream: Stream) -> int:
        """Row of the approach, or of the road that joins it, on which a stream arrives."""
        a = self.approach_names.index(stream.approach_link)
        road = road_of(stream, self.mouths[a].roads)
        if road is None or (a, road) not in self.joining:
            return a
        return len(self.approach_names) + self.joining.index((a, road))


class _Gates:
    """Collects the gates of approaches, in order."""

    def __init__(self, driving: Driving) -> None:
        self._driving = driving
        self._per_approach: list[int] = []
        self._share: list[Floats] = []
        self._rate: list[float] = []
        self._lanes_per_gate: list[int] = []
        self._lane: list[int] = []
        self._lane_share: list[Floats] = []
        self._part: list[float] = []

    def add(self, feeders: Mapping[int, frozenset[Place]], volume: Floats, *, stands: bool) -> None:
        """Add an approach: by stop lane, what feeds it; `stands` if queues of the lanes are its."""
        gates = sorted({gate for found in feeders.values() for gate in found})
        self._per_approach.append(len(gates))
        through: list[Floats] = []
        for gate in gates:
            fed = [row for row in feeders if gate in feeders[row]]
            parts = [volume[:, row] / len(feeders[row]) for row in fed]
            through.append(np.sum(parts, axis=0))
            self._lane_share.extend(_shares(parts))
            self._part.extend(1.0 / len(feeders[row]) if stands else 0.0 for row in fed)
            self._rate.append(UNLIMITED_VEH if len(fed) == 1 else self._driving.saturation_vps(1e3))
            self._lanes_per_gate.append(len(fed))
            self._lane.extend(fed)
        if gates:
            self._share.extend(_shares(through))

    def arrays(
        self, storage_veh: Floats, outside_vps: Floats, yields_to: Integers
    ) -> ApproachArrays:
        """Return them as arrays, with what else is known of each approach."""
        return ApproachArrays(
            _firsts(self._per_approach),
            storage_veh,
            outside_vps,
            np.array(self._share).T.copy(),
            np.array(self._rate),
            _firsts(self._lanes_per_gate),
            np.array(self._lane, dtype=np.int32),
            np.array(self._lane_share).T.copy(),
            np.array(self._part),
            yields_to,
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
