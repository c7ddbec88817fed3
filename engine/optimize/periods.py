"""Plans for a day: how many it deserves, when to switch, each made for the periods it serves.

Periods that are alike in cost are joined (`engine.optimize.clusters`), a plan is optimized for
every cluster of every number of clusters, all are costed in all periods
(`engine.optimize.day_costs`), and dynamic programming finds the cheapest day for every number of
plans (`engine.optimize.switching`). Plans of the best day are optimized again for just the periods
they serve, drawn towards each other where that costs little, and, if wanted, made robust.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.measures.street import Driving
from engine.optimize.day_candidates import Candidates
from engine.optimize.day_closeness import drawn_closer, mean_distance, meetings, merged
from engine.optimize.day_costs import PeriodPlan
from engine.optimize.day_demand import DayDemand
from engine.optimize.day_through import played_through
from engine.optimize.optimizer import Progress
from engine.optimize.planned_day import (
    DayWishes,
    PlannedDay,
    RobustRow,
    Through,
    counts_of,
    knee,
    reason_for,
)
from engine.optimize.problem import Choice, Limits, choices
from engine.optimize.robust import RobustCosts, Robustness, drawn_demands, refined, spread_of
from network.errors import EngineError
from network.graph import RoadNetwork
from network.safety import require_safe
from network.timing import PlanSet, TimingPlan, in_step

ROUNDS = 2
"""How often the plans of the best day are optimized again for the periods they got."""

TRIAL_SEED_STEP = 1000
"""Robust plans are shown on draws they were not made on."""


def plan_day(
    network: RoadNetwork,
    day: DayDemand,
    wishes: DayWishes | None = None,
    limits: Limits | None = None,
    driving: Driving | None = None,
    progress: Progress | None = None,
    halted: Callable[[], bool] | None = None,
    together: Sequence[tuple[str, ...]] = (),
) -> PlannedDay:
    """Plan a day.

    Parameters
    ----------
    network
        The roads with their signals.
    day
        Flows in periods. Costs are those of the flows times the margin of the limits, with which
        plans are searched for as well.
    wishes
        What the engineer wants.
    limits, driving, progress, halted, together
        As for `engine.optimize.optimizer.optimize`; the effort is that of each plan. Once a halt
        is called, the best day of the plans made so far is returned.

    Returns
    -------
    PlannedDay
        No costlier in the model than the best single plan, unless made robust. Every plan passed
        both safety checkers, and all of them retime the same signals.

    Raises
    ------
    InsufficientDataError, InfeasibleError
        If nothing flows, no signal can be retimed, or no plan meets the locks.
    EngineError
        If plans break a lock, which would be a fault in the optimizer.
    """
    wishes = wishes or DayWishes()
    limits = limits or Limits()
    tell = progress or (lambda step, done, whole: None)
    candidates = Candidates(
        network,
        day,
        wishes,
        limits,
        driving or Driving(),
        tell,
        halted or (lambda: False),
        together,
    )
    return _planned(candidates, tell)


def _planned(candidates: Candidates, tell: Progress) -> PlannedDay:
    network, day, wishes = candidates.network, candidates.day, candidates.wishes
    base = candidates.begin()
    found = candidates.days()
    chosen = knee(found, wishes)
    for _ in range(ROUNDS):
        before = chosen.cost
        if candidates.halted() or not candidates.again(chosen):
            break
        found = candidates.days()
        chosen = knee(found, wishes)
        if chosen.cost >= before * (1.0 - 1e-6):
            break
    plans = [candidates.pool[number] for number in chosen.plans]
    single = candidates.pool[found[0].plans[0]]
    table = counts_of(found, day.wraps)
    reason = reason_for(found, chosen, wishes)
    run = tuple(chosen.plans.index(number) for number in chosen.run)
    # Where plans follow each other now: some of them may become one.
    met = meetings(run, day.wraps)
    before_apart = mean_distance(plans, run, met)
    plans = drawn_closer(candidates, plans, run, found[0].cost)
    count = len(plans)
    plans, run = merged(plans, run)
    if len(plans) < count:
        reason += f"; drawn together, {len(plans)} are left"
    rows: tuple[RobustRow, ...] = ()
    if wishes.robustness is not None:
        plans, rows = _robust(candidates, plans, run, wishes.robustness, tell)
    for plan in plans:
        require_safe(plan.plan_set, network)
        broken = candidates.limits.locks.broken(plan.plans)
        if broken:
            raise EngineError(f"the plans found break locks: {'; '.join(broken)}")
    return PlannedDay(
        day,
        tuple(plans),
        candidates.choice(plans, run),
        single,
        table,
        _in_force(candidates, base),
        _through(candidates, base, single, plans, run),
        reason,
        before_apart,
        mean_distance(plans, run, met),
        rows,
        candidates.made,
        candidates.halted(),
        candidates.limits.objective,
    )


def _robust(
    candidates: Candidates,
    plans: Sequence[PeriodPlan],
    run: tuple[int, ...],
    wanted: Robustness,
    tell: Progress,
) -> tuple[list[PeriodPlan], tuple[RobustRow, ...]]:
    options: dict[str, Choice] = choices(candidates.network, candidates.limits)
    made: list[PeriodPlan] = []
    rows: list[RobustRow] = []
    filled = set(candidates.filled())
    for number, plan in enumerate(plans):
        tell("robust plans", number, len(plans))
        served = [t for t, n in enumerate(run) if n == number and t in filled]
        if not served:
            made.append(plan)
            continue
        demands = drawn_demands(candidates.day, served, wanted, wanted.seed)
        costs = RobustCosts(candidates.streets, demands, plan.groups, plan.plans)
        better = refined(costs, plan.plans, options, wanted)
        plan_set = PlanSet(
            candidates.network.name,
            tuple(better.values()),
            plan.plan_set.left_alone,
            in_step(plan.groups, better),
        )
        robust = PeriodPlan(plan_set, plan.groups, plan.rows, f"{plan.origin}, made robust")
        fresh = drawn_demands(candidates.day, served, wanted, wanted.seed + TRIAL_SEED_STEP)
        nominal, after = (
            spread_of(
                RobustCosts(candidates.streets, fresh, plan.groups, shown).costs(), wanted.alpha
            )
            for shown in (plan.plans, robust.plans)
        )
        made.append(robust)
        rows.append(RobustRow(number, nominal, after))
    return made, tuple(rows)


def _standing(candidates: Candidates, base: PeriodPlan) -> dict[str, TimingPlan]:
    return {
        name: signal.plan_in_force
        for name, signal in candidates.network.signals.items()
        if name in base.plans and signal.plan_in_force is not None
    }


def _through(
    candidates: Candidates,
    base: PeriodPlan,
    single: PeriodPlan,
    plans: Sequence[PeriodPlan],
    run: tuple[int, ...],
) -> Through:
    """Play the day through under the plans in force, under one plan, and as it is planned."""
    rows = candidates.day.periods
    return Through(
        played_through(candidates.streets, [_standing(candidates, base)] * rows),
        played_through(candidates.streets, [single.plans] * rows),
        played_through(candidates.streets, [plans[number].plans for number in run]),
    )


def _in_force(candidates: Candidates, base: PeriodPlan) -> float:
    shown = _standing(candidates, base)
    return sum(
        candidates.costs.played(candidates.streets.following(row), shown, row)
        for row in candidates.streets.filled()
    )
