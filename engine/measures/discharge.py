"""How queues leave a stop line: saturation headway, start-up lost time, time used after green.

From the moments at which vehicles crossed, green by green. The method is the HCM's field survey
(HCM 2010, chapter 31, "Field measurement of saturation flow rate"): headways count from the fifth
vehicle of a queue on; the first four carry the start-up loss. Time gained after green follows from
greens that the queue outlasted. Only protected green counts; drivers who yield tell nothing of
saturation. Assumed: who waited crosses in the order of the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.measures.shrinkage import drawn, drawn_ratios, pooled, sample_of
from network.calibration import Estimate
from network.errors import InsufficientDataError

Floats = NDArray[np.float64]

STARTING = 4
"""Vehicles at the head of a queue whose headways carry the start-up loss."""

HEADWAY_ERROR_S = 0.15
"""Least standard deviation of a headway: where crossings are seen only roughly, s."""

HEADWAY_PRIOR_ERROR = 0.1
"""How firmly headways are believed before: HCM base rates lie within some 10 per cent."""

LOST_PRIOR_ERROR_S = 0.5
"""How firmly lost times are believed before: HCM's 2 s, and surveys between 1 and 3 s."""

HELD_UP_HEADWAYS = 2.0
"""A queue that sends nobody for so many headways before yellow was blocked ahead."""

LONGEST_HEADWAY_S = 6.0
"""A longer headway inside a queue is a driver asleep or blocked ahead, no saturation headway."""


@dataclass(frozen=True, slots=True, eq=False)
class LaneGreen:
    """One protected green of one lane, and who crossed the stop line in it.

    Attributes
    ----------
    lane
        Name of the lane.
    begin_s, end_s
        When green began and when yellow did, s.
    crossing_s
        When each vehicle's front crossed, in order, until the lane's next green, s.
    way
        The connection each of them took.
    waited
        How many of them, from the first on, had been standing or came while others still did.
    outlasted
        Whether somebody who stood there when green began was left over.
    """

    lane: str
    begin_s: float
    end_s: float
    crossing_s: Floats
    way: tuple[str, ...]
    waited: int
    outlasted: bool


@dataclass(frozen=True, slots=True)
class Discharge:
    """What greens told.

    Attributes
    ----------
    headway_s
        Of each connection, s.
    start_loss_s, end_gain_s
        Over all lanes, s.
    queues
        Greens with a queue long enough to count.
    """

    headway_s: Mapping[str, Estimate]
    start_loss_s: Estimate
    end_gain_s: Estimate
    queues: int


def measure_discharge(
    greens: Sequence[LaneGreen],
    usual_headway_s: Mapping[str, float],
    usual_start_loss_s: float,
    usual_end_gain_s: float,
) -> Discharge:
    """Estimate headways and lost times.

    Parameters
    ----------
    greens
        Protected greens; ways must be keys of `usual_headway_s`.
    usual_headway_s
        What is believed of each connection before, s.
    usual_start_loss_s, usual_end_gain_s
        The same of lost times, s.

    Returns
    -------
    Discharge

    Raises
    ------
    InsufficientDataError
        If no queue was long enough to show a saturation headway.
    """
    queues = [green for green in greens if green.waited > STARTING]
    if not queues:
        raise InsufficientDataError(
            f"none of {len(greens)} protected greens began with more than {STARTING} vehicles "
            "waiting, so no saturation headway can be measured; take a busier or longer time"
        )
    found = headways(queues)
    headway_s = drawn_ratios(
        {way: sample_of(np.array(found.get(way, ())), HEADWAY_ERROR_S) for way in usual_headway_s},
        usual_headway_s,
        HEADWAY_PRIOR_ERROR,
    )
    value_s = {way: headway.value for way, headway in headway_s.items()}
    start_s = _by_lane((g.lane, start_loss(g, value_s)) for g in queues)
    start_loss_s = _over_lanes(start_s, usual_start_loss_s)
    gain_s = _by_lane(
        (g.lane, end_gain(g, value_s, start_loss_s.value))
        for g in queues
        if g.outlasted and not _held_up(g, value_s)
    )
    # What a green loses altogether is believed, not where it loses it: a start quicker than usual
    # is no proof of more capacity until a queue has outlasted a green.
    usual_gain_s = start_loss_s.value - (usual_start_loss_s - usual_end_gain_s)
    return Discharge(headway_s, start_loss_s, _over_lanes(gain_s, usual_gain_s), len(queues))


def headways(queues: Iterable[LaneGreen]) -> dict[str, list[float]]:
    """Collect saturation headways by the connection of the follower, s."""
    found: dict[str, list[float]] = {}
    for queue in queues:
        gaps_s = np.diff(queue.crossing_s[: queue.waited])
        for at in range(STARTING - 1, gaps_s.size):
            if 0.0 < gaps_s[at] <= LONGEST_HEADWAY_S:
                found.setdefault(queue.way[at + 1], []).append(float(gaps_s[at]))
    return found


def start_loss(queue: LaneGreen, headway_s: Mapping[str, float]) -> float:
    """Return how much longer the first vehicles took than saturation headways would, s."""
    took_s = float(queue.crossing_s[STARTING - 1]) - queue.begin_s
    return took_s - sum(headway_s[way] for way in queue.way[:STARTING])


def end_gain(queue: LaneGreen, headway_s: Mapping[str, float], start_loss_s: float) -> float:
    """Return how much longer a green served a queue that outlasted it than it was shown, s.

    The fraction of a vehicle that no longer gets across is part of the loss: it is not served.
    """
    used_s = sum(headway_s[way] for way in queue.way)
    return used_s + start_loss_s - (queue.end_s - queue.begin_s)


def _held_up(queue: LaneGreen, headway_s: Mapping[str, float]) -> bool:
    """Tell whether a queue stood still before its green was over: the road ahead was full."""
    idle_s = queue.end_s - float(queue.crossing_s[-1])
    return idle_s > HELD_UP_HEADWAYS * headway_s[queue.way[-1]]


def _by_lane(values: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for lane, value in values:
        found.setdefault(lane, []).append(value)
    return found


def _over_lanes(values: Mapping[str, list[float]], usual_s: float) -> Estimate:
    """Return the mean over lanes; where lanes saw one queue each, over all queues."""
    samples = [sample_of(np.array(list(v)), HEADWAY_ERROR_S) for _, v in sorted(values.items())]
    known = [sample for sample in samples if sample is not None]
    if not known:
        every = np.array([value for found in values.values() for value in found])
        return drawn(sample_of(every, HEADWAY_ERROR_S), usual_s, LOST_PRIOR_ERROR_S)
    return pooled(known, usual_s, LOST_PRIOR_ERROR_S)[0]
