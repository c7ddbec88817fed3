"""Coordination groups: signals that are worth one common cycle.

Two signals belong together when a platoon from one still is a platoon at the other: enough
vehicles, and a short enough way. Groups are the connected parts of that relation (the coupling
idea of Whitson et al. 1973 and of the FHWA Signal Timing Manual, chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import networkx as nx

from engine.measures.street import Street

LEAST_PLATOON_VPH = 60.0
LONGEST_WAY_S = 40.0


def worth_one_cycle(flow_vph: float, travel_time_s: float) -> bool:
    """Tell whether the platoons between two neighbors are worth one cycle.

    Parameters
    ----------
    flow_vph
        Platoon traffic both ways, veh/h.
    travel_time_s
        Running time of the shorter way, s.
    """
    return flow_vph >= LEAST_PLATOON_VPH and travel_time_s <= LONGEST_WAY_S


def coupling(street: Street) -> nx.Graph:
    """Return signals joined by the platoon traffic between them.

    Parameters
    ----------
    street
        The street under its demand.

    Returns
    -------
    networkx.Graph
        Nodes are all signals; edges carry ``flow_vph``, and the shorter ``travel_time_s`` and
        ``distance_m``.
    """
    graph = nx.Graph()
    graph.add_nodes_from(street.signals)
    exit_flow: dict[str, float] = {}
    exit_signal: dict[str, str] = {}
    approach_signal: dict[str, str] = {}
    for row, way in enumerate(street.ways):
        signal = street.signals[street.lanes.signal[row]]
        flow_vph = 3600.0 * float(street.way_volume_vps[row])
        exit_flow[way.to_link] = exit_flow.get(way.to_link, 0.0) + flow_vph
        exit_signal[way.to_link] = signal
        approach_signal[way.from_link] = signal
    for stream in street.stream_table:
        a, b = exit_signal[stream.exit_link], approach_signal[stream.approach_link]
        if a == b:
            continue
        flow = stream.share * exit_flow[stream.exit_link]
        far = float("inf")
        edge = graph.get_edge_data(a, b, {"flow_vph": 0.0, "travel_time_s": far, "distance_m": far})
        graph.add_edge(
            a,
            b,
            flow_vph=edge["flow_vph"] + flow,
            travel_time_s=min(edge["travel_time_s"], stream.travel_time_s),
            distance_m=min(edge["distance_m"], stream.distance_m),
        )
    return graph


def coordination_groups(
    street: Street, members: set[str], together: Sequence[tuple[str, ...]] = ()
) -> tuple[tuple[str, ...], ...]:
    """Partition signals into coordination groups.

    Parameters
    ----------
    street
        The street under its demand.
    members
        Signals to partition; others are not followed through.
    together
        Signals that are to share a group whatever drives between them.

    Returns
    -------
    tuple of tuple of str
        Groups, largest first, then by name; a signal on its own is a group of one.
    """
    graph = coupling(street).subgraph(members)
    strong = nx.Graph()
    strong.add_nodes_from(sorted(members))
    for a, b, data in graph.edges(data=True):
        if worth_one_cycle(data["flow_vph"], data["travel_time_s"]):
            strong.add_edge(a, b)
    for wanted in together:
        strong.add_edges_from(pairwise(name for name in wanted if name in members))
    return connected_groups(strong)


def connected_groups(joined: nx.Graph) -> tuple[tuple[str, ...], ...]:
    """Return the connected parts of a relation between signals.

    Parameters
    ----------
    joined
        Signals, with an edge between those that belong together.

    Returns
    -------
    tuple of tuple of str
        Largest first, then by name.
    """
    parts = [tuple(sorted(part)) for part in nx.connected_components(joined)]
    return tuple(sorted(parts, key=lambda part: (-len(part), part)))
