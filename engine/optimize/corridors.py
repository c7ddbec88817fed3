"""Proposals of what to coordinate: groups of signals with one cycle, and arterials.

Two signals are worth one cycle when a platoon from one still is a platoon at the other and when
both want about the same cycle, or one twice the other's. How strong the platoon is tells the
coupling index, flow over distance (Yagoda et al. 1973), here weakened by platoon dispersion.
The distances within which to couple and beyond which never to are those of FHWA, *Signal Timing
on a Shoestring* (FHWA-HOP-07-006, 2005), after Hook and Albers (1999).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from engine.measures.corridor import Corridor, arterials, corridor_along
from engine.measures.delay import optimal_cycle_s
from engine.measures.street import Street
from engine.optimize.groups import LEAST_PLATOON_VPH, connected_groups, coupling
from network.derive.corridors import NamedCorridor
from network.errors import InfeasibleError
from network.graph import RoadNetwork

ALWAYS_WITHIN_M = 762.0
NEVER_BEYOND_M = 1524.0
"""2,500 and 5,000 ft."""

LEAST_INDEX = 0.5
"""Vehicles per hour and meter from which signals between both distances are coupled: 500 veh/h
over a kilometer if the platoon stayed whole."""

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
        Whether their natural cycles go together; true where one is not known.
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


def natural_cycles_s(network: RoadNetwork, street: Street) -> dict[str, float]:
    """Return Webster's cycle of each signal for its phases in force, s.

    Parameters
    ----------
    network
        The roads.
    street
        The street under its demand.

    Returns
    -------
    dict
        By signal; infinite where it is full. Signals without a plan in force are absent.

    Notes
    -----
    A phase needs what the busiest of its protected lanes needs; a lane that several phases
    serve counts in the first of them. What drivers lose at the begin of green is taken to be
    what they gain at its end.
    """
    rows: dict[str, list[int]] = {}
    for row, place in enumerate(street.lanes.signal):
        rows.setdefault(street.signals[place], []).append(row)
    return {
        signal_id: _natural_cycle_s(network, street, signal_id, rows.get(signal_id, []))
        for signal_id, signal in network.signals.items()
        if signal.phasing is not None and signal.plan_in_force is not None
    }


def _natural_cycle_s(
    network: RoadNetwork, street: Street, signal_id: str, rows: Sequence[int]
) -> float:
    signal = network.signals[signal_id]
    phasing, plan = signal.phasing, signal.plan_in_force
    assert phasing is not None
    assert plan is not None
    need: dict[int, float] = {}
    for row in rows:
        lane = int(street.lanes.lane[row])
        ratio = float(street.way_volume_vps[row] / street.lanes.saturation_vps[row])
        need[lane] = need.get(lane, 0.0) + ratio
    ratios = dict.fromkeys(plan.sequence, 0.0)
    served: set[int] = set()
    for lamps in ({"G"}, {"G", "g"}):
        for number in plan.sequence:
            aspects = phasing.phase(number).aspects
            lanes = {
                int(street.lanes.lane[row])
                for row in rows
                if {aspects[group] for group in street.ways[row].groups} <= lamps
            }
            fresh = lanes - served
            ratios[number] = max([ratios[number], *(need[lane] for lane in fresh)])
            served |= fresh
    critical = [
        max(
            (
                sum(ratios[n] for n in ring),
                sum(phasing.phase(n).clearance_s for n in ring),
            )
            for ring in segment
        )
        for segment in phasing.segments(plan.sequence)
    ]
    return optimal_cycle_s(sum(lost for _, lost in critical), sum(ratio for ratio, _ in critical))


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
        Natural cycle of each signal, s; `natural_cycles_s` by default.

    Returns
    -------
    Proposal
    """
    wanted = set(street.signals) if members is None else members
    cycles = natural_cycles_s(network, street) if cycles_s is None else cycles_s
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
    near = distance <= ALWAYS_WITHIN_M or (distance < NEVER_BEYOND_M and index >= LEAST_INDEX)
    joined = affine and near and flow >= LEAST_PLATOON_VPH
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
