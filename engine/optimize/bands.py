"""Offsets that give a corridor its widest green bands.

Splits, sequences and the common cycle stay as they are. The program of `band_program` places
the offsets, they are rounded to whole seconds, and the best whole seconds around them are found
exactly; the bands reported are those measured on the plans that come out. Bands are a seed for
offsets and an explanation of them, not a measure of delay: platoons disperse and turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from engine.measures.bandwidth import CorridorBands, corridor_bands
from engine.measures.corridor import Corridor, Direction, Leg, Passage
from engine.measures.street import Street
from engine.optimize.band_layout import link_weights
from engine.optimize.band_models import (
    Balance,
    BandArterial,
    BandLimits,
    BandLink,
    BandResult,
    BandStatus,
    BandStop,
)
from engine.optimize.band_program import maxband, multiband
from engine.optimize.band_rounding import best_link_moves, best_moves
from engine.optimize.band_windows import (
    Score,
    Windows,
    common_widths,
    corridor_windows,
    link_widths,
)
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR, TENTHS_PER_SECOND

Method = Literal["maxband", "multiband"]

LEAST_RATIO, GREATEST_RATIO = 0.1, 10.0
"""Target ratios taken from flows stay inside; a band ten times the other is one-way in all but
name."""

REACH_S = 1
ROUNDS = 10


@dataclass(frozen=True, slots=True)
class BandSolution:
    """Plans with banded offsets, what they achieve, and what no offsets could exceed.

    Attributes
    ----------
    plans
        Plan of every stop's signal; nothing but offsets changed, and not the first one's.
    method
        Which program placed them.
    bands
        Bands over the whole corridor at free speed, measured on the plans.
    clear_out_s, clear_in_s
        The same without the part of each green that clears a queue, s.
    link_out_s, link_in_s
        Band over each link by itself, queues cleared, in outbound order, s.
    worth_s
        The program's objective as the whole-second plans meet it, s. For bands by link these
        are measured pair by pair and may exceed the program's, which share one line.
    objective_s, bound_s
        Objective of the program with fractional offsets, and its proven bound, s. With
        ``maxband`` no offsets whatsoever, whole or not, are worth more than the bound for the
        greens it looked at: the longest of each stop and direction.
    gap
        Relative gap between the two.
    status, seconds
        Whether the program was solved to the end, and its wall time.
    """

    plans: Mapping[str, TimingPlan]
    method: Method
    bands: CorridorBands
    clear_out_s: float
    clear_in_s: float
    link_out_s: tuple[float, ...]
    link_in_s: tuple[float, ...]
    worth_s: float
    objective_s: float
    bound_s: float
    gap: float
    status: BandStatus
    seconds: float

    @property
    def out_s(self) -> float:
        """Measured outbound band, s."""
        return self.bands.outbound.width_s

    @property
    def in_s(self) -> float:
        """Measured inbound band, s; 0 on one-way corridors."""
        return self.bands.inbound.width_s if self.bands.inbound else 0.0


def band_offsets(
    corridor: Corridor,
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
    street: Street,
    method: Method = "maxband",
    ratio: float | None = None,
    balance: Balance | None = None,
    queues: bool = True,
    exponent: float = 1.0,
    limits: BandLimits | None = None,
) -> BandSolution:
    """Give the signals of a corridor the offsets with the widest bands.

    Parameters
    ----------
    corridor
        The stops, with running times at free speed.
    plans
        Plan of every stop's signal, all of one cycle; others are not looked at.
    network, street
        The roads, and the flows on them.
    method
        ``maxband`` for bands along the whole corridor, ``multiband`` for one per link.
    ratio
        Target ratio of the inbound to the outbound band; that of the flows by default.
    balance
        How strictly it is kept; `Balance.TARGET` by default, with ``multiband``
        `Balance.FREE`, because bands measured link by link owe each other nothing.
    queues
        Whether greens are cut by the time the queue before the platoon needs.
    exponent
        For the weights of ``multiband``.
    limits
        When to stop the search.

    Returns
    -------
    BandSolution

    Raises
    ------
    InfeasibleError
        If cycles differ, a plan is missing, or a plan never lets the platoon cross.
    EngineError
        If the limits ended the search before anything was found.
    """
    cycle_s = _common_cycle_s(corridor, plans)
    flows = street if queues else None
    windows = [corridor_windows(corridor, d, plans, network, flows) for d in corridor.directions]
    k = flow_ratio(corridor) if ratio is None else ratio
    arterial = band_arterial(corridor, windows, street, k)
    if balance is None:
        balance = Balance.TARGET if method == "maxband" else Balance.FREE
    if method == "maxband":
        # A one-way band is worth something too, and the bound must cover it.
        found = maxband(arterial, (cycle_s, cycle_s), balance, limits, may_drop=True)
    else:
        found = multiband(arterial, (cycle_s, cycle_s), exponent, balance, limits, may_drop=True)
    moves_s = [round(found.offsets[signal] * cycle_s) for signal in corridor.signals]
    score = Score(balance, k) if len(windows) > 1 else Score(Balance.FREE, k)
    weights = link_weights(arterial, exponent)[: len(windows)]
    moves_s = _refined(windows, moves_s, score, weights if method == "multiband" else None)
    return _solution(corridor, plans, network, windows, moves_s, method, score, weights, found)


def _common_cycle_s(corridor: Corridor, plans: Mapping[str, TimingPlan]) -> int:
    missing = [signal for signal in corridor.signals if signal not in plans]
    if missing:
        raise InfeasibleError(f"no plan is known of {', '.join(missing)}, so no band")
    cycles = {signal: plans[signal].cycle_s for signal in corridor.signals}
    if len(set(cycles.values())) > 1:
        listed = ", ".join(f"{signal} {cycle} s" for signal, cycle in cycles.items())
        raise InfeasibleError(f"cycles differ along the corridor, so no band comes back: {listed}")
    return next(iter(cycles.values()))


def flow_ratio(corridor: Corridor) -> float:
    """Return the inbound over the outbound flow of a corridor, within bounds.

    Parameters
    ----------
    corridor
        With flows on its legs.
    """
    there = sum(leg.flow_vph for leg in corridor.outbound_legs)
    back = sum(leg.flow_vph for leg in corridor.inbound_legs)
    if not there or not back:
        return 1.0
    return min(GREATEST_RATIO, max(LEAST_RATIO, back / there))


def band_arterial(
    corridor: Corridor,
    windows: Sequence[Windows],
    street: Street,
    ratio: float,
    name: str = "the corridor",
    weight: float = 1.0,
) -> BandArterial:
    """Describe a corridor to a band program; what it seeks are changes of the offsets.

    Parameters
    ----------
    corridor, windows
        The stops, and their greens by direction.
    street
        For saturation flows.
    ratio
        Target ratio of the inbound to the outbound band.
    name, weight
        Of the corridor among several.
    """
    two_way = len(windows) > 1
    out, back = windows[0], windows[-1]
    stops = []
    for i, signal in enumerate(corridor.signals):
        red_out, center_out = _red(out, i)
        red_in, center_in = _red(back, i) if two_way else (0.0, 0.0)
        stops.append(BandStop(signal, red_out, red_in, center_out, center_in))
    ends = [stop.outbound[0] for stop in corridor.stops[1:]]
    there = _links(corridor.outbound_legs, out, ends, street)
    ends = [stop.inbound[0] for stop in corridor.stops[:-1]] if two_way else []
    return BandArterial(
        name,
        tuple(stops),
        there,
        _links(corridor.inbound_legs, back, ends, street) if two_way else (),
        ratio,
        weight,
    )


def _red(windows: Windows, stop: int) -> tuple[float, float]:
    """Red and its center behind system zero, parts of the cycle."""
    red = int(windows.cycle - windows.length[stop])
    return red / windows.cycle, (int(windows.begin[stop]) - red / 2) / windows.cycle


def _links(
    legs: Sequence[Leg], windows: Windows, ends: Sequence[Passage], street: Street
) -> tuple[BandLink, ...]:
    """Describe legs; running times are those the windows were moved by, to the tick."""
    steps = np.abs(np.diff(windows.lag)) / TENTHS_PER_SECOND
    links = []
    for leg, time_s, end in zip(legs, steps.tolist(), ends, strict=True):
        lanes = {c.from_lane: street.driving.way_headway_s(c) for c in end.connections}
        per_lane = [1.0 / headway_s for headway_s in lanes.values()]
        saturation_vph = SECONDS_PER_HOUR * sum(per_lane)
        links.append(BandLink(leg.distance_m, time_s, time_s, leg.flow_vph, saturation_vph))
    return tuple(links)


def _refined(
    windows: Sequence[Windows],
    moves_s: list[int],
    score: Score,
    weights: Sequence[Sequence[float]] | None,
) -> list[int]:
    """Take the best whole seconds around, again and again while that helps."""
    best = band_worth(windows, moves_s, score, weights)
    for _ in range(ROUNDS):
        moved = [_moved(w, moves_s) for w in windows]
        if weights is None:
            steps = best_moves(moved, score, REACH_S)
        else:
            steps = best_link_moves(moved, weights, REACH_S)
        trial = [a + b for a, b in zip(moves_s, steps, strict=True)]
        worth = band_worth(windows, trial, score, weights)
        if worth <= best:
            break
        best, moves_s = worth, trial
    return moves_s


def _moved(windows: Windows, moves_s: Sequence[int]) -> Windows:
    return replace(windows, begin=windows.begin + TENTHS_PER_SECOND * np.array(moves_s))


def band_worth(
    windows: Sequence[Windows],
    moves_s: Sequence[int],
    score: Score,
    weights: Sequence[Sequence[float]] | None,
) -> float:
    """Return what the objective of a program comes to at whole-second offsets, ticks.

    Parameters
    ----------
    windows, moves_s
        By direction; change of each stop's offset, s.
    score
        What a pair of bands along the whole corridor is worth.
    weights
        Of the links by direction, where each has a band of its own; else None.
    """
    if weights is None:
        out, *back = common_widths(windows, moves_s)
        return score.worth(out, back[0] if back else 0.0)
    total = 0.0
    for w, weight in zip(windows, weights, strict=True):
        widths = link_widths(w, moves_s)
        total += sum(a * b for a, b in zip(weight, widths, strict=True)) / len(widths)
    return total


def _solution(
    corridor: Corridor,
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
    windows: Sequence[Windows],
    moves_s: Sequence[int],
    method: Method,
    score: Score,
    weights: Sequence[Sequence[float]],
    found: BandResult,
) -> BandSolution:
    moved: dict[str, TimingPlan] = {}
    for signal, move_s in zip(corridor.signals, moves_s, strict=True):
        plan = plans[signal]
        moved[signal] = replace(plan, offset_s=(plan.offset_s + move_s) % plan.cycle_s)
    directions: tuple[Direction, ...] = corridor.directions
    clear = dict(zip(directions, common_widths(windows, moves_s), strict=True))
    links = {d: link_widths(w, moves_s) for d, w in zip(directions, windows, strict=True)}
    worth = band_worth(windows, moves_s, score, weights if method == "multiband" else None)
    return BandSolution(
        plans=moved,
        method=method,
        bands=corridor_bands(corridor, moved, network),
        clear_out_s=clear["outbound"] / TENTHS_PER_SECOND,
        clear_in_s=clear.get("inbound", 0) / TENTHS_PER_SECOND,
        link_out_s=tuple(width / TENTHS_PER_SECOND for width in links["outbound"]),
        link_in_s=tuple(width / TENTHS_PER_SECOND for width in links.get("inbound", ())),
        worth_s=worth / TENTHS_PER_SECOND,
        objective_s=found.objective * found.cycle_s,
        bound_s=found.bound * found.cycle_s,
        gap=found.gap,
        status=found.status,
        seconds=found.seconds,
    )
