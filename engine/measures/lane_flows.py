"""What each lane of a movement carries: as counted, else so that lanes are equally busy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.measures.driving import Driving
from engine.measures.street_arrays import Floats
from network.graph import RoadNetwork

LEVELING_ROUNDS = 20


def flows_by_period(
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
