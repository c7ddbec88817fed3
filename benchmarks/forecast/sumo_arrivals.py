"""What loops see in SUMO: departures of turns, and arrivals ahead of stop lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.measures.streams import TURNING_ROUND
from engine.validate.counting import DetectorSite, count
from engine.validate.simulator import SimulationCase
from engine.validate.sumo_process import run_process
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR
from scenarios.builders import DEFAULT_SATURATION, build
from scenarios.layout import arterial
from throughband.setting import Setting, open_setting

Floats = NDArray[np.float64]

INSIDE_NODE_M = 0.1
ADVANCE_M = 150.0
"""How far ahead of the stop line arrivals are seen, at most: a usual place of advance loops."""

END_M = 1.0
"""Loops keep so far from the upstream end of a link."""

BUILD_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class SeenTraffic:
    """A street that SUMO played.

    Attributes
    ----------
    turn_ids, link_ids
        Signalized movements, and links that lead to signals.
    begin_s, bin_s
        Of the bins, s.
    departed_veh
        [turn, bin] vehicles that crossed the stop line.
    arrived_veh
        [link, bin] vehicles that passed the advance loops: the truth.
    """

    turn_ids: tuple[str, ...]
    link_ids: tuple[str, ...]
    begin_s: float
    bin_s: int
    departed_veh: Floats
    arrived_veh: Floats

    def movement_vph(self) -> dict[str, float]:
        """Return the mean flow of each movement, veh/h."""
        hours = self.departed_veh.shape[1] * self.bin_s / SECONDS_PER_HOUR
        return dict(
            zip(self.turn_ids, (self.departed_veh.sum(axis=1) / hours).tolist(), strict=True)
        )


def open_street(name: str, folder: Path) -> Setting:
    """Open a catalog scenario or configuration, or build ``arterial:SIGNALS:SEED[:SATURATION]``."""
    if not name.startswith("arterial:"):
        return open_setting(name)
    _, signals, seed, *fullness = name.split(":")
    full = float(fullness[0]) if fullness else DEFAULT_SATURATION

    def run(command: Sequence[str], work: Path) -> str:
        return run_process(command, work, BUILD_TIMEOUT_S)

    built = build(arterial(int(signals), int(seed)), folder, run, saturation=full)
    return open_setting(str(built.config_file))


@dataclass(frozen=True, slots=True)
class AdvanceLoops:
    """Loops over all lanes of a road, ahead of a stop line.

    Attributes
    ----------
    link_id
        Link they lie on.
    from_end_m
        Distance from its end, m.
    ahead_m
        Distance from the stop line, m.
    """

    link_id: str
    from_end_m: float
    ahead_m: float


def advance_loops(network: RoadNetwork, wanted_m: float = ADVANCE_M) -> Mapping[str, AdvanceLoops]:
    """Return where each approach has its advance loops: so far ahead, as far as roads go.

    They go upstream over nodes where nobody can come or go otherwise, as at the beginning of a
    turn pocket; else queues would stand over them, and who waits would seem not to have arrived.
    """
    approaches = {movement.from_link for movement in network.movements.values()}
    return {link: _loops(network, link, approaches, wanted_m) for link in sorted(approaches)}


def _loops(
    network: RoadNetwork, approach: str, approaches: set[str], wanted_m: float
) -> AdvanceLoops:
    link, behind_m = approach, 0.0
    while True:
        length_m = network.links[link].length_m
        place = AdvanceLoops(link, length_m - END_M, behind_m + length_m - END_M)
        if place.ahead_m >= wanted_m:
            return AdvanceLoops(link, wanted_m - behind_m, wanted_m)
        ways = [c for c in network.turns_into[link] if c.turn != TURNING_ROUND]
        feeders = {c.from_link for c in ways}
        if len(feeders) != 1 or feeders & approaches:
            return place
        feeder = feeders.pop()
        if any(c.to_link != link for c in network.turns_from[feeder] if c.turn != TURNING_ROUND):
            return place
        node_m = max(c.length_m for c in ways)
        if behind_m + length_m + node_m + END_M >= wanted_m:
            return place  # The rest would lie inside the node.
        link, behind_m = feeder, behind_m + length_m + node_m


def play(case: SimulationCase, network: RoadNetwork, seed: int, bin_s: int) -> SeenTraffic:
    """Play one seed under the plan in force, with loops behind every stop line and ahead of it."""
    ahead = advance_loops(network)
    turns = [(m, c) for m, found in network.movements.items() for c in found.connections]
    lanes = [
        (row, place, lane)
        for row, place in enumerate(ahead.values())
        for lane in range(network.links[place.link_id].lanes)
    ]
    sites = [DetectorSite(f"t{i}", c.via_lane, INSIDE_NODE_M) for i, (_, c) in enumerate(turns)]
    sites += [
        DetectorSite(f"a{i}", f"{place.link_id}_{lane}", -place.from_end_m)
        for i, (_, place, lane) in enumerate(lanes)
    ]
    volume = count(case, sites, seed, bin_s).volume_veh.T
    turn_ids = tuple(network.movements)
    row_of = {name: row for row, name in enumerate(turn_ids)}
    departed = np.zeros((len(turn_ids), volume.shape[1]))
    arrived = np.zeros((len(ahead), volume.shape[1]))
    np.add.at(departed, [row_of[m] for m, _ in turns], volume[: len(turns)])
    np.add.at(arrived, [row for row, _, _ in lanes], volume[len(turns) :])
    return SeenTraffic(turn_ids, tuple(ahead), case.begin_s, bin_s, departed, arrived)
