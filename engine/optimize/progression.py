"""Offsets along one corridor for those who ride at a steady speed of their own, such as bicycles.

Cycles, splits and sequences stay; only offsets along the corridor move, and not the first one's.
They give the widest bands that there are at that speed both ways (MAXBAND, Little, Kelson and
Gartner, *Transportation Research Record* 795, 1981). Nobody waits behind queues of cars, for
bicycles have a way of their own. Not looked at: what it does to the cars' delay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from engine.measures.bandwidth import CorridorBands, corridor_bands
from engine.measures.corridor import Corridor, Leg, Passage, Stop
from engine.measures.street import Street
from engine.optimize.band_models import Balance, BandLimits
from engine.optimize.bands import band_offsets
from network.errors import InfeasibleError
from network.graph import RoadNetwork
from network.timing import TimingPlan

SLOWEST_MPS: Final = 1.0
BICYCLE_MPS: Final = 5.0
"""18 km/h, between the 15 to 20 km/h of green waves for bicycles in Amsterdam and Copenhagen."""


@dataclass(frozen=True, slots=True)
class Progression:
    """Plans for a steady speed along a corridor.

    Attributes
    ----------
    plans
        Of every signal of the corridor.
    paced_before, paced_after
        Bands at that speed, of the plans before and of these.
    free_before, free_after
        The same at free speed, for cars.
    """

    plans: Mapping[str, TimingPlan]
    paced_before: CorridorBands
    paced_after: CorridorBands
    free_before: CorridorBands
    free_after: CorridorBands


def paced(corridor: Corridor, speed_mps: float) -> Corridor:
    """Return a corridor as somebody rides it who is never faster than a speed.

    Raises
    ------
    InfeasibleError
        The speed is below `SLOWEST_MPS` or not finite.
    """
    if not SLOWEST_MPS <= speed_mps < math.inf:
        raise InfeasibleError(
            f"progression at {speed_mps:g} m/s; allowed is a finite speed from {SLOWEST_MPS:g} m/s"
        )
    there = tuple(_paced_leg(leg, speed_mps) for leg in corridor.outbound_legs)
    back = tuple(_paced_leg(leg, speed_mps) for leg in corridor.inbound_legs)
    ways = ((there, corridor.outbound_legs), (back, corridor.inbound_legs))
    # Between the stop lines of one signal no distance is known: as much slower as on the legs.
    slower = [
        sum(leg.travel_time_s for leg in slow) / sum(leg.travel_time_s for leg in free)
        if free
        else 1.0
        for slow, free in ways
    ]
    stops = tuple(_paced_stop(stop, *slower) for stop in corridor.stops)
    return Corridor(stops, there, back)


def progression(
    corridor: Corridor,
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
    street: Street,
    speed_mps: float = BICYCLE_MPS,
    limits: BandLimits | None = None,
) -> Progression:
    """Give the signals of a corridor the offsets with the widest bands at a speed.

    Both ways get bands of one width where there are any; else the widest bands of all.

    Parameters
    ----------
    corridor
        The stops, at free speed.
    plans
        Plan of every stop's signal, all of one cycle.
    network, street
        The roads, and the flows on them.
    speed_mps
        Riding speed, m/s.
    limits
        When to stop the search.

    Raises
    ------
    InfeasibleError
        The speed is out of its range, cycles differ, a plan is missing, or never lets anybody by.
    EngineError
        If the limits ended the search before anything was found.
    """
    ridden = paced(corridor, speed_mps)
    before = {signal: plans[signal] for signal in corridor.signals if signal in plans}
    # Without a balance the sum of both bands counts, and one way mostly gets all of it.
    both = (Balance.EQUAL, Balance.TARGET)
    for balance in both if corridor.inbound_legs else both[1:]:
        found = band_offsets(
            ridden,
            before,
            network,
            street,
            ratio=1.0,
            balance=balance,
            queues=False,
            limits=limits,
        )
        after = {signal: found.plans[signal] for signal in corridor.signals}
        bands = corridor_bands(ridden, after, network)
        if all(band.width_s > 0.0 for band in bands.bands):
            break
    return Progression(
        after,
        corridor_bands(ridden, before, network),
        bands,
        corridor_bands(corridor, before, network),
        corridor_bands(corridor, after, network),
    )


def _paced_leg(leg: Leg, speed_mps: float) -> Leg:
    return replace(leg, travel_time_s=max(leg.travel_time_s, leg.distance_m / speed_mps))


def _paced_stop(stop: Stop, there: float, back: float) -> Stop:
    def later(passages: tuple[Passage, ...], slower: float) -> tuple[Passage, ...]:
        return tuple(replace(p, lag_s=p.lag_s * slower) for p in passages)

    return replace(stop, outbound=later(stop.outbound, there), inbound=later(stop.inbound, back))
