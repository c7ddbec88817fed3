"""The time-space diagram as data: signals over distance, greens over time, and the bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise

from engine.measures.bandwidth import (
    GREEN,
    YELLOW,
    Band,
    aspects_shown,
    corridor_bands,
    green_band,
)
from engine.measures.corridor import Corridor, Direction, Stop
from network.graph import RoadNetwork
from network.phasing import Phasing
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the cycle, s after system zero; it repeats every cycle.

    Attributes
    ----------
    begin_s
        From 0 to below the cycle.
    end_s
        After the beginning; beyond the cycle where the window goes on into the next one.
    """

    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class PhaseSplit:
    """The split of a phase, s, clearance included, and the least it may have."""

    phase: int
    split_s: int
    least_s: int


@dataclass(frozen=True, slots=True)
class SignalLine:
    """One signal of the diagram.

    Attributes
    ----------
    signal_id, position_m
        Name, and distance from the first signal along the outbound way.
    cycle_s, offset_s, offset_reference, coordinated_phase
        Of its plan; None where none is known.
    splits
        In the order of the sequence.
    green, yellow
        Windows of each direction at the signal's first stop line on the way.
    """

    signal_id: str
    position_m: float
    cycle_s: int | None
    offset_s: int | None
    offset_reference: OffsetReference | None
    coordinated_phase: int | None
    splits: tuple[PhaseSplit, ...]
    green: Mapping[Direction, tuple[Window, ...]]
    yellow: Mapping[Direction, tuple[Window, ...]]


@dataclass(frozen=True, slots=True)
class LegLine:
    """The way from one signal to the next as driven, at free speed."""

    direction: Direction
    from_signal: str
    to_signal: str
    distance_m: float
    travel_time_s: float
    speed_mps: float
    flow_vph: float


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a band crosses a signal: its first and last moment, s after system zero."""

    signal_id: str
    position_m: float
    first_s: float
    last_s: float


@dataclass(frozen=True, slots=True)
class BandLine:
    """A band in one direction, over the whole corridor or from one signal to the next.

    Attributes
    ----------
    direction, width_s, cycle_s
        It repeats every cycle, which is 0 where cycles do not go together.
    efficiency, attainability
        Parts of the cycle, and of the shortest green, that are band; 0 to 1.
    reason
        Why there is none; empty where there is one.
    edges
        As driven; empty where there is none.
    """

    direction: Direction
    width_s: float
    cycle_s: int
    efficiency: float
    attainability: float
    reason: str
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class TimeSpacePicture:
    """A corridor under one set of plans.

    Attributes
    ----------
    name, length_m
        Of the corridor.
    cycle_s
        The longest cycle in it, s; 0 where no plan is known.
    signals
        Outbound.
    legs
        Of both directions.
    bands
        Of each direction over the whole corridor.
    part_bands
        Between neighbors, of the directions that have no band over the whole.
    """

    name: str
    length_m: float
    cycle_s: int
    signals: tuple[SignalLine, ...]
    legs: tuple[LegLine, ...]
    bands: tuple[BandLine, ...]
    part_bands: tuple[BandLine, ...]


def time_space_picture(
    name: str, corridor: Corridor, plans: Mapping[str, TimingPlan], network: RoadNetwork
) -> TimeSpacePicture:
    """Lay out a time-space diagram.

    Parameters
    ----------
    name
        Of the corridor.
    corridor
        Its stops.
    plans
        By signal; those not among them are drawn without windows.
    network
        For the phases of the signals.

    Returns
    -------
    TimeSpacePicture
    """
    measured = corridor_bands(corridor, plans, network)
    whole, parts = [], []
    for direction, band in zip(corridor.directions, measured.bands, strict=True):
        course = corridor.course(direction)
        whole.append(_band(direction, course, band))
        if not band.width_s:
            for pair in pairwise(course):
                parts.append(_band(direction, pair, green_band(pair, direction, plans, network)))
    shown = [plans[signal] for signal in corridor.signals if signal in plans]
    return TimeSpacePicture(
        name,
        corridor.stops[-1].distance_m,
        max((plan.cycle_s for plan in shown), default=0),
        tuple(
            _signal(
                stop, plans.get(stop.signal_id), network.signals[stop.signal_id].phasing, corridor
            )
            for stop in corridor.stops
        ),
        tuple(_legs(corridor)),
        tuple(whole),
        tuple(parts),
    )


def _signal(
    stop: Stop, plan: TimingPlan | None, phasing: Phasing | None, corridor: Corridor
) -> SignalLine:
    if plan is None or phasing is None:
        return SignalLine(stop.signal_id, stop.distance_m, None, None, None, None, (), {}, {})
    green: dict[Direction, tuple[Window, ...]] = {}
    yellow: dict[Direction, tuple[Window, ...]] = {}
    for direction in corridor.directions:
        passages = stop.passages(direction)
        shown = aspects_shown(passages[0].connections, plan, phasing).tolist()
        green[direction] = windows(shown, GREEN)
        yellow[direction] = windows(shown, YELLOW)
    return SignalLine(
        stop.signal_id,
        stop.distance_m,
        plan.cycle_s,
        plan.offset_s,
        plan.offset_reference,
        plan.coordinated_phase,
        tuple(
            PhaseSplit(number, split_s, phasing.phase(number).min_split_s)
            for number, split_s in zip(plan.sequence, plan.splits_s, strict=True)
        ),
        green,
        yellow,
    )


def windows(shown: list[str], aspect: str) -> tuple[Window, ...]:
    """Return when a lamp shows an aspect.

    Parameters
    ----------
    shown
        What it shows over one cycle, per tenth of a second from system zero.
    aspect
        As `engine.measures.bandwidth` writes it.
    """
    runs: list[tuple[int, int]] = []
    at = 0
    for found, run in groupby(shown):
        length = len(list(run))
        if found == aspect:
            runs.append((at, at + length))
        at += length
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][1] == at:
        # One window over the end of the cycle.
        (_, end), (begin, _) = runs[0], runs[-1]
        runs = [*runs[1:-1], (begin, at + end)]
    return tuple(Window(a / TENTHS_PER_SECOND, b / TENTHS_PER_SECOND) for a, b in runs)


def _legs(corridor: Corridor) -> list[LegLine]:
    found = []
    for direction in corridor.directions:
        names, legs = corridor.signals, corridor.outbound_legs
        if direction == "inbound":
            names, legs = names[::-1], corridor.inbound_legs[::-1]
        for (a, b), leg in zip(pairwise(names), legs, strict=True):
            speed_mps = leg.distance_m / leg.travel_time_s
            found.append(
                LegLine(direction, a, b, leg.distance_m, leg.travel_time_s, speed_mps, leg.flow_vph)
            )
    return found


def _band(direction: Direction, course: tuple[tuple[Stop, float], ...], band: Band) -> BandLine:
    edges: tuple[Edge, ...] = ()
    if band.width_s:
        start_s = course[0][1]
        edges = tuple(
            Edge(
                stop.signal_id,
                stop.distance_m,
                band.begin_s + elapsed_s - start_s,
                band.begin_s + elapsed_s - start_s + band.width_s,
            )
            for stop, elapsed_s in course
        )
    return BandLine(
        direction,
        band.width_s,
        band.cycle_s,
        band.efficiency,
        band.attainability,
        band.reason,
        edges,
    )
