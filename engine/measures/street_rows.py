"""Rows of a street, collected from a network and the flows of its lanes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from engine.measures.driving import Driving
from engine.measures.gates import Gates, StandingRoom, firsts_of, shares_of, standing_room
from engine.measures.joins import Mouth, mouth, road_flows, road_of
from engine.measures.objective import LanePrices, Objective, lane_prices
from engine.measures.riders import Rider, riders_of
from engine.measures.streams import Stream
from engine.measures.street_arrays import (
    UNLIMITED_VEH,
    ApproachArrays,
    Floats,
    Integers,
    LaneArrays,
    StreamArrays,
    Street,
)
from network.graph import Connection, RoadNetwork


class StreetRows:
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
        """Return the street.

        Parameters
        ----------
        stream_table
            The streams between signals.
        outside_vps
            [period, approach], what comes from outside.
        period_s
            Length of a period, s.
        """
        ways = tuple(way for lane in self.by_lane.values() for way in lane)
        flows = np.array(
            [
                sum(self.flows[connection.connection_id] for connection in alike) / 3600.0
                for lane in self.alike.values()
                for alike in lane
            ]
        ).T
        first = firsts_of([len(lane) for lane in self.by_lane.values()])
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
        self,
        ways: tuple[Connection, ...],
        flows: Floats,
        storage_veh: list[float],
        room_veh: list[float],
    ) -> LaneArrays:
        signal_row = {name: row for row, name in enumerate(self.signals)}
        exit_row = {name: row for row, name in enumerate(self.exit_names)}
        joined = [alike for lane in self.alike.values() for alike in lane]
        row_of = {c.connection_id: row for row, alike in enumerate(joined) for c in alike}
        foes = [
            sorted({row_of[foe] for c in alike for foe in c.yields_to if foe in row_of} - {row})
            for row, alike in enumerate(joined)
        ]
        first = firsts_of([len(lane) for lane in self.by_lane.values()])
        shares = [
            share
            for begin, end in pairwise(first.tolist())
            for share in shares_of(list(flows[:, begin:end].T))
        ]
        return LaneArrays(
            first,
            np.array(storage_veh),
            np.array(room_veh),
            np.array([self.lane_row[w.from_link, w.from_lane] for w in ways], dtype=np.int32),
            np.array([signal_row[self.signal_of[w.connection_id]] for w in ways], dtype=np.int32),
            np.array(shares).T.copy(),
            1.0 / np.array([self.driving.way_headway_s(way) for way in ways]),
            np.array([self._box(way) for way in ways]),
            np.array([exit_row[way.to_link] for way in ways], dtype=np.int32),
            firsts_of([len(found) for found in foes]),
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
        room_veh = [0.0] * len(self.by_lane)
        gate_room_veh: list[float] = []
        gates = Gates(self.driving)
        approach_storage: list[float] = []
        for a, link in enumerate(self.approach_names):
            found, main = self.mouths[a], self.main_road[a]
            rows = {lane: self.lane_row[link, lane] for lane in found.feeders}
            room = self._room(link, main if len(found.roads) > 1 else None)
            approach_storage.append(room.storage_veh)
            whole = len(found.roads) == 1 and len(set().union(*found.feeders.values())) == len(rows)
            for row in rows.values():
                storage_veh[row] = max(1.0, found.reach_m / self.driving.spacing_m)
                if whole and room.storage_veh == UNLIMITED_VEH:
                    storage_veh[row] = UNLIMITED_VEH
            for row in rows.values():
                room_veh[row] = min(storage_veh[row], room.edge_veh / len(rows))
            taken_veh = sum(room_veh[row] for row in rows.values())
            behind_veh = max(0.0, room.edge_veh - taken_veh)
            gate_room_veh.append(UNLIMITED_VEH if room.edge_veh == UNLIMITED_VEH else behind_veh)
            feeders = found.from_road(main) if main else {}
            # What the lanes do not hold stands behind the gates, and then in the signal upstream.
            back_veh = UNLIMITED_VEH
            if room.storage_veh < UNLIMITED_VEH:
                back_veh = max(0.0, room.storage_veh - sum(storage_veh[r] for r in rows.values()))
            mapped = {rows[lane]: places for lane, places in feeders.items()}
            gates.add(mapped, volume, back_veh, stands=True)
        for a, road in self.joining:
            link = self.approach_names[a]
            feeders = self.mouths[a].from_road(road)
            mapped = {self.lane_row[link, lane]: places for lane, places in feeders.items()}
            gates.add(mapped, volume, stands=False)
            shared_veh = self.mouths[a].reach_m / self.driving.spacing_m
            room = self._room(road)
            approach_storage.append(room.storage_veh + shared_veh)
            gate_room_veh.append(room.edge_veh)
        joined = [a for a, _ in self.joining]
        yields_to = [a if self._gives_way(a, road) else -1 for a, road in self.joining]
        approaches = gates.arrays(
            np.array(approach_storage),
            np.array(gate_room_veh),
            np.column_stack(
                [outside_vps * self.outside_part, outside_vps[:, joined] * self.joining_part]
            ),
            np.array([-1] * len(self.approach_names) + yields_to, dtype=np.int32),
        )
        return self._lanes(ways, flows, storage_veh, room_veh), approaches

    def _room(self, link: str, onto: str | None = None) -> StandingRoom:
        """Vehicles that can stand between a stop line and the signals upstream."""
        spacing_m = self.driving.spacing_m
        return standing_room(self.network, link, frozenset(self.exit_names), spacing_m, onto)

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
        delays, smoothing = _dispersed(stream_table)
        return StreamArrays(
            np.array([exit_row[s.exit_link] for s in stream_table], dtype=np.int32),
            np.array(rows, dtype=np.int32),
            np.array([s.share for s in stream_table]),
            delays,
            smoothing,
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


def _dispersed(stream_table: Sequence[Stream]) -> tuple[Integers, Floats]:
    """Plain delay, s, and smoothing factor of each stream, from stop line to stop line."""
    smoothing: list[float] = []
    delays: list[int] = []
    for stream in stream_table:
        spread = stream.deviation_s**2
        factor = (np.sqrt(1.0 + 4.0 * spread) - 1.0) / (2.0 * spread) if spread > 1e-9 else 1.0
        smoothing.append(float(factor))
        # The exponential tail is (1 - F) / F long on average; the rest is a plain delay.
        mean_s = stream.start_s + stream.travel_time_s
        delays.append(max(1, round(mean_s - (1.0 - factor) / factor)))
    return np.array(delays, dtype=np.int32), np.array(smoothing)
