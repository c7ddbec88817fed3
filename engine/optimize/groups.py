"""Coordination groups: signals that are worth one common cycle.

Two signals belong together when a platoon from one still is a platoon at the other: enough
vehicles, and a short enough way. Groups are the connected parts of that relation (the coupling
idea of Whitson et al. 1973 and of the FHWA Signal Timing Manual, chapter 6), cut where signals
have no cycle in common.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import pairwise

import networkx as nx

from engine.measures.street import Street
from network.errors import InfeasibleError
from network.timing import TimingPlan

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
    street: Street,
    members: set[str],
    together: Sequence[tuple[str, ...]] = (),
    cycles_s: Mapping[str, Mapping[int, float]] | None = None,
    tied: Sequence[tuple[str, ...]] = (),
) -> tuple[tuple[str, ...], ...]:
    """Partition signals into coordination groups.

    Where no cycle suits all of a group, it is cut: the cycle that keeps the most platoon traffic
    within signals that can run it makes groups of those, and the others are cut likewise. What is
    tied is never cut, nor what is to be together where one cycle suits all of that. Between
    neighbors that end in different groups no cycle is common to both groups.

    Parameters
    ----------
    street
        The street under its demand.
    members
        Signals to partition; others are not followed through.
    together
        Signals that are to share a group whatever drives between them, if a cycle suits them all.
    cycles_s
        Of every member, the cycles it can run, s, each with its cost alone; without, groups are
        not cut.
    tied
        Signals that have to share a group.

    Returns
    -------
    tuple of tuple of str
        Groups, largest first, then by name; a signal on its own is a group of one.

    Raises
    ------
    InfeasibleError
        No cycle suits all that are tied.
    """
    strong = strong_links(coupling(street)).subgraph(members).copy()
    strong.add_nodes_from(sorted(members))
    for wanted in (*tied, *together):
        for a, b in pairwise(name for name in wanted if name in members):
            if not strong.has_edge(a, b):
                strong.add_edge(a, b, flow_vph=LEAST_PLATOON_VPH)
    groups = connected_groups(strong)
    if cycles_s is None:
        return groups
    able = _as_one(members, cycles_s, tied, together)
    parts = [part for group in groups for part in _in_step(strong, group, able)]
    return _rejoined(strong, parts, able)


def timed_groups(
    street: Street,
    plans: Mapping[str, TimingPlan],
    together: Sequence[tuple[str, ...]] = (),
    known: Sequence[tuple[str, ...]] = (),
) -> tuple[tuple[str, ...], ...]:
    """Partition signals into the coordination groups that their plans keep in step.

    Parameters
    ----------
    street
        The street under its demand.
    plans
        By signal.
    together
        Signals to join whatever drives between them.
    known
        The groups, where whoever made the plans told them; signals of none run by themselves.
        Without, signals that platoons join are of one group if they run its cycle or half of it.

    Returns
    -------
    tuple of tuple of str
        Largest first, then by name.
    """
    if known:
        grouped = {name for group in known for name in group}
        return _in_order({*known, *((name,) for name in plans if name not in grouped)})
    # A signal is in step with those that run its cycle or twice as long a one.
    runs_s = {name: {plan.cycle_s: 0.0, 2 * plan.cycle_s: 0.0} for name, plan in plans.items()}
    return coordination_groups(street, set(plans), together, runs_s)


def strong_links(coupled: nx.Graph) -> nx.Graph:
    """Return those links of a `coupling` that are worth one cycle, with all its signals."""
    strong = nx.Graph()
    strong.add_nodes_from(coupled)
    strong.add_edges_from(
        (a, b, data)
        for a, b, data in coupled.edges(data=True)
        if worth_one_cycle(data["flow_vph"], data["travel_time_s"])
    )
    return strong


def _as_one(
    members: Set[str],
    cycles_s: Mapping[str, Mapping[int, float]],
    tied: Sequence[tuple[str, ...]],
    together: Sequence[tuple[str, ...]],
) -> dict[str, Mapping[int, float]]:
    """Leave signals that are not to be parted only the cycles that suit them all."""
    able = dict(cycles_s)
    bound = nx.Graph()
    for number, wanted in enumerate((*tied, *together)):
        names = [name for name in wanted if name in members]
        if not names:
            continue
        bound.add_nodes_from(names)
        whole = set().union(*(nx.node_connected_component(bound, name) for name in names))
        common = set.intersection(*(set(able[name]) for name in whole))
        if common:
            nx.add_path(bound, names)
            able |= {name: {c: able[name][c] for c in sorted(common)} for name in sorted(whole)}
        elif number < len(tied):
            shown = "; ".join(f"{name} {span(cycles_s[name])}" for name in sorted(whole))
            raise InfeasibleError(
                f"the offsets of {', '.join(sorted(whole))} are to keep their differences, which "
                f"takes one cycle; they can run: {shown}"
            )
    return able


def _rejoined(
    strong: nx.Graph,
    parts: Sequence[tuple[str, ...]],
    cycles_s: Mapping[str, Mapping[int, float]],
) -> tuple[tuple[str, ...], ...]:
    """Put parts together again that a cycle suits and platoons link, the most traffic first."""
    part_of = {name: part for part in parts for name in part}
    between: dict[tuple[tuple[str, ...], ...], list[float]] = {}
    for a, b, flow_vph in strong.edges(data="flow_vph"):
        if part_of[a] != part_of[b]:
            between.setdefault(tuple(sorted((part_of[a], part_of[b]))), []).append(flow_vph)
    group_of = {part: part for part in parts}
    for pair in sorted(between, key=lambda pair: (-math.fsum(between[pair]), pair)):
        first, second = (group_of[part] for part in pair)
        if first == second or not set.intersection(*(set(cycles_s[n]) for n in first + second)):
            continue
        joined = tuple(sorted(first + second))
        group_of |= {part: joined for part, group in group_of.items() if group in (first, second)}
    return _in_order(set(group_of.values()))


def _in_step(
    strong: nx.Graph, group: tuple[str, ...], cycles_s: Mapping[str, Mapping[int, float]]
) -> list[tuple[str, ...]]:
    """Cut a group into parts that have a cycle in common each."""
    if set.intersection(*(set(cycles_s[name]) for name in group)):
        return [group]

    def worth(cycle_s: int) -> tuple[float, float]:
        able = [name for name in group if cycle_s in cycles_s[name]]
        kept = math.fsum(flow for _, _, flow in strong.subgraph(able).edges(data="flow_vph"))
        return kept, -math.fsum(cycles_s[name][cycle_s] for name in able)

    best_s = max(sorted({cycle_s for name in group for cycle_s in cycles_s[name]}), key=worth)
    able = {name for name in group if best_s in cycles_s[name]}
    others = connected_groups(strong.subgraph(set(group) - able))
    return [
        *connected_groups(strong.subgraph(able)),
        *(part for other in others for part in _in_step(strong, other, cycles_s)),
    ]


def span(cycles_s: Iterable[int]) -> str:
    """Return cycles in words: the only one, or the shortest and the longest, s."""
    found = sorted(cycles_s)
    return f"{found[0]} s" if len(found) == 1 else f"{found[0]} to {found[-1]} s"


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
    return _in_order(tuple(sorted(part)) for part in nx.connected_components(joined))


def _in_order(groups: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(groups, key=lambda group: (-len(group), group)))
