"""A day's plans drawn towards those they follow, where that costs little."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from engine.optimize.closeness import distance, drawn_towards
from engine.optimize.day_candidates import Candidates
from engine.optimize.day_costs import PeriodPlan
from network.errors import EngineError
from network.timing import PlanSet, in_step


def drawn_closer(
    candidates: Candidates, plans: list[PeriodPlan], run: tuple[int, ...], most: float
) -> list[PeriodPlan]:
    """Draw each plan towards the one before it in weight, if the day bears it.

    Parameters
    ----------
    candidates
        What the day may be made of, with its costs and wishes.
    plans, run
        The plans chosen, and which of them runs in each period.
    most
        What the day may cost at most.
    """
    if len(plans) < 2:
        return plans
    allowed = candidates.choice(plans, run).cost * (1.0 + candidates.wishes.close_pct / 100.0)
    allowed = min(allowed, most)
    met = meetings(run, candidates.day.wraps)
    weight = candidates.costs.period_costs(plans)
    served = [sum(float(weight[t, n]) for t in range(len(run)) if run[t] == n)
              for n in range(len(plans))]  # fmt: skip
    order = sorted(range(len(plans)), key=lambda n: (-served[n], n))
    result = list(plans)
    for at, number in enumerate(order[1:], 1):
        other = min(
            order[:at],
            key=lambda n: (-_side_by_side(run, number, n, candidates.day.wraps), order.index(n)),
        )
        best = result
        for variant in _variants(candidates, result[number], result[other]):
            trial = [variant if n == number else plan for n, plan in enumerate(result)]
            nearer = mean_distance(trial, run, met) < mean_distance(best, run, met)
            if nearer and candidates.choice(trial, run).cost <= allowed:
                best = trial
        result = best
    return result


def _variants(candidates: Candidates, plan: PeriodPlan, other: PeriodPlan) -> list[PeriodPlan]:
    """Return plans closer to another, from as far to as close as the model allows."""
    starts = [plan]
    cycles = {p.cycle_s for p in other.plans.values()}
    own = {p.cycle_s for p in plan.plans.values()}
    if len(cycles) == 1 and own != cycles and plan.rows and not candidates.halted():
        (cycle_s,) = cycles
        limits = replace(candidates.limits, shortest_cycle_s=cycle_s, longest_cycle_s=cycle_s)
        # Its signals may not be able to run that cycle.
        with suppress(EngineError):
            starts.append(candidates.optimized(plan.rows, f"{plan.origin}, same cycle", limits))
    found = list(starts[1:])
    for start in starts:
        for part in (0.5, 1.0):
            drawn = drawn_towards(
                candidates.streets,
                start.plans,
                other.plans,
                start.groups,
                start.rows,
                part * candidates.wishes.close_pct,
                candidates.limits.locks,
            )
            plan_set = PlanSet(
                candidates.network.name,
                tuple(drawn.values()),
                start.plan_set.left_alone,
                in_step(start.groups, drawn),
            )
            found.append(PeriodPlan(plan_set, start.groups, start.rows, start.origin))
    return found


def merged(
    plans: Sequence[PeriodPlan], run: tuple[int, ...]
) -> tuple[list[PeriodPlan], tuple[int, ...]]:
    """Take equal plans for one."""
    kept: dict[str, PeriodPlan] = {}
    for plan in plans:
        kept.setdefault(plan.digest, plan)
    number = {digest: n for n, digest in enumerate(kept)}
    return list(kept.values()), tuple(number[plans[n].digest] for n in run)


def _side_by_side(run: tuple[int, ...], a: int, b: int, wraps: bool) -> int:
    """Return how often two plans follow each other."""
    return sum({run[t - 1], run[t]} == {a, b} for t in range(0 if wraps else 1, len(run)))


def meetings(run: tuple[int, ...], wraps: bool) -> list[int]:
    """Return the periods that begin with another plan than that of the one before."""
    return [t for t in range(0 if wraps else 1, len(run)) if run[t - 1] != run[t]]


def mean_distance(plans: Sequence[PeriodPlan], run: tuple[int, ...], met: Sequence[int]) -> float:
    """Return the mean distance of the plans of some periods to those before them."""
    apart: list[float] = [distance(plans[run[t - 1]].plans, plans[run[t]].plans) for t in met]
    return float(np.mean(apart)) if apart else 0.0
