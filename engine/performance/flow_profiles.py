"""Cyclic flow profiles: when in the cycle vehicles arrive, beside the window of green.

Measured from a log, or as the steady-cycle model (`engine.measures.cyclic`) has them for a plan.
Both are the same value, so that they can be laid beside each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_group import cyclic_group
from engine.measures.street import Street
from engine.performance.arrivals import Arrivals
from engine.performance.phase_history import Aspect
from network.errors import InsufficientDataError
from network.graph import RoadNetwork
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR

Floats = npt.NDArray[np.float64]

FEWEST_CYCLES: Final = 5
LONGEST_CYCLE_S: Final = 300


@dataclass(frozen=True, slots=True, eq=False)
class FlowProfile:
    """Arrivals of one approach or phase over the cycle.

    Attributes
    ----------
    name
        What arrives.
    reference
        What second 0 is, in words.
    flow_vph
        Arrivals in each second of the cycle, veh/h; [cycle].
    green
        Part of the cycles (or of the lanes) that have green in that second, 0 to 1; [cycle].
    on_green
        Part of the flow that arrives in green, 0 to 1; NaN without flow.
    cycles
        How many cycles it was measured over; 0 for a model's.
    """

    name: str
    reference: str
    flow_vph: Floats
    green: Floats
    on_green: float
    cycles: int = 0

    @property
    def cycle_s(self) -> int:
        """Length of the cycle, s."""
        return int(self.flow_vph.size)


def measured_profile(seen: Arrivals) -> FlowProfile:
    """Fold the arrivals of a phase on its cycles, from begin of green to begin of green.

    Parameters
    ----------
    seen
        Arrivals.

    Returns
    -------
    FlowProfile
        As long as the median cycle. A second that fewer than all cycles reach is a mean over
        those that do.

    Raises
    ------
    InsufficientDataError
        Fewer than `FEWEST_CYCLES` whole cycles.
    """
    history = seen.history
    green_s = history.change_s[history.aspect == Aspect.GREEN]
    length_s = np.diff(green_s)
    lost_s = history.change_s[history.aspect == Aspect.UNKNOWN]
    unbroken = np.searchsorted(lost_s, green_s[:-1]) == np.searchsorted(lost_s, green_s[1:])
    whole = np.flatnonzero((length_s <= LONGEST_CYCLE_S) & unbroken)
    if whole.size < FEWEST_CYCLES:
        raise InsufficientDataError(
            f"phase {seen.name}: {whole.size} whole cycles; a profile needs {FEWEST_CYCLES}"
        )
    cycle = max(1, round(float(np.median(length_s[whole]))))
    count, reached, green = np.zeros(cycle), np.zeros(cycle), np.zeros(cycle)
    met = total = 0
    second = np.arange(cycle)
    for row in whole:
        first, last = np.searchsorted(seen.time_s, green_s[row : row + 2])
        into = (seen.time_s[first:last] - green_s[row]).astype(np.int64)
        np.add.at(count, into[into < cycle], 1.0)
        total += last - first
        met += int((seen.aspect[first:last] == Aspect.GREEN).sum())
        inside = second < length_s[row]
        reached += inside
        green += inside & (history.at(green_s[row] + second + 0.5) == Aspect.GREEN)
    reached = np.maximum(reached, 1.0)
    return FlowProfile(
        seen.name, "begin of green", count / reached * SECONDS_PER_HOUR, green / reached,
        met / total if total else float("nan"), int(whole.size),
    )  # fmt: skip


def planned_profiles(
    street: Street, network: RoadNetwork, plans: Mapping[str, TimingPlan]
) -> dict[str, tuple[FlowProfile, ...]]:
    """Return what a plan makes of the flows: arrivals at the stop lines of a coordination group.

    Parameters
    ----------
    street, network
        The roads and their demand.
    plans
        Plans of the group, by signal; the longest cycle must be a multiple of every other.

    Returns
    -------
    dict
        By signal, a profile per approach (named by its link) over the common cycle from system
        zero on. Its green is the part of the approach's flow whose lanes have green, protected
        or permissive.

    Raises
    ------
    InsufficientDataError
        If there is no plan, or the cycles have no common multiple among them.
    """
    if not plans:
        raise InsufficientDataError("flow profiles need at least one plan")
    cycle_s = max(plan.cycle_s for plan in plans.values())
    odd = sorted({plan.cycle_s for plan in plans.values() if cycle_s % plan.cycle_s})
    if odd:
        raise InsufficientDataError(
            f"cycles of {', '.join(map(str, odd))} s do not divide the longest, {cycle_s} s; flow "
            "profiles are of one coordination group"
        )
    group = cyclic_group(street, plans)
    tables = CyclicTables(group, network, cycle_s)
    for plan in plans.values():
        tables.set(plan)
    tables.solve()
    approaches = np.unique(street.lane_approach[group.lanes])
    second = np.arange(cycle_s)
    found: dict[str, list[FlowProfile]] = {name: [] for name in plans}
    for at, approach in enumerate(approaches.tolist()):
        lanes = np.flatnonzero(group.arrays.lane_approach == at)
        ways = np.flatnonzero(np.isin(group.arrays.way_lane, lanes))
        if not ways.size:
            continue
        row = int(group.arrays.way_signal[ways[0]])
        turned = (second - int(tables.begin_s[row])) % cycle_s
        weight = group.arrays.way_vps[ways]
        if weight.sum() <= 0:
            continue
        open_ = (tables.service[ways][:, turned] != 0).astype(np.float64)
        green = weight @ open_ / weight.sum()
        flow = np.array(tables.inflow[at]) * SECONDS_PER_HOUR
        found[group.signals[row]].append(
            FlowProfile(
                street.approach_names[approach],
                "system zero",
                flow,
                green,
                float(flow @ green / flow.sum()) if flow.sum() > 0 else float("nan"),
            )
        )
    return {name: tuple(profiles) for name, profiles in found.items()}
