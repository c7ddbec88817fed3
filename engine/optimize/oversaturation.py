"""Where more wants to pass than any split serves, and what is planned for then.

Plain delay knows no place: a vehicle that waits in a full block costs what one costs that waits at
the edge of town. But the one in the block stands on the junction behind it, whose green is lost to
others. So where demand exceeds capacity whatever the plan, plans may be made by a policy, which is
a price: queues that stand or grow beyond `BALANCE_PART` of the room of their block, within the time
planned for, cost `BALANCE_PRICE` beside their delay, in the steady cycle and in the hour-long
model. It is least where greens upstream are cut down to what the full block sends on (metering),
where queues grow in proportion to the room they have (the time for which a queue is too long
counts), and where traffic is held on the roads into the network, which have room. Gazis 1964,
doi:10.1287/opre.12.6.815, gives the reason: with queues at several signals, time is saved only by
serving where it does not block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.measures.objective import Objective, QueueLimit
from engine.measures.street import Street
from engine.optimize.isolated import IsolatedSignal
from network.graph import RoadNetwork
from network.units import SECONDS_PER_HOUR

BALANCE_PART = 0.6
"""Part of a block's room that its mean queue should keep to: queues swing within the cycle, and by
chance. With the whole room, plans that the model likes best locked SUMO's streets."""

BALANCE_PRICE = 5.0
"""Price of a vehicle beyond that part, in vehicles delayed."""

LEAST_UNSERVED_VPH = 10.0


@dataclass(frozen=True, slots=True)
class Overload:
    """A movement that brings more than can be served.

    Attributes
    ----------
    signal_id, movement
        Where.
    flow_vph, unserved_vph
        What comes on average, and what of it is left, veh/h, where the signal is split so that
        least is left in all.
    cycle_s
        The cycle that was split: the longest allowed, which loses least time.
    """

    signal_id: str
    movement: str
    flow_vph: float
    unserved_vph: float
    cycle_s: int


def overloads(
    street: Street, network: RoadNetwork, isolated: Mapping[str, IsolatedSignal], part: float
) -> tuple[Overload, ...]:
    """Return the movements whose traffic cannot all be served, whatever the splits.

    Parameters
    ----------
    street, network
        The roads and the demand that `isolated` was made for.
    isolated
        The signals alone.
    part
        Of that demand; its mean over the whole time counts, so that a peak which is worked off
        later is none.

    Returns
    -------
    tuple of Overload
        The greatest first.
    """
    movement_of = {
        connection.connection_id: movement.movement_id
        for movement in network.movements.values()
        for connection in movement.connections
    }
    found: list[Overload] = []
    for name, signal in isolated.items():
        unserved_vps, cycle_s = signal.unserved_vps(part)
        left: dict[str, float] = {}
        flow: dict[str, float] = {}
        for row, lane in enumerate(signal.lanes.tolist()):
            volume = float(street.lane_volume_vps[lane])
            for way in range(street.lanes.first_way[lane], street.lanes.first_way[lane + 1]):
                movement = movement_of[street.ways[way].connection_id]
                share = float(street.way_volume_vps[way]) / max(volume, 1e-12)
                left[movement] = left.get(movement, 0.0) + share * float(unserved_vps[row])
                flow[movement] = flow.get(movement, 0.0) + part * float(street.way_volume_vps[way])
        found += [
            Overload(
                name,
                movement,
                flow[movement] * SECONDS_PER_HOUR,
                vps * SECONDS_PER_HOUR,
                cycle_s,
            )
            for movement, vps in left.items()
            if vps * SECONDS_PER_HOUR >= LEAST_UNSERVED_VPH
        ]
    return tuple(sorted(found, key=lambda o: (-o.unserved_vph, o.movement)))


def balancing(objective: Objective, found: Sequence[Overload]) -> Objective:
    """Return what to plan for where some traffic cannot be served.

    Parameters
    ----------
    objective
        What the engineer wants. A limit on queues that he set himself stays as it is.
    found
        Movements that bring too much; without any, nothing changes.
    """
    if not found or objective.queue_limit is not None:
        return objective
    return replace(objective, queue_limit=QueueLimit(BALANCE_PART, price=BALANCE_PRICE))


def unserved_vph(found: Sequence[Overload]) -> float:
    """Return what is left over in all, veh/h."""
    return float(np.sum([overload.unserved_vph for overload in found]))
