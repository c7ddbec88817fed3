"""What the batch kernels work on: a coordination group, all of it or a part, and its programs."""

from __future__ import annotations

import numpy as np

from engine.measures.batch_kernels import Part, Room
from engine.measures.cyclic_arrays import CyclicArrays
from engine.measures.program_kernels import Programs, Singles
from engine.measures.street import Integers
from engine.measures.vector_kernels import WIDTH

RIDER_SUMS = 3
"""Sums that the kernel keeps of a lane that rides in another's queue."""


def empty_programs(arrays: CyclicArrays, programs: int, cycle_s: int) -> Programs:
    """Make room for what the ways of a group show under some programs."""
    ways, lanes = arrays.way_lane.size, arrays.storage_veh.size
    return Programs(
        np.zeros((programs * ways, 2 * cycle_s), np.uint16),
        np.zeros((programs * ways, 2 * cycle_s), np.uint16),
        np.arange(ways, dtype=np.int32),
        np.full(ways, ways, np.int32),
        np.zeros((programs, lanes), np.int32),
        np.arange(arrays.way_signal.max() + 1, dtype=np.int32),
    )


def working_room(arrays: CyclicArrays, cycle_s: int) -> Room:
    """Allocate what the kernel works in."""
    most = int(np.diff(arrays.first_way).max(initial=1))
    return Room(
        np.empty((arrays.steady_vps.size, cycle_s, WIDTH), np.float32),
        np.empty((arrays.way_lane.size, cycle_s, WIDTH), np.float32),
        np.empty((cycle_s, WIDTH), np.float32),
        np.empty((cycle_s, WIDTH), np.float32),
        np.empty((most, cycle_s, WIDTH), np.float32),
        np.empty((max(most, RIDER_SUMS), WIDTH), np.float32),
        np.empty((2, most, cycle_s), np.uint16),
    )


def whole_part(arrays: CyclicArrays, cycle_s: int, reads: Part | None = None) -> Part:
    """Return the whole group as a part; loops of streets begin with mean flows.

    Parameters
    ----------
    arrays
        The group.
    cycle_s
        Its cycle, s.
    reads
        The same part at another cycle, where that is at hand: what it reads is no different.
    """
    departures = np.repeat(arrays.way_vps[:, None], cycle_s, axis=1).astype(np.float32)
    inflow = np.repeat(arrays.approach_vps[:, None], cycle_s, axis=1).astype(np.float32)
    if reads is not None:
        return reads._replace(departures=departures, inflow=inflow)
    return part_of(arrays, arrays.order, departures, inflow)


def part_of(arrays: CyclicArrays, nodes: Integers, departures: Singles, inflow: Singles) -> Part:
    """Find out what nodes read that none of them has written before.

    Parameters
    ----------
    arrays
        The group.
    nodes
        As `CyclicArrays.order`.
    departures, inflow
        [way, second], [approach, second]: what stands still.
    """
    approaches = arrays.steady_vps.size
    written: set[int] = set()
    ways: list[int] = []
    read: list[int] = []
    for node in nodes.tolist():
        if node < approaches:
            wanted = sources_of(arrays, node)
        else:
            lane = node - approaches
            a = int(arrays.lane_approach[lane])
            for b in (a, ridden_approach(arrays, lane)):
                if b not in written:
                    read.append(b)
                    written.add(b)
            wanted = foes_of(arrays, lane)
        lanes = arrays.way_lane
        ways += [w for w in wanted if approaches + int(lanes[w]) not in written]
        written.add(node)
    return Part(
        nodes,
        np.unique(np.array(ways, np.int32)),
        np.array(sorted(read), np.int32),
        departures,
        inflow,
    )


def sources_of(arrays: CyclicArrays, approach: int) -> list[int]:
    """Return the ways whose traffic comes to an approach."""
    first, source = arrays.first_source, arrays.source
    return [
        int(w)
        for s in range(arrays.first_stream[approach], arrays.first_stream[approach + 1])
        for w in source[first[arrays.stream_exit[s]] : first[arrays.stream_exit[s] + 1]]
    ]


def ridden_approach(arrays: CyclicArrays, lane: int) -> int:
    """Return the approach of the lane in whose queue a lane waits: another's, or its own."""
    host = int(arrays.rides[lane])
    return int(arrays.lane_approach[lane if host < 0 else host])


def foes_of(arrays: CyclicArrays, lane: int) -> list[int]:
    """Return the ways that a lane's turns may have to give way to, or in whose queue it waits."""
    return [
        int(f)
        for w in range(arrays.first_way[lane], arrays.first_way[lane + 1])
        for f in arrays.foe[arrays.first_foe[w] : arrays.first_foe[w + 1]]
    ]
