"""The measuring rule and the statistics in words, as every report prints them."""

from __future__ import annotations

from typing import Final

from benchmarks.suite.floor import APART_S
from benchmarks.suite.instruments import FEWEST_VEHICLES, FULL_PART, LOOP_AHEAD_M
from benchmarks.suite.statistics import CONFIDENCE, FEWEST_FOR_A_TEST, LEVEL
from benchmarks.suite.trips import LOCKED_PART, STUCK_S

RULE: Final = (
    "**Delay** is SUMO's time loss plus departure delay, over all vehicles due in the window: also "
    "those still under way at its end, and those that never got in, who count from the moment they "
    "were due. So nobody looks better by keeping traffic outside. It is not HCM control delay, and "
    "no level of service follows from it. Nobody is warmed up, and nobody teleports unless the "
    "scenario's own configuration says so.",
    "**RESCO's definition** stands beside it for comparison with published tables: it counts who "
    "entered, and of those outside only who was due after the last one that entered. It can be had "
    "cheaply by blocking an entry.",
    f"**Physical floor**: everybody meets green, and vehicles are {APART_S:g} s apart on the whole "
    "street. What lies between it and the plan in force is the removable delay; a controller's "
    "share of it is told in percent, negative where it added delay.",
    f"**Locked**: at least {LOCKED_PART:.0%} of the vehicles due have lost {STUCK_S / 60:.0f} "
    "minutes and are not there at the end of the window.",
    "**Stops** and **wait** (time at a stand) are of vehicles that entered. **Queue p95** is the "
    "95th percentile, over stop lanes and minutes, of the longest queue of the minute; "
    f"**spillback** adds up the lane-minutes in which a queue covered {FULL_PART:.0%} of its lane. "
    f"**Worst approach** is the largest mean time loss on a lane that served {FEWEST_VEHICLES} "
    f"vehicles. **Arrivals on green** are seen {LOOP_AHEAD_M:g} m ahead of the stop line and taken "
    "on at free speed. **CO2** is SUMO's HBEFA model.",
)
STATISTICS: Final = (
    "All controllers play the same seeds, and are compared by the differences seed by seed. "
    f"Intervals of differences are {CONFIDENCE:.0%}, by bias-corrected and accelerated bootstrap; "
    f"those of ratios are Fieller's. A test, corrected by Holm for all comparisons of a street, "
    f"must agree at {LEVEL:.0%}: Wilcoxon's signed ranks where there are seeds enough for them "
    f"({FEWEST_FOR_A_TEST} for one comparison, 9 for ten), else Student's paired t; otherwise "
    "there is *no clear difference*, which does not say that there is none. Over streets, "
    "controllers are ranked by mean delay, and Friedman's test says whether ranks differ at all.",
    "Programs made before the day come from counts of seeds 1 to 3, never from the seeds that are "
    "played. Of a controller's variants the one with the least mean delay on these very seeds is "
    "taken, which favors whoever offers several; ours offer one.",
)
