"""The layout of a coordination group: its lanes, ways and streams as arrays of the steady cycle.

Approaches and lanes stand in an order in which what feeds comes before what is fed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx
import numpy as np

from engine.measures.cyclic_arrays import CyclicArrays
from engine.measures.riders import Rider
from engine.measures.street import UNLIMITED_VEH, Integers, Street

SWEEPS = 2
"""How often streets that feed each other in a loop are gone through."""


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
