"""A street as values: its arrays, and what their rows are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.measures.driving import Driving
from engine.measures.objective import LanePrices, Objective
from engine.measures.riders import Rider
from engine.measures.streams import Stream
from network.graph import Connection

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

UNLIMITED_VEH = 1e9


class LaneArrays(NamedTuple):
    """Stop lanes and their turns ("ways"), one row per lane or per way.

    Ways are ordered by lane; lane l owns ways ``first_way[l]`` to ``first_way[l + 1]``.
    """

    first_way: Integers
    storage_veh: Floats
    room_veh: Floats  # per lane, standing vehicles up to the edge of the network, if that is next
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
    gate_room_veh: Floats  # per approach, behind its gates up to the edge, if that is next
    outside_vps: Floats  # [period, approach] traffic that passed no signal
    gate_share: Floats  # [period, gate], of its approach's traffic
    gate_rate_vps: Floats  # per gate
    behind_veh: Floats  # per gate, vehicles that can stand behind it up to the signals upstream
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
