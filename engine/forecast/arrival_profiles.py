"""Greens as bins, and arrivals folded into the signal's cycle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.forecast.arrivals import ArrivalModel
from engine.measures.evaluation import second_codes, usable
from engine.measures.street import Driving
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.timing import TimingPlan

Floats = NDArray[np.float64]

PERMITTED_PART = 0.5
"""Part of the saturation flow that a turn reaches while it has to yield."""


def planned_green(
    model: ArrivalModel,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    begin_s: int,
    bins: int,
    driving: Driving | None = None,
) -> Floats:
    """Return which part of every bin each turn can use under the plans.

    Parameters
    ----------
    model, network
        The streets.
    plans
        Plan of each signal; turns of signals without one are open throughout.
    begin_s
        System time at which the first bin begins, s.
    bins
        How many.
    driving
        For lost and gained seconds.

    Returns
    -------
    ndarray
        [turn, bin], 0 to 1; a turn that yields counts `PERMITTED_PART`.
    """
    driving = driving or Driving()
    seconds = begin_s + np.arange(bins * model.bin_s)
    green = np.ones((len(model.turn_ids), bins))
    for t, turn in enumerate(model.turn_ids):
        movement = network.movements[turn]
        signal = network.signals[movement.signal_id]
        plan = plans.get(movement.signal_id)
        if plan is None or signal.phasing is None:
            continue
        codes = second_codes(plan, signal.phasing)
        groups = sorted({g for c in movement.connections for g in c.groups})
        if not groups:
            continue
        shown = usable(codes[:, groups].max(axis=1), driving.start_loss_s, driving.end_gain_s)
        part = np.where(shown < 0, PERMITTED_PART * -shown, shown)
        at = (seconds - plan.begin_s(signal.phasing)) % plan.cycle_s
        green[t] = part[at].reshape(bins, model.bin_s).mean(axis=1)
    return green


def cycle_profile(arrivals_veh: Floats, bin_s: int, cycle_s: int, begin_s: float = 0.0) -> Floats:
    """Fold arrivals into one cycle.

    Parameters
    ----------
    arrivals_veh
        Vehicles per bin, [..., bin]; trailing bins that fill no cycle are left out.
    bin_s
        Length of a bin, s.
    cycle_s
        Length of the cycle, s.
    begin_s
        System time at which the first bin begins, s.

    Returns
    -------
    ndarray
        Mean vehicles per second of the cycle and cycle, [..., cycle_s]. Their sum is the mean
        number per cycle.

    Raises
    ------
    InsufficientDataError
        If the arrivals do not fill one cycle.
    """
    cycles = arrivals_veh.shape[-1] * bin_s // cycle_s if cycle_s > 0 and bin_s > 0 else 0
    if cycles < 1:
        raise InsufficientDataError(
            f"{arrivals_veh.shape[-1]} bins of {bin_s} s do not fill a cycle of {cycle_s} s"
        )
    seconds = np.repeat(arrivals_veh / bin_s, bin_s, axis=-1)[..., : cycles * cycle_s]
    folded = seconds.reshape(*seconds.shape[:-1], cycles, cycle_s).mean(axis=-2)
    return np.roll(folded, round(begin_s) % cycle_s, axis=-1)


def arrivals_on_green(profile_veh: Floats, green: Floats) -> float:
    """Return which part of the arrivals finds green, 0 to 1.

    Parameters
    ----------
    profile_veh
        Arrivals, [bin].
    green
        Part of each bin that is green, [bin].
    """
    total = float(profile_veh.sum())
    return float((profile_veh * green).sum() / total) if total > 0 else 0.0
