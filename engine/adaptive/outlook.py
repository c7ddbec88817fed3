"""How far and how carefully look-ahead control thinks, free and inside the plans in force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from engine.adaptive.estimate import HORIZON_S
from network.graph import RoadNetwork

BUSY_S: Final = 20
"""Who stands or comes within it tells how busy a signal is, s."""
BEYOND_S: Final = 20
"""Inside a plan, what is seen beyond a cycle, so that a green that is about to end is seen to
begin and run again, s."""
CROWDED_VEH: Final = 30.0
"""Two made-up arterials lost more with everything foreseen fading: inside a plan at 0.85 of
capacity (seed 11) delay fell from 133 s to 92 s with nothing fading ever and to 95 s from 30
vehicles on, free of a plan (`arterial:6:1`, seeds 11 and 12) from 53 s to 38 s and 43 s. On
`cologne1`, where nobody waits for a second cycle, it rose by 7 % and 5 % inside the plan, free from
16.5 s (seeds 11 to 14) to 17.2 s and by nothing; on `cologne3` free (11 to 16), from 16.3 s to
16.6 s, within noise."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far and how carefully look-ahead control thinks; one set for all networks.

    Attributes
    ----------
    horizon_s
        Seconds looked ahead.
    width, busy_width
        Histories kept for each stage in the search, and where traffic is busy, for there many
        plans come to nearly the same for long, and the best of them is lost among few.
    busy_veh
        Traffic is busy from so many vehicles on that stand or come within `BUSY_S`.
    start_loss_s
        Green lost as a queue starts, s.
    end_gain_s
        Time for which a queue runs on into the clearance, s.
    stop_cost_s
        Time lost by slowing down and speeding up at a stop, beyond standing, s.
    fade_s
        Time in which the weight of what is foreseen falls to 1/e, s.
    crowded_veh
        From so many vehicles on that stand or come within `BUSY_S` nothing fades: who is left
        behind then is certain to be there for as far as is looked.
    patience_s
        Wait after which a lane's delay counts more, s; after as much again it counts double.
    full_m, full_mps
        An exit lane with less room than this at its beginning, m, whose traffic is slower than
        this, m/s, is full; nobody gets green for it.
    full_hold_s
        For how long a full exit is expected to stay so, s.
    spill_weight
        What a second of delay counts on a lane whose queue stands inside the node of the signal
        upstream, where it bars everybody's way.
    unseen
        Part of the mean flow that is expected beyond what is seen and announced.
    share, reach_m, advance_m
        What the sensors are, as for `Estimator`.
    """

    horizon_s: int = HORIZON_S
    width: int = 8
    busy_width: int = 16
    busy_veh: float = 15.0
    start_loss_s: float = 1.0
    end_gain_s: float = 1.0
    stop_cost_s: float = 3.0
    fade_s: float = 40.0
    crowded_veh: float = CROWDED_VEH
    patience_s: float = 60.0
    full_m: float = 8.0
    full_mps: float = 2.0
    full_hold_s: float = 6.0
    spill_weight: float = 6.0
    unseen: float = 1.0
    share: float = 1.0
    reach_m: float = 200.0
    advance_m: float = 50.0


def inside_plans(outlook: Outlook, network: RoadNetwork) -> Outlook:
    """Return the outlook of a controller that has to keep to the plans in force of a network.

    There a second of green that is given away comes back in the next cycle and no sooner: it sees
    a whole cycle and `BEYOND_S` more.
    """
    plans = [signal.plan_in_force for signal in network.signals.values()]
    longest_s = max((plan.cycle_s for plan in plans if plan is not None), default=0)
    horizon_s = max(outlook.horizon_s, longest_s + BEYOND_S)
    return replace(outlook, horizon_s=horizon_s)
