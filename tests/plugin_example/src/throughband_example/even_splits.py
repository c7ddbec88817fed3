"""An optimizer: the cycle in force, and green as even as the least splits allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.measures.street import build_street
from engine.optimize.planner import Task
from engine.optimize.problem import choices
from network.timing import TimingPlan


class EvenSplits:
    """See `engine.optimize.planner.Optimizer`."""

    def optimize(self, task: Task) -> Mapping[str, TimingPlan]:
        # Refuses a street on which nothing moves.
        build_street(task.network, task.movement_vph, task.period_s, task.driving)
        plans = {}
        for name, choice in choices(task.network, task.limits).items():
            plan = choice.in_force
            if choice.hold is None and len(choice.phasing.rings) <= 1:
                plan = _even(plan)
                plan = plan if choice.lawful(plan) else choice.in_force
            if task.limits.shortest_cycle_s <= plan.cycle_s <= task.limits.longest_cycle_s:
                plans[name] = plan
        return plans


def _even(plan: TimingPlan) -> TimingPlan:
    share, rest = divmod(plan.cycle_s, len(plan.splits_s))
    return replace(plan, splits_s=tuple(share + (k < rest) for k in range(len(plan.splits_s))))
