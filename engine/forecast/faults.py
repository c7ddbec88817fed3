"""What can be wrong with a detector's count, and how it is said."""

from __future__ import annotations

from enum import IntEnum

from engine.forecast import sensing_kernels as kernels
from network.counts import Quality


class Fault(IntEnum):
    """What is wrong with a count; of several, the first one is named.

    `MISSING` nothing arrived; `DAYLIGHT` the hour does not exist or comes twice; `RANGE` more
    than the lanes can carry; `CHATTER` an implausible rise, or more vehicles than the time
    occupied allows; `STUCK` the same count again and again, or occupied throughout; `DEAD`
    silent where traffic is expected; `LEVEL` about half or double of what is expected; `CLOCK`
    the counts of another time of day; `DRIFT` slowly more or less than expected.
    """

    SOUND = kernels.SOUND
    MISSING = kernels.MISSING
    DAYLIGHT = kernels.DAYLIGHT
    RANGE = kernels.RANGE
    CHATTER = kernels.CHATTER
    STUCK = kernels.STUCK
    DEAD = kernels.DEAD
    LEVEL = kernels.LEVEL
    CLOCK = kernels.CLOCK
    DRIFT = kernels.DRIFT


QUALITY_OF = {
    Fault.SOUND: Quality.GOOD,
    Fault.MISSING: Quality.MISSING,
    Fault.DAYLIGHT: Quality.SUSPECT,
    Fault.RANGE: Quality.IMPOSSIBLE,
    Fault.CHATTER: Quality.CHATTER,
    Fault.STUCK: Quality.STUCK,
    Fault.DEAD: Quality.SUSPECT,
    Fault.LEVEL: Quality.SUSPECT,
    Fault.CLOCK: Quality.SUSPECT,
    Fault.DRIFT: Quality.SUSPECT,
}
"""How each fault appears among the flags of a `CountSeries`."""

BUDGETED = (Fault.CHATTER, Fault.STUCK, Fault.DEAD, Fault.LEVEL, Fault.CLOCK, Fault.DRIFT)
"""Faults that chance can imitate; their alarms count against the budget."""


def explain(fault: Fault, evidence: float, interval_s: int) -> str:
    """Say a fault in words.

    Parameters
    ----------
    fault
        What it is.
    evidence
        As the watch gives it: vehicles that were possible or expected, intervals of a run,
        ratio of counted to expected, or the lag of a clock in intervals.
    interval_s
        Length of an interval, s.
    """
    match fault:
        case Fault.SOUND:
            return ""
        case Fault.MISSING:
            return "nothing arrived"
        case Fault.DAYLIGHT:
            return f"the clock was changed in this hour; {evidence:.0f} veh were expected"
        case Fault.RANGE:
            return f"no number from 0 to the {evidence:.0f} veh that are possible"
        case Fault.CHATTER:
            return f"an implausible rise over the {evidence:.0f} veh expected"
        case Fault.STUCK:
            return f"the same count for {evidence:.0f} intervals"
        case Fault.DEAD:
            return f"silent where {evidence:.0f} veh were expected"
        case Fault.LEVEL:
            return f"{evidence:.0%} of what is expected, all at once"
        case Fault.CLOCK:
            late = evidence * interval_s / 60.0
            return f"its clock is {abs(late):.0f} min {'slow' if late < 0 else 'fast'}"
        case Fault.DRIFT:
            return f"{evidence:.0%} of what is expected, over days"
