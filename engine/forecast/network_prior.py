"""What to expect of movements that nobody has counted yet: what the network makes of the others.

Before there are days of counts, a flow is what conservation and the usual shares of turns say,
given the counts there are. That is a guess, and it is called one (`Source.PRIOR`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.forecast.consistency import consistent_flows
from engine.forecast.turning import prior_shares
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

Floats = NDArray[np.float64]


def network_prior(
    network: RoadNetwork, movement_ids: Sequence[str], count_veh: Floats, counted_s: Floats
) -> Floats:
    """Return the mean flow of movements of which some, or all, were counted for a short while.

    Parameters
    ----------
    network
        The roads.
    movement_ids
        Movements of the network.
    count_veh, counted_s
        Vehicles counted and for how long, s, [M]; 0 s where never.

    Returns
    -------
    ndarray
        veh/h, [M]: weighted by how much was counted, in agreement over the network. All 0 where
        nothing was counted at all.
    """
    seen = counted_s > 0
    if not seen.any():
        return np.zeros(len(movement_ids))
    to_vph = SECONDS_PER_HOUR / counted_s[seen]
    flow = count_veh[seen] * to_vph
    # A Poisson count of 0 does not say that nothing will ever come; 3/8 as Anscombe has it.
    spread = np.sqrt(count_veh[seen] + 0.375) * to_vph
    names = [name for name, known in zip(movement_ids, seen, strict=True) if known]
    estimate = dict(zip(names, flow.tolist(), strict=True))
    sd = dict(zip(names, spread.tolist(), strict=True))
    found = consistent_flows(network, estimate, sd, prior_shares(network)).movement_vph()
    return np.array([found[name] for name in movement_ids])
