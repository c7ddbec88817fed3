"""The pictures of one signal, from its log and from its plan, in the order they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from matplotlib.figure import Figure

from engine.performance.flow_profiles import FlowProfile
from engine.performance.signal import SignalPerformance
from network.graph import Signal
from network.timing import TimingPlan
from throughband.reports import style
from throughband.reports.flow_charts import flow_profile_chart
from throughband.reports.phase_charts import (
    arrival_chart,
    coordination_diagram,
    failure_chart,
    split_monitor,
    termination_chart,
)
from throughband.reports.ring_barrier import ring_barrier_diagram


@dataclass(frozen=True, slots=True, eq=False)
class NamedFigure:
    """A picture with what is told of it.

    Attributes
    ----------
    name
        Unique among the pictures of a signal; names files.
    caption
        What it shows, a sentence or two.
    figure
        The picture.
    """

    name: str
    caption: str
    figure: Figure


def signal_figures(
    one: SignalPerformance, zone: ZoneInfo, begin_s: float, end_s: float
) -> list[NamedFigure]:
    """Draw everything a log tells of a signal.

    Parameters
    ----------
    one
        Its measures.
    zone
        Whose clock is shown.
    begin_s, end_s
        What to show, s since 1970.
    """
    found = [
        NamedFigure(
            f"coordination-phase{phase}",
            f"Purdue Coordination Diagram of phase {phase}: every vehicle over the time since the "
            "phase turned red. Dots between the green and the yellow line met green.",
            coordination_diagram(seen, zone, begin_s, end_s),
        )
        for phase, seen in one.arrivals.items()
    ]
    if one.arrivals:
        found.append(
            NamedFigure(
                "arrivals",
                "Arrivals on green beside the part of time that is green: where they are equal, "
                "vehicles arrive by chance. The wait is the time to green, without queues.",
                arrival_chart([one.intervals[p] for p in one.arrivals], zone, begin_s, end_s),
            )
        )
    if one.profiles:
        found.append(
            NamedFigure(
                "profiles",
                "When in the cycle vehicles arrive, over all cycles of the log.",
                flow_profile_chart(
                    f"Signal {style.short(one.device)}", list(one.profiles.values())
                ),
            )
        )
    splits = list(one.splits.values())
    found.append(
        NamedFigure(
            "splits",
            "Split monitor: how long each service lasted, yellow and red clearance included.",
            split_monitor(splits, zone, begin_s, end_s),
        )
    )
    found.append(
        NamedFigure(
            "terminations",
            "How greens ended: gap-out, nobody came any more; max-out, the most green was used; "
            "force-off, coordination took it.",
            termination_chart(splits, zone, begin_s, end_s),
        )
    )
    if one.occupancy:
        found.append(
            NamedFigure(
                "failures",
                "Split failures: greens in which detectors at the stop line were occupied for 80 % "
                "of green and again for 80 % of the first 5 s of red.",
                failure_chart([one.intervals[p] for p in one.occupancy], zone, begin_s, end_s),
            )
        )
    return found


def plan_figures(
    signal: Signal, plan: TimingPlan, profiles: Sequence[FlowProfile], source: str
) -> list[NamedFigure]:
    """Draw a plan: its rings and barriers, and what the model makes of the flows.

    Parameters
    ----------
    signal, plan
        The signal and its plan.
    profiles
        From `engine.performance.flow_profiles.planned_profiles`; may be empty.
    source
        What plan it is, in words.
    """
    name = style.short(signal.signal_id)
    found = [
        NamedFigure(
            "rings",
            f"Ring-and-barrier diagram ({source}); splits include yellow and red clearance, * is "
            "the coordinated phase, splits that break a rule are red.",
            ring_barrier_diagram(signal, plan, f"Signal {name}, {source}"),
        )
    ]
    if profiles:
        found.append(
            NamedFigure(
                "planned-profiles",
                f"Cyclic flow profiles of the model ({source}): arrivals at the stop line and the "
                "window of green, which is why the offset is what it is.",
                flow_profile_chart(f"Signal {name}, {source}", profiles),
            )
        )
    return found
