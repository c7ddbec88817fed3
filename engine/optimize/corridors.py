"""Proposals of what to coordinate: groups of signals with one cycle, and arterials.

Which signals are worth one cycle `engine.optimize.groups.worth_one_cycle` tells, here as in the
optimizer, so that what is proposed is what plans are made with. How strong the platoon between
two is tells the coupling index, flow over distance (Yagoda et al. 1973), here weakened by platoon
dispersion; it orders what is shown. Who times a group at one cycle that Webster's rule gives, and
not at the best of all as the optimizer does, may keep signals apart whose cycles differ much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from engine.measures.corridor import Corridor
from engine.measures.corridor_search import arterials, corridor_along
from engine.measures.street import Street
from engine.optimize.groups import connected_groups, coupling, worth_one_cycle
from network.derive.corridors import NamedCorridor
from network.errors import InfeasibleError
from network.graph import RoadNetwork

DISPERSION_ALPHA, DISPERSION_BETA = 0.35, 0.8
"""Robertson's platoon dispersion for moderate friction (TRANSYT-7F; Road Research Laboratory
Report LR 253, 1969)."""
PLATOON_S = 20.0

AFFINITY = 0.2
"""Cycles that differ by this part, or by this part from twice the other, go together."""


@dataclass(frozen=True, slots=True)
class Coupled:
    """Two signals that platoons join.

    Attributes
    ----------
    signals
        Their names.
    flow_vph, distance_m, travel_time_s
        Platoon traffic both ways, veh/h; the shorter way, m and s.
    index
        Coupling index, veh/h per m.
    affine
        Whether their given cycles go together; true where one is not known.
    joined
        Whether they are proposed for one cycle.
    """

    signals: tuple[str, str]
    flow_vph: float
    distance_m: float
    travel_time_s: float
    index: float
    affine: bool
    joined: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to coordinate.

    Attributes
    ----------
    groups
        Coordination groups, largest first; a signal on its own is a group of one.
    arterials
        Rows of joined signals along streets, busiest first; they may cross.
    pairs
        All pairs of neighbors, the most closely coupled first.
    """

    groups: tuple[tuple[str, ...], ...]
    arterials: tuple[Corridor, ...]
    pairs: tuple[Coupled, ...]


def platoon_kept(travel_time_s: float, platoon_s: float = PLATOON_S) -> float:
    """Return the peak of a platoon after a way, as a part of its peak at the stop line.

    Parameters
    ----------
    travel_time_s
        Running time of the way, s.
    platoon_s
        Length of the platoon as it leaves, s.

    Notes
    -----
    Robertson's recurrence with F = 1 / (1 + alpha beta T) smears a platoon of n s to a peak of
    1 - (1 - F)^n.
    """
    smoothing = 1.0 / (1.0 + DISPERSION_ALPHA * DISPERSION_BETA * max(travel_time_s, 0.0))
    if smoothing >= 1.0:
        return 1.0
    return -math.expm1(platoon_s * math.log1p(-smoothing))


def coupling_index(flow_vph: float, distance_m: float, travel_time_s: float) -> float:
    """Return the coupling index of two signals, veh/h per m.

    Parameters
    ----------
    flow_vph
        Platoon traffic both ways, veh/h.
    distance_m, travel_time_s
        Between the stop lines.
    """
    return flow_vph / max(distance_m, 1.0) * platoon_kept(travel_time_s)


def are_affine(first_s: float, second_s: float, tolerance: float = AFFINITY) -> bool:
    """Tell whether two natural cycles go together: about equal, or one twice the other.

    Parameters
    ----------
    first_s, second_s
        Cycles, s; one that is infinite goes with any other: it wants the longest there is.
    tolerance
        Part by which the longer may differ.
    """
    short, long = sorted((first_s, second_s))
    if math.isinf(long):
        return True
    return any(abs(long - times * short) <= tolerance * times * short for times in (1, 2))


def propose(
    network: RoadNetwork,
    street: Street,
    members: set[str] | None = None,
    cycles_s: Mapping[str, float] | None = None,
) -> Proposal:
    """Propose coordination groups and arterials.

    Parameters
    ----------
    network
        The roads.
    street
        The street under its demand.
    members
        Signals to group; all of the street by default. Others are not followed through.
    cycles_s
        Cycle that each signal wants, s, to keep apart those whose cycles do not go together; by
        default, and where one is not known, signals go with any other.

    Returns
    -------
    Proposal
    """
    wanted = set(street.signals) if members is None else members
    cycles = cycles_s or {}
    joined = nx.Graph()
    joined.add_nodes_from(sorted(wanted))
    pairs: list[Coupled] = []
    for a, b, data in coupling(street).subgraph(wanted).edges(data=True):
        pair = _coupled(min(a, b), max(a, b), data, cycles)
        pairs.append(pair)
        if pair.joined:
            joined.add_edge(a, b)
    pairs.sort(key=lambda pair: (-round(pair.index, 9), pair.signals))
    together = {frozenset(pair.signals) for pair in pairs if pair.joined}
    return Proposal(connected_groups(joined), arterials(network, street, together), tuple(pairs))


def _coupled(a: str, b: str, data: Mapping[str, float], cycles_s: Mapping[str, float]) -> Coupled:
    flow, distance, travel = data["flow_vph"], data["distance_m"], data["travel_time_s"]
    index = coupling_index(flow, distance, travel)
    affine = a not in cycles_s or b not in cycles_s or are_affine(cycles_s[a], cycles_s[b])
    joined = affine and worth_one_cycle(flow, travel)
    return Coupled((a, b), flow, distance, travel, index, affine, joined)


def named_corridors(
    network: RoadNetwork, street: Street, named: Sequence[NamedCorridor]
) -> dict[str, Corridor]:
    """Lay out the corridors an engineer names.

    Parameters
    ----------
    network
        The roads.
    street
        The street under its demand.
    named
        Their names and signals.

    Returns
    -------
    dict
        By name.

    Raises
    ------
    InfeasibleError
        If no platoon drives along one of them.
    """
    found: dict[str, Corridor] = {}
    for corridor in named:
        laid = corridor_along(network, street, corridor.signals)
        if laid is None:
            raise InfeasibleError(
                f"corridor {corridor.name!r}: no platoon drives from signal to signal along "
                f"{', '.join(corridor.signals)}"
            )
        found[corridor.name] = laid
    return found


def as_named(corridors: Sequence[Corridor]) -> tuple[NamedCorridor, ...]:
    """Return proposed arterials in the form an engineer can edit, named by their ends.

    Parameters
    ----------
    corridors
        As proposed.
    """
    names: dict[str, int] = {}
    result: list[NamedCorridor] = []
    for corridor in corridors:
        base = f"{corridor.signals[0]} to {corridor.signals[-1]}"
        names[base] = names.get(base, 0) + 1
        name = base if names[base] == 1 else f"{base} ({names[base]})"
        result.append(NamedCorridor(name, corridor.signals))
    return tuple(result)
