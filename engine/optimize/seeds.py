"""Offsets to begin a search from: bands along the strongest corridor, link tables for groups."""

from __future__ import annotations

from collections.abc import Iterator

from engine.measures.corridor import Corridor
from engine.measures.street import Street
from engine.optimize.band_models import BandLimits
from engine.optimize.bands import band_offsets
from engine.optimize.offsets import table_offsets
from engine.optimize.search import Plans
from network.errors import EngineError
from network.graph import RoadNetwork

BAND_NODES = 2000
"""Branches the band program may try, so that equal input gives equal plans on any machine."""


def seeded(
    network: RoadNetwork,
    street: Street,
    plans: Plans,
    group: tuple[str, ...],
    corridor: Corridor | None,
    seed: int,
) -> Iterator[Plans]:
    """Yield the plans with other offsets worth starting from.

    Parameters
    ----------
    network, street
        The roads and their demand.
    plans
        Cycles and splits to keep, of the whole group.
    group
        A coordination group.
    corridor
        Where bands are wanted, if anywhere.
    seed
        For the search on the link tables.

    Yields
    ------
    dict
        All plans, some with new offsets.
    """
    if corridor is not None and all(stop.signal_id in plans for stop in corridor.stops):
        try:
            solution = band_offsets(
                corridor, plans, network, street, limits=BandLimits(nodes=BAND_NODES)
            )
        except EngineError:
            # The corridor's signals run different cycles, or no band was found in time.
            pass
        else:
            yield {**plans, **solution.plans}
    yield {**plans, **table_offsets(street, network, plans, group, seed)}
