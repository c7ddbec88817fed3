"""What plans give the lanes of a group in each second of the cycle, and what drivers make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.measures import cyclic_arrays as kernels
from engine.measures.cyclic_arrays import CyclicArrays
from engine.measures.cyclic_group import CyclicGroup
from engine.measures.evaluation import second_codes, usable
from engine.measures.kernels import TINY, accepted_gaps
from engine.measures.program_kernels import Singles
from engine.measures.street import Floats, Street
from network.graph import RoadNetwork
from network.timing import TimingPlan


def way_service(group: CyclicGroup, network: RoadNetwork, plan: TimingPlan, cycle_s: int) -> Floats:
    """Return the usable part of every second of the common cycle for a signal's ways.

    Parameters
    ----------
    group, network, plan
        The signal's group, its phases and its plan.
    cycle_s
        The common cycle, a multiple of the plan's own.

    Returns
    -------
    ndarray
        [way of the signal, second], from the plan's own beginning on.
    """
    phasing = network.signals[plan.signal_id].phasing
    assert phasing is not None
    codes = second_codes(plan, phasing)
    driving = group.street.driving
    rows = group.ways[group.ways_of(plan.signal_id)]
    table = np.array(
        [
            usable(
                codes[:, list(group.street.ways[row].groups)].min(axis=1),
                driving.start_loss_s,
                driving.end_gain_s,
            )
            for row in rows
        ]
    )
    return np.tile(table, (1, cycle_s // plan.cycle_s))


def kind_of(group: CyclicGroup, lane: int, service: NDArray[np.floating[Any]]) -> int:
    """Return which of the kernels' kinds a lane is under a service table.

    Parameters
    ----------
    group, lane
        The lane, as a row of the group's arrays.
    service
        [way, second], as `way_service` has it.
    """
    arrays = group.arrays
    rows = [
        w
        for w in range(arrays.first_way[lane], arrays.first_way[lane + 1])
        if arrays.way_share[w] > TINY
    ]
    if not rows:
        return kernels.PLAIN
    yields = bool((service[rows] < 0).any())
    if len(rows) == 1:
        return kernels.YIELDS if yields else kernels.PLAIN
    apart = bool((service[rows] != service[rows[0]]).any())
    return kernels.MIXED if yields or apart else kernels.PLAIN


def manners_of(street: Street) -> tuple[Floats, float, float]:
    """Return the driver behavior that the kernels need: gaps accepted, bunches, slack."""
    driving = street.driving
    table = accepted_gaps(driving.critical_gap_s, driving.follow_up_s)
    return table, driving.bunch_s, driving.slack_veh


def single_manners(street: Street) -> tuple[Singles, float, float]:
    """Return `manners_of` with the table in single precision."""
    table, bunch_s, slack_veh = manners_of(street)
    return table.astype(np.float32), bunch_s, slack_veh


def fading(arrays: CyclicArrays, cycle_s: int) -> Floats:
    """Return what is left of a platoon's tail, [stream, second]."""
    keep = 1.0 - arrays.stream_smoothing
    found: Floats = np.power(keep[:, None], np.arange(1, cycle_s + 1)[None, :])
    return found
