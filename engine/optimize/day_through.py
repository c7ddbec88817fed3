"""A day of plans played through: queues that a period leaves are there when the next begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.measures.evaluation import Tables, empty_roads, evaluate
from engine.optimize.day_demand import DayStreets
from network.timing import TimingPlan

Plans = Mapping[str, TimingPlan]


@dataclass(frozen=True, slots=True)
class DayThrough:
    """What a day comes to when it is played from its first period to its last.

    Attributes
    ----------
    cost
        Of the day, vehicle-seconds; transitions are not in it.
    period_costs
        The same period by period.
    waiting_veh
        By period, vehicles that wait at its end, before signals and where their lanes are full;
        the next period begins with them.
    """

    cost: float
    period_costs: tuple[float, ...]
    waiting_veh: tuple[float, ...]


def played_through(streets: DayStreets, plans: Sequence[Plans]) -> DayThrough:
    """Play a day in the hour-long model, from empty roads on.

    Plans change at once at the beginning of a period, and what a transition costs is not counted
    here (`engine.optimize.day_costs` does). Every period is played for its whole length.

    Parameters
    ----------
    streets
        The day.
    plans
        Of each period, by signal; signals without a plan run what is in force.

    Returns
    -------
    DayThrough
    """
    day, network = streets.day, streets.network
    street = streets.whole()
    shown_s = [plan.cycle_s for found in plans for plan in found.values()]
    shown_s += [s.plan_in_force.cycle_s for s in network.signals.values() if s.plan_in_force]
    tables = Tables(street, network, max(shown_s, default=1))
    state = empty_roads(street)
    costs: list[float] = []
    waiting: list[float] = []
    for row in range(day.periods):
        if row == 0 or plans[row] is not plans[row - 1]:
            for signal in network.signals.values():
                plan = plans[row].get(signal.signal_id) or signal.plan_in_force
                if plan is None:
                    tables.open_always(signal.signal_id)
                else:
                    tables.set(plan)
        found = evaluate(tables, day.begin_s(row), day.period_s, 0, state)
        costs.append(found.cost_veh_s)
        waiting.append(float(np.sum(state.queue) + np.sum(state.box) + np.sum(state.gate)))
    return DayThrough(sum(costs), tuple(costs), tuple(waiting))
