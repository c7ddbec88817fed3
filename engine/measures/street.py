"""The street as arrays: lanes, gates, approaches and streams, ready for the queue kernel.

*Stop lanes* end at a signal. Behind them, where the road has fewer lanes, lies a *gate*: a lane
from which vehicles spread over several stop lanes, first come first served, so that one full
turn pocket holds up its neighbors. An *approach* is everything between a stop line and the
signals upstream of it; a road from other signals that joins it is an approach to the same stop
lanes. *Streams* carry what leaves one signal to an approach of another.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.measures.driving import Driving
from engine.measures.lane_flows import assign_lanes, flows_by_period
from engine.measures.objective import Objective
from engine.measures.streams import fit_streams
from engine.measures.street_arrays import (
    UNLIMITED_VEH,
    ApproachArrays,
    Floats,
    Integers,
    LaneArrays,
    StreamArrays,
    Street,
)
from engine.measures.street_rows import StreetRows
from network.errors import InsufficientDataError
from network.graph import RoadNetwork

__all__ = [
    "UNLIMITED_VEH",
    "ApproachArrays",
    "Driving",
    "Floats",
    "Integers",
    "LaneArrays",
    "StreamArrays",
    "Street",
    "assign_lanes",
    "build_street",
]


def build_street(
    network: RoadNetwork,
    movement_vph: Mapping[str, Floats],
    period_s: int,
    driving: Driving | None = None,
    lane_shares: Mapping[str, float] | None = None,
    objective: Objective | None = None,
) -> Street:
    """Lay a demand over a network.

    Parameters
    ----------
    network
        The roads.
    movement_vph
        Flow of each movement in each period, veh/h; movements not named carry nothing.
    period_s
        Length of a period, s.
    driving
        Driver behavior; the defaults by default.
    lane_shares
        Part of its movement's flow that each connection carries, where lanes were counted.
        Movements without are spread by `assign_lanes`.
    objective
        What is wanted of plans; little delay by default.

    Returns
    -------
    Street

    Raises
    ------
    InsufficientDataError
        If no movement carries anything, or a flow is missing or negative.
    """
    driving = driving or Driving()
    flows = {
        name: np.asarray(movement_vph[name], dtype=np.float64)
        if name in movement_vph
        else np.zeros(1)
        for name in network.movements
    }
    periods = max([1, *(values.size for values in flows.values())])
    for name, values in flows.items():
        countable = (values >= 0) & (values < np.inf)
        if values.shape not in ((1,), (periods,)) or not countable.all():
            raise InsufficientDataError(
                f"movement {name!r}: flows {values.tolist()} veh/h; needed are {periods} numbers "
                "of 0 or more, or one for all periods"
            )
    flows = {name: np.broadcast_to(values, (periods,)) for name, values in flows.items()}
    mean_vph = {name: float(values.mean()) for name, values in flows.items()}
    if not any(value > 0 for value in mean_vph.values()):
        raise InsufficientDataError("no movement of the network carries any traffic")
    stream_table, outside = fit_streams(network, mean_vph, driving.pace)
    by_connection = flows_by_period(network, flows, periods, driving, lane_shares or {})
    builder = StreetRows(network, driving, by_connection, objective or Objective())
    outside_vps = np.zeros((periods, len(builder.approach_names)))
    row_of = {link: a for a, link in enumerate(builder.approach_names)}
    for movement in network.movements.values():
        if movement.from_link in row_of:
            outside_vps[:, row_of[movement.from_link]] += flows[movement.movement_id] / 3600.0
    outside_vps *= [outside.get(link, 1.0) for link in builder.approach_names]
    return builder.street(stream_table, outside_vps, period_s)
