"""Simulated vehicles for the time-space diagram of a page: which traffic is played, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import Final

from engine.measures.corridor import Corridor
from network.errors import ScenarioError
from network.timing import PlanSet
from scenarios.scenario import load_scenario
from throughband.counts.demand import Demand
from throughband.planning.tuning import running
from throughband.reports.time_space import shown_s
from throughband.reports.traces import Traces, traces_of_both
from throughband.setting import Setting

MOST_WARM_UP_S: Final = 1800
"""Simulated before the vehicles that are drawn; a day is not played up to its noon for them."""
MOST_WALL_S: Final = 300.0
"""A picture that SUMO needs longer for is given up, and the page says so."""


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Trajectories under the plans in force and under a plan; None where cycles never meet.

    Attributes
    ----------
    by_side
        ``in-force`` and ``plan``, as the page's sides are called.
    seconds
        Of the time axis that both are drawn for.
    """

    by_side: Mapping[str, Traces | None]
    seconds: int


def driven(
    setting: Setting, wanted: Demand | None, corridor: Corridor, plan_set: PlanSet, cancel: Event
) -> Vehicles:
    """Play both plans once and follow the vehicles of a corridor.

    Parameters
    ----------
    setting
        The network, opened for whatever window.
    wanted
        The flows that the plan was made for; where the scenario has traffic at that time, it is
        played then, else in the middle of the scenario's own window.
    corridor, plan_set
        Where to look, and what runs there.
    cancel
        Ends the simulation when the console ends.

    Raises
    ------
    SimulationError
        If SUMO fails, or takes too long.
    """
    begin_s, end_s = _window(setting, wanted)
    in_force = running(setting.network)
    new = {**in_force, **{plan.signal_id: plan for plan in plan_set.plans}}
    seconds = shown_s(corridor, (in_force, new))
    begin_s = max(begin_s, (begin_s + end_s) / 2 - MOST_WARM_UP_S)
    case = replace(setting.case, begin_s=begin_s, end_s=end_s)
    before, after = traces_of_both(
        case, setting.network, corridor, in_force, plan_set, seconds, MOST_WALL_S, cancel
    )
    return Vehicles({"in-force": before, "plan": after}, seconds)


def _window(setting: Setting, wanted: Demand | None) -> tuple[float, float]:
    counted = None
    if wanted is not None:
        flows = wanted.flows
        counted = flows.start_s, flows.start_s + flows.interval_s * len(flows.flow_vph)
    try:
        scenario = load_scenario(setting.scenario.config_file)
    except ScenarioError:
        # It says nothing of its window; whoever counted there knew one.
        return counted or (setting.case.begin_s, setting.case.end_s)
    own = scenario.begin_s, scenario.end_s
    if counted is None or counted[1] <= own[0] or counted[0] >= own[1]:
        return own
    return max(counted[0], own[0]), min(counted[1], own[1])
