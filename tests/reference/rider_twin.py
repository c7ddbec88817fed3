"""A plain twin of how buses ride in queues: everybody in the queue has a place in it.

Of one lane in its steady cycle, what came and what left is unrolled over many cycles. Whoever joins
the queue leaves in the first open second in which as many have left as stood there when he came.
"""

from __future__ import annotations

from collections.abc import Sequence

LESS_THAN_ANYBODY_VEH = 0.05


def ridden(
    came: Sequence[float], left: Sequence[float], is_open: Sequence[bool], riding: Sequence[float]
) -> tuple[float, list[float]]:
    """Take riders through a queue.

    Parameters
    ----------
    came, left
        By second of the cycle, vehicles of the queue.
    is_open
        Whether riders may leave in that second.
    riding
        Riders who join in that second.

    Returns
    -------
    waited : float
        Seconds all riders of a cycle wait together.
    leaving : list of float
        Riders who leave, by second of the cycle.
    """
    cycle = len(came)
    queue = 0.0
    # The queue of the steady cycle: play until it repeats.
    for _ in range(3):
        for second in range(cycle):
            queue = max(0.0, queue + came[second] - left[second])
    waited, leaving = 0.0, [0.0] * cycle
    for second in range(cycle):
        ahead = queue + sum(came[: second + 1]) - sum(left[:second]) - LESS_THAN_ANYBODY_VEH
        wait = 0
        gone = 0.0
        while wait < 3 * cycle:
            at = (second + wait) % cycle
            gone += left[at]
            if gone >= ahead and is_open[at]:
                break
            wait += 1
        waited += riding[second] * wait
        leaving[(second + wait) % cycle] += riding[second]
    return waited, leaving
