"""The seam of optimizers: a task in, plans out; what they are worth is judged here.

An optimizer returns nothing but plans. They are held against the safety rules and the locks and
priced by the hour-long model in one place, so that no optimizer is its own judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.measures.criteria import queues_past_room
from engine.measures.street import Driving, Floats, build_street
from engine.optimize.appraisal import appraised, busiest, scaled
from engine.optimize.groups import timed_groups
from engine.optimize.optimizer import Optimization, Progress, optimize
from engine.optimize.oversaturation import overloads
from engine.optimize.problem import Choice, Limits, choices
from engine.optimize.studies import isolated_signals
from network.errors import EngineError
from network.graph import RoadNetwork
from network.timing import TimingPlan


@dataclass(frozen=True, slots=True)
class Task:
    """What an optimizer is asked.

    Attributes
    ----------
    network, movement_vph, period_s, start_s, limits, driving, lane_shares, together
        As for `engine.optimize.optimizer.optimize`.
    progress
        To be called with a step's name, how much of it is done and how much there is.
    halted
        Says yes once the best plans so far are wanted.
    """

    network: RoadNetwork
    movement_vph: Mapping[str, Floats]
    period_s: int
    start_s: int
    limits: Limits = field(default_factory=Limits)
    driving: Driving = field(default_factory=Driving)
    lane_shares: Mapping[str, float] = field(default_factory=dict)
    together: Sequence[tuple[str, ...]] = ()
    progress: Progress = lambda step, done, whole: None
    halted: Callable[[], bool] = lambda: False


class Optimizer(Protocol):
    """Makes plans; `throughband.contracts.optimizer` says what each must keep."""

    def optimize(self, task: Task) -> Mapping[str, TimingPlan]:
        """Return a plan for every signal that is to be retimed, by signal.

        Equal tasks give equal plans, unless they are halted. Raises `InfeasibleError` where no
        plan meets the limits, `InsufficientDataError` where there is no traffic.
        """
        ...


class Descent:
    """The optimizer of this project as an `Optimizer`."""

    def optimize(self, task: Task) -> Mapping[str, TimingPlan]:
        """See `engine.optimize.optimizer.optimize`."""
        done = optimize(
            task.network,
            task.movement_vph,
            task.period_s,
            task.start_s,
            task.limits,
            task.driving,
            task.progress,
            task.lane_shares,
            task.halted,
            task.together,
        )
        return {plan.signal_id: plan for plan in done.plan_set.plans}


def judged(task: Task, optimizer: Optimizer) -> Optimization:
    """Have an optimizer plan, and judge its plans as our own are judged.

    Parameters
    ----------
    task
        What is asked.
    optimizer
        Who is asked.

    Returns
    -------
    Optimization
        With no evaluations counted: what an optimizer spends is its own affair.

    Raises
    ------
    EngineError
        If it returns something else than plans of signals that may be retimed, or breaks a lock.
    UnsafePlanError
        If a plan breaks a safety rule.
    """
    network, limits = task.network, task.limits
    street = build_street(
        network,
        task.movement_vph,
        task.period_s,
        task.driving,
        task.lane_shares,
        limits.objective,
    )
    options = choices(network, limits)
    plans = dict(sorted(_checked(optimizer.optimize(task), options, limits).items()))
    cut_short = task.halted()
    groups = timed_groups(street, plans, [*task.together, *limits.locks.ties])
    ample = scaled(street, limits.demand_margin)
    tables, absent = isolated_signals(ample, options, limits)
    reasons = {name: "the optimizer gave it no plan" for name in options if name not in plans}
    plan_set, before, after, certificates = appraised(
        network, street, limits, task.start_s, plans, groups, reasons | absent
    )
    return Optimization(
        plan_set,
        street,
        before,
        after,
        groups,
        certificates,
        0,
        cut_short,
        queues_past_room(street, network, before, after),
        overloads(ample, network, tables, busiest(street) / limits.demand_margin),
    )


def _checked(plans: object, options: Mapping[str, Choice], limits: Limits) -> dict[str, TimingPlan]:
    if not isinstance(plans, Mapping) or not plans:
        raise EngineError(
            f"the optimizer returned {type(plans).__name__} of "
            f"{len(plans) if isinstance(plans, Mapping) else 'no'} plans; wanted is a mapping of "
            "signals to plans, one at least"
        )
    for name, plan in plans.items():
        if name not in options:
            raise EngineError(
                f"the optimizer returned a plan for {name!r}; signals that may be retimed are "
                f"{', '.join(options)}"
            )
        if not isinstance(plan, TimingPlan) or plan.signal_id != name:
            raise EngineError(
                f"the optimizer returned for signal {name!r} something else than its plan"
            )
        least, most = limits.shortest_cycle_s, limits.longest_cycle_s
        if not least <= plan.cycle_s <= most and plan.cycle_s not in limits.locks.cycles_s:
            raise EngineError(
                f"the optimizer returned for signal {name!r} a cycle of {plan.cycle_s} s; allowed "
                f"are {least} to {most} s and what is locked"
            )
    return dict(plans)
