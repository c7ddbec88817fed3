"""Gates, lanes from which vehicles spread over several stop lanes, and the room behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from engine.measures.driving import Driving
from engine.measures.joins import Place
from engine.measures.street_arrays import UNLIMITED_VEH, ApproachArrays, Floats, Integers
from network.graph import RoadNetwork


class Gates:
    """Collects the gates of approaches, in order."""

    def __init__(self, driving: Driving) -> None:
        self._driving = driving
        self._per_approach: list[int] = []
        self._share: list[Floats] = []
        self._rate: list[float] = []
        self._behind_veh: list[float] = []
        self._lanes_per_gate: list[int] = []
        self._lane: list[int] = []
        self._lane_share: list[Floats] = []
        self._part: list[float] = []

    def add(
        self,
        feeders: Mapping[int, frozenset[Place]],
        volume: Floats,
        behind_veh: float = UNLIMITED_VEH,
        *,
        stands: bool,
    ) -> None:
        """Add an approach: by stop lane, what feeds it; `stands` if queues of the lanes are its.

        Its gates have equal parts of the room behind them, `behind_veh`.
        """
        gates = sorted({gate for found in feeders.values() for gate in found})
        self._behind_veh.extend([behind_veh / max(1, len(gates))] * len(gates))
        self._per_approach.append(len(gates))
        through: list[Floats] = []
        for gate in gates:
            fed = [row for row in feeders if gate in feeders[row]]
            parts = [volume[:, row] / len(feeders[row]) for row in fed]
            through.append(np.sum(parts, axis=0))
            self._lane_share.extend(shares_of(parts))
            self._part.extend(1.0 / len(feeders[row]) if stands else 0.0 for row in fed)
            self._rate.append(UNLIMITED_VEH if len(fed) == 1 else self._driving.saturation_vps(1e3))
            self._lanes_per_gate.append(len(fed))
            self._lane.extend(fed)
        if gates:
            self._share.extend(shares_of(through))

    def arrays(
        self, storage_veh: Floats, gate_room_veh: Floats, outside_vps: Floats, yields_to: Integers
    ) -> ApproachArrays:
        """Return them as arrays, with what else is known of each approach."""
        return ApproachArrays(
            firsts_of(self._per_approach),
            storage_veh,
            gate_room_veh,
            outside_vps,
            np.array(self._share).T.copy(),
            np.array(self._rate),
            np.array(self._behind_veh),
            firsts_of(self._lanes_per_gate),
            np.array(self._lane, dtype=np.int32),
            np.array(self._lane_share).T.copy(),
            np.array(self._part),
            yields_to,
        )


def shares_of(parts: list[Floats]) -> list[Floats]:
    """Divide period flows by their sum; in a period without any, take the shares of the whole.

    Where nothing ever flows all shares are 0, and the kernel passes over such ways.
    """
    flows = np.array(parts)
    total = flows.sum(axis=0)
    overall = flows.sum()
    steady = flows.sum(axis=1) / overall if overall > 0 else np.zeros(len(parts))
    return list(np.where(total > 0, flows / np.where(total > 0, total, 1.0), steady[:, None]))


def firsts_of(counts: list[int]) -> Integers:
    """Return where the items of each owner begin, and the end, from how many each one has."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


class StandingRoom(NamedTuple):
    """Vehicles that can stand on an approach.

    Attributes
    ----------
    storage_veh
        Between the stop line and the signals upstream; unlimited where an approach begins at the
        edge of the network, with those that wait outside.
    edge_veh
        Between the stop line and the edge of the network; unlimited where there are signals
        upstream.
    """

    storage_veh: float
    edge_veh: float


def standing_room(
    network: RoadNetwork,
    link: str,
    exits: frozenset[str],
    spacing_m: float,
    onto: str | None = None,
) -> StandingRoom:
    """Return how many vehicles can stand between a stop line and the signals upstream.

    Parameters
    ----------
    network
        The roads.
    link
        The road with the stop line.
    exits
        Roads that leave signals, where the way back ends.
    spacing_m
        Front to front in a standing queue, m.
    onto
        Where several roads join, the one that is gone back on.
    """
    lane_m, ends_outside = 0.0, False
    seen: set[str] = set()
    frontier = [link]
    while frontier:
        name = frontier.pop()
        if name in seen:
            continue
        seen.add(name)
        road = network.links[name]
        lane_m += road.length_m * max(1, len(road.general_lanes))
        if name in exits:
            continue
        straight = [c.from_link for c in network.turns_into[name] if c.turn in ("s", "L", "R")]
        joining = {c.from_link for c in network.turns_into[name]} if onto else set()
        if onto in joining:
            straight = [onto]
        if not straight:
            # Nothing upstream but the edge of the network: outside there is room.
            ends_outside = True
        frontier.extend(straight)
    room_veh = max(1.0, lane_m / spacing_m)
    if ends_outside:
        return StandingRoom(UNLIMITED_VEH, room_veh)
    return StandingRoom(room_veh, UNLIMITED_VEH)
