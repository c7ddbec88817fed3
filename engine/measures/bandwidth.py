"""Green bands: the platoon that meets green at every signal of a corridor.

A band is the set of moments, within one cycle, at which a vehicle may cross the first stop line
and, driving at free speed, meet green at every further one (Little, Kelson and Gartner 1981,
"MAXBAND", doi 10.3141/TRR/795). It is measured on given plans by scanning a whole cycle in
tenths of a second, which is the resolution of the plans themselves; running times are rounded
to tenths. Queues, start-up losses and the spread of a platoon are not modeled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.measures.corridor import Corridor, Direction, Stop
from network.graph import Connection, RoadNetwork
from network.phasing import GREEN_ASPECTS, Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND

GREEN, YELLOW, RED = "G", "y", "r"

CYCLES_DIFFER = "cycles differ"

Ticks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Band:
    """A green band in one direction, or the reason why there is none.

    Attributes
    ----------
    width_s
        How long per cycle a vehicle may set out and meet nothing but green, s.
    begin_s
        When the band begins at the direction's first stop line, s after system zero, from 0 to
        the cycle.
    cycle_s
        The common cycle; 0 where there is none.
    least_green_s
        Shortest through green along the way, s per cycle.
    reason
        Why there is no band; empty where there is one.
    """

    width_s: float
    begin_s: float
    cycle_s: int
    least_green_s: float
    reason: str

    @property
    def efficiency(self) -> float:
        """Part of the cycle that is band, 0 to 1."""
        return self.width_s / self.cycle_s if self.cycle_s else 0.0

    @property
    def attainability(self) -> float:
        """Part of the shortest through green that is band, 0 to 1."""
        return min(1.0, self.width_s / self.least_green_s) if self.least_green_s else 0.0


@dataclass(frozen=True, slots=True)
class CorridorBands:
    """The bands of both directions.

    Attributes
    ----------
    outbound, inbound
        Inbound is None where the corridor is one-way.
    """

    outbound: Band
    inbound: Band | None

    @property
    def bands(self) -> tuple[Band, ...]:
        """Those there are."""
        return (self.outbound,) if self.inbound is None else (self.outbound, self.inbound)

    @property
    def efficiency(self) -> float:
        """Mean band over the cycle, 0 to 1."""
        return sum(band.efficiency for band in self.bands) / len(self.bands)

    @property
    def attainability(self) -> float:
        """Sum of bands over sum of shortest greens, 0 to 1."""
        least = sum(band.least_green_s for band in self.bands)
        return min(1.0, sum(band.width_s for band in self.bands) / least) if least else 0.0


def corridor_bands(
    corridor: Corridor, plans: Mapping[str, TimingPlan], network: RoadNetwork
) -> CorridorBands:
    """Measure the bands of plans along a corridor.

    Parameters
    ----------
    corridor
        The stops.
    plans
        Plan of every stop's signal.
    network
        For the phases of the signals.

    Returns
    -------
    CorridorBands
        Of width 0 with a reason where a plan is missing or a cycle does not go into the longest.
    """
    inbound = None
    if corridor.inbound_legs:
        inbound = green_band(corridor.course("inbound"), "inbound", plans, network)
    return CorridorBands(
        green_band(corridor.course("outbound"), "outbound", plans, network), inbound
    )


def green_band(
    course: Sequence[tuple[Stop, float]],
    direction: Direction,
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
) -> Band:
    """Measure the band of one direction over a corridor or a part of it.

    Parameters
    ----------
    course
        Stops as driven, each with the running time from any common zero, s; a part of
        `Corridor.course` gives the band over that part.
    direction
        Which movements to look at.
    plans, network
        As for `corridor_bands`.

    Returns
    -------
    Band
        Where several stretches of the cycle are band, the longest, then the earliest.
    """
    greens: list[Ticks] = []
    for stop, _ in course:
        plan, phasing = plans.get(stop.signal_id), network.signals[stop.signal_id].phasing
        if plan is None or phasing is None:
            return Band(0.0, 0.0, 0, 0.0, f"no plan of signal {stop.signal_id} is known")
        greens.append(stop_green(stop, direction, plan, phasing))
    return band_of_greens(greens, [elapsed_s for _, elapsed_s in course])


def band_of_greens(greens: Sequence[Ticks], elapsed_s: Sequence[float]) -> Band:
    """Measure the band that greens one after the other leave open.

    Parameters
    ----------
    greens
        Of each stop as driven, from `stop_green`.
    elapsed_s
        Running time to each from any common zero, s.

    Returns
    -------
    Band
        As `green_band` returns it.
    """
    least_s = min(int(green.sum()) for green in greens) / TENTHS_PER_SECOND
    cycle = max(len(green) for green in greens)
    if any(cycle % len(green) for green in greens):
        return Band(0.0, 0.0, 0, least_s, CYCLES_DIFFER)
    open_ = np.ones(cycle, dtype=np.bool_)
    for green, at_s in zip(greens, elapsed_s, strict=True):
        # A signal with half the cycle shows its green twice.
        whole = np.tile(green, cycle // len(green))
        open_ &= np.roll(whole, -round((at_s - elapsed_s[0]) * TENTHS_PER_SECOND))
    begin, width = longest_run(open_)
    return Band(
        width / TENTHS_PER_SECOND,
        begin / TENTHS_PER_SECOND,
        cycle // TENTHS_PER_SECOND,
        least_s,
        "" if width else "no moment meets green at every signal",
    )


def stop_green(stop: Stop, direction: Direction, plan: TimingPlan, phasing: Phasing) -> Ticks:
    """Return when a vehicle may cross a stop's first stop line and all its further ones.

    Parameters
    ----------
    stop, direction
        Which stop lines.
    plan, phasing
        The signal's plan and phases.

    Returns
    -------
    ndarray of bool
        One cycle in tenths of a second from system zero.
    """
    green = np.ones(plan.cycle_s * TENTHS_PER_SECOND, dtype=np.bool_)
    for passage in stop.passages(direction):
        shown = aspects_shown(passage.connections, plan, phasing)
        green &= np.roll(shown == GREEN, -round(passage.lag_s * TENTHS_PER_SECOND))
    return green


def aspects_shown(
    connections: Sequence[Connection], plan: TimingPlan, phasing: Phasing
) -> NDArray[np.str_]:
    """Return what a movement is shown over one cycle.

    Parameters
    ----------
    connections
        Its lanes; green on any of them is green for the movement.
    plan, phasing
        The signal's plan and phases.

    Returns
    -------
    ndarray of str
        ``G`` green, protected or permissive, ``y`` yellow, ``r`` red (also red and yellow), per
        tenth of a second from system zero.
    """
    intervals = plan.intervals(phasing)
    aspects = np.array([_aspect(connections, interval.aspects) for interval in intervals])
    shown = np.repeat(aspects, [interval.duration_ds for interval in intervals])
    return np.roll(shown, plan.begin_s(phasing) * TENTHS_PER_SECOND)


def longest_run(mask: Ticks) -> tuple[int, int]:
    """Return begin and length of the longest run of True on a circle; 0, 0 if there is none."""
    size = len(mask)
    if mask.all():
        return 0, size
    best = (0, 0)
    for begin in np.flatnonzero(mask & ~np.roll(mask, 1)).tolist():
        ahead = np.roll(mask, -begin)
        length = int(np.argmin(ahead))
        if length > best[1]:
            best = (begin, length)
    return best


def _aspect(connections: Sequence[Connection], picture: str) -> str:
    lamps = [{picture[group] for group in c.groups} for c in connections]
    if any(found <= GREEN_ASPECTS for found in lamps):
        return GREEN
    return YELLOW if any(YELLOW in found for found in lamps) else RED
