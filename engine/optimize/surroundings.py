"""A coordination group seen from each of its signals: what its traffic touches, and what next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.measures.batch import foes_of, part_of, sources_of, whole_part
from engine.measures.batch_kernels import Part
from engine.measures.cyclic_group import CyclicGroup
from engine.measures.street import Integers


@dataclass(frozen=True, slots=True)
class Around:
    """What one signal's setting touches.

    Attributes
    ----------
    part
        Its own lanes, and the lanes its traffic reaches next or hinders there; what stands still
        is left to the caller.
    nodes, lanes, ways, approaches
        The same and what comes one signal later: all of it, and by kind.
    """

    part: Part
    nodes: Integers
    lanes: Integers
    ways: Integers
    approaches: Integers


class Surroundings:
    """A group seen from each of its signals: what its traffic touches at once, and what next.

    Parameters
    ----------
    group
        The group.
    """

    def __init__(self, group: CyclicGroup) -> None:
        self.group = group
        arrays = group.arrays
        signals = len(group.signals)
        order = np.argsort(arrays.way_signal, kind="stable").astype(np.int32)
        bounds = np.searchsorted(arrays.way_signal[order], np.arange(signals + 1))
        self.ways = [order[bounds[k] : bounds[k + 1]] for k in range(signals)]
        self.lanes = [np.unique(arrays.way_lane[found]).astype(np.int32) for found in self.ways]
        self.row = {name: row for row, name in enumerate(group.signals)}
        approaches, lanes = arrays.steady_vps.size, arrays.storage_veh.size
        self._position = np.full(approaches + lanes, len(arrays.order))
        for at, node in reversed(list(enumerate(arrays.order.tolist()))):
            self._position[node] = at
        self._lanes_on: list[list[int]] = [[] for _ in range(approaches)]
        for lane, a in enumerate(arrays.lane_approach.tolist()):
            self._lanes_on[a].append(lane)
        self._fed = _fed_approaches(group, self.lanes)
        self._found: dict[int, Around] = {}
        self._whole: Part | None = None

    def whole(self, cycle_s: int) -> Part:
        """Return all of the group as a part."""
        self._whole = whole_part(self.group.arrays, cycle_s, self._whole)
        return self._whole

    def around(self, row: int) -> Around:
        """Return what a signal's setting touches."""
        if row not in self._found:
            arrays = self.group.arrays
            near = self._fed[row]
            nodes = self._ordered(row, near)
            far = {a for a in near for s in self._signals_on(a) for a in self._fed[s]}
            onward = self._ordered(row, sorted(far - set(near)))
            # Own lanes stand in front of either list.
            together = np.concatenate([nodes, onward])
            _, first = np.unique(together, return_index=True)
            farther = together[np.sort(first)].astype(np.int32)
            approaches = arrays.steady_vps.size
            lanes = farther[farther >= approaches] - approaches
            ways = [
                way
                for lane in lanes.tolist()
                for way in range(arrays.first_way[lane], arrays.first_way[lane + 1])
            ]
            none = np.zeros((0, 0), np.float32)
            self._found[row] = Around(
                part_of(arrays, nodes, none, none),
                farther,
                lanes,
                np.array(ways, np.int32),
                farther[farther < approaches],
            )
        return self._found[row]

    def neighbors(self, row: int) -> set[int]:
        """Return the signals that a signal feeds or is fed by."""
        arrays = self.group.arrays
        fed = {s for a in self._fed[row] for s in self._signals_on(a)}
        approaches = np.unique(arrays.lane_approach[self.lanes[row]])
        feeding = {
            int(arrays.way_signal[w]) for a in approaches for w in sources_of(arrays, int(a))
        }
        return fed | feeding

    def _signals_on(self, approach: int) -> set[int]:
        arrays = self.group.arrays
        return {int(arrays.way_signal[arrays.first_way[lane]]) for lane in self._lanes_on[approach]}

    def _ordered(self, row: int, fed: Sequence[int]) -> Integers:
        """Return a signal's lanes, then approaches, then their lanes and those that yield there."""
        arrays = self.group.arrays
        approaches = arrays.steady_vps.size
        own = set(self.lanes[row].tolist())
        on = {lane for a in fed for lane in self._lanes_on[a]} - own
        signals = {int(arrays.way_signal[arrays.first_way[lane]]) for lane in on}
        yielding = {
            lane
            for s in signals
            for lane in self.lanes[s].tolist()
            if lane not in own and any(int(arrays.way_lane[f]) in on for f in foes_of(arrays, lane))
        }
        first = self._sorted(approaches + lane for lane in own)
        then = self._sorted(approaches + lane for lane in on | yielding)
        return np.array([*first, *fed, *then], np.int32)

    def _sorted(self, nodes: Iterable[int]) -> list[int]:
        return sorted(nodes, key=lambda node: int(self._position[node]))


def _fed_approaches(group: CyclicGroup, lanes: Sequence[Integers]) -> list[list[int]]:
    """Return for every signal the approaches of others that its traffic reaches."""
    arrays = group.arrays
    signal_on = np.full(arrays.steady_vps.size, -1)
    for row, found in enumerate(lanes):
        signal_on[arrays.lane_approach[found]] = row
    fed: list[set[int]] = [set() for _ in lanes]
    for a in range(arrays.steady_vps.size):
        for w in sources_of(arrays, a):
            row = int(arrays.way_signal[w])
            if signal_on[a] != row:
                fed[row].add(a)
    return [sorted(found) for found in fed]
