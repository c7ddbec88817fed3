"""Kernel of arrivals: platoons from stop line to stop line."""

# numba's decorators carry no types; the kernels' own signatures are annotated.

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from engine.forecast.sensing_kernels import Floats, Integers

IDLE_BINS, IDLE_PART = 4, 0.6
"""A stop line that was open for so many bins and passed less than this part of what it could
has no queue; whatever the shares say, it begins anew."""


LEAST_VARIANCE = 1e-12


class StopTurns(NamedTuple):
    """Turns at stop lines."""

    link: Integers  # per turn
    exit: Integers  # per turn
    share: Floats  # per turn, of its link's arrivals
    late: Integers  # per turn, bins from where arrivals are seen on to the stop line


class PlatoonStreams(NamedTuple):
    """Traffic from exits to links."""

    exit: Integers
    link: Integers
    share: Floats
    delay_bins: Floats  # any number from 0
    smoothing: Floats  # part F of the newest bin, 0 < F <= 1


@njit(cache=True, error_model="numpy")
def roll_platoons(
    departed_veh: Floats,
    service_veh: Floats,
    outside_veh: Floats,
    turns: StopTurns,
    streams: PlatoonStreams,
    queue_now: Floats,
    now: int,
    arrivals_veh: Floats,
    departures_veh: Floats,
    queue_veh: Floats,
) -> None:
    """Move platoons from stop line to stop line, bin by bin.

    Parameters
    ----------
    departed_veh
        [turn, bin] measured departures; NaN where they are to be predicted.
    service_veh
        [turn, bin] vehicles that can leave from a standing queue.
    outside_veh
        [link, bin] arrivals that passed no signal.
    turns, streams
        The streets.
    queue_now, now
        [turn] queues at the beginning of bin `now`; NaN where they are not measured.
    arrivals_veh, departures_veh, queue_veh
        [link, bin], [exit, bin] and [turn, bin], filled in; queues at the end of the bin.
    """
    n_turns, bins = departed_veh.shape
    n_streams = streams.exit.size
    level = np.zeros(n_streams)
    # Nobody knows how many of the expected stand in the queue; they scatter like Poisson counts.
    variance = np.zeros(n_turns)
    for b in range(bins):
        for link in range(arrivals_veh.shape[0]):
            arrivals_veh[link, b] = outside_veh[link, b]
        for e in range(departures_veh.shape[0]):
            departures_veh[e, b] = 0.0
        for s in range(n_streams):
            whole = int(streams.delay_bins[s])
            part = streams.delay_bins[s] - whole
            # Zero delay means the bin before: a departure cannot arrive in the bin it leaves.
            at = b - max(whole, 1)
            if whole < 1:
                part = 0.0
            came = 0.0
            if at >= 0:
                came += (1.0 - part) * departures_veh[streams.exit[s], at]
            if at >= 1:
                came += part * departures_veh[streams.exit[s], at - 1]
            level[s] += streams.smoothing[s] * (streams.share[s] * came - level[s])
            arrivals_veh[streams.link[s], b] += level[s]
        for t in range(n_turns):
            queue = queue_veh[t, b - 1] if b > 0 else 0.0
            if b == now and not np.isnan(queue_now[t]):
                queue = queue_now[t]
                variance[t] = 0.0
            reached = b - turns.late[t]
            if reached >= 0:
                fresh = arrivals_veh[turns.link[t], reached] * turns.share[t]
                queue += fresh
                variance[t] += fresh
            left = departed_veh[t, b]
            if np.isnan(left):
                left = 0.0
                if service_veh[t, b] > 0.0:
                    rest, variance[t] = what_remains(queue - service_veh[t, b], variance[t])
                    left = min(max(queue - rest, 0.0), service_veh[t, b])
                    queue -= left
            else:
                # Who leaves before he was expected is owed, or he would be expected for ever.
                queue -= left
                if b + 1 >= IDLE_BINS:
                    could, did, open_throughout = 0.0, 0.0, True
                    for k in range(b + 1 - IDLE_BINS, b + 1):
                        open_throughout = open_throughout and service_veh[t, k] > 0.0
                        could += service_veh[t, k]
                        did += departed_veh[t, k]
                    if open_throughout and did < IDLE_PART * could:
                        queue = 0.0
                        variance[t] = 0.0
            queue_veh[t, b] = queue
            departures_veh[turns.exit[t], b] += left


@njit(cache=True, error_model="numpy")
def what_remains(mean: float, variance: float) -> tuple[float, float]:
    """Return mean and variance of what is left of a queue that cannot be less than nobody.

    Both of a normal variable cut off at zero. Without scatter the mean queue would leave in one
    piece; but it is longer in one cycle and shorter in another, and so platoons have a tail.

    Parameters
    ----------
    mean, variance
        Of those who wait less those who could leave.
    """
    if variance < LEAST_VARIANCE:
        return max(mean, 0.0), 0.0
    sd = math.sqrt(variance)
    z = mean / sd
    above = 0.5 * math.erfc(-z * math.sqrt(0.5))
    density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    rest = max(mean * above + sd * density, 0.0)
    square = (mean * mean + variance) * above + mean * sd * density
    return rest, max(square - rest * rest, 0.0)
