"""Plans for a day: how many it deserves, when to switch, each made for the periods it serves.

Periods that are alike in cost are joined (`engine.optimize.clusters`), a plan is optimized for
every cluster of every number of clusters, all are costed in all periods
(`engine.optimize.day_costs`), and dynamic programming finds the cheapest day for every number of
plans (`engine.optimize.switching`). Plans of the best day are optimized again for just the periods
they serve, drawn towards each other where that costs little, and, if wanted, made robust.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from engine.measures.street import Driving
from engine.optimize.closeness import distance, drawn_towards
from engine.optimize.clusters import nested_clusters
from engine.optimize.day_costs import DayCosts, PeriodPlan
from engine.optimize.day_demand import DayDemand, DayStreets
from engine.optimize.day_through import played_through
from engine.optimize.optimizer import Progress, optimize
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
from engine.optimize.switching import MOST_CANDIDATES, DayChoice, best_days, cost_of
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
    work = _Work(
        network,
        day,
        wishes,
        limits,
        driving or Driving(),
        progress or (lambda step, done, whole: None),
        halted or (lambda: False),
        together,
    )
    return work.planned()


class _Work:
    """State of planning a day: the candidates so far, and what they cost."""

    def __init__(
        self,
        network: RoadNetwork,
        day: DayDemand,
        wishes: DayWishes,
        limits: Limits,
        driving: Driving,
        progress: Progress,
        halted: Callable[[], bool],
        together: Sequence[tuple[str, ...]],
    ) -> None:
        self._network = network
        self._day = day
        self._wishes = wishes
        self._limits = limits
        self._driving = driving
        self._tell = progress
        self._halted = halted
        self._together = together
        self._price()
        self._dwell = max(1, -(-wishes.dwell_s // day.period_s))
        self._pool: list[PeriodPlan] = []
        self._made = 0
        self._whole = 2 * wishes.most_plans + 1

    def _price(self) -> None:
        """Lay the day out as the objective prices it."""
        self._streets = DayStreets(
            self._network,
            self._day,
            self._driving,
            self._limits.demand_margin,
            self._limits.objective,
        )
        self._costs = DayCosts(self._streets)

    def planned(self) -> PlannedDay:
        base = self._optimized(self._filled(), "the whole day", self._limits)
        self._pool.append(base)
        self._cluster(base)
        found = self._days()
        chosen = knee(found, self._wishes)
        for _ in range(ROUNDS):
            before = chosen.cost
            if self._halted() or not self._again(chosen):
                break
            found = self._days()
            chosen = knee(found, self._wishes)
            if chosen.cost >= before * (1.0 - 1e-6):
                break
        plans = [self._pool[number] for number in chosen.plans]
        single = self._pool[found[0].plans[0]]
        table = counts_of(found, self._day.wraps)
        reason = reason_for(found, chosen, self._wishes)
        run = tuple(chosen.plans.index(number) for number in chosen.run)
        # Where plans follow each other now: some of them may become one.
        met = _met(run, self._day.wraps)
        before_apart = _apart(plans, run, met)
        plans = self._closer(plans, run, found[0].cost)
        count = len(plans)
        plans, run = _merged(plans, run)
        if len(plans) < count:
            reason += f"; drawn together, {len(plans)} are left"
        rows: tuple[RobustRow, ...] = ()
        if self._wishes.robustness is not None:
            plans, rows = self._robust(plans, run, self._wishes.robustness)
        for plan in plans:
            require_safe(plan.plan_set, self._network)
            broken = self._limits.locks.broken(plan.plans)
            if broken:
                raise EngineError(f"the plans found break locks: {'; '.join(broken)}")
        return PlannedDay(
            self._day,
            tuple(plans),
            self._choice(plans, run),
            single,
            table,
            self._in_force(base),
            self._through(base, single, plans, run),
            reason,
            before_apart,
            _apart(plans, run, met),
            rows,
            self._made,
            self._halted(),
            self._limits.objective,
        )

    def _filled(self) -> tuple[int, ...]:
        return tuple(self._streets.filled())

    def _optimized(self, rows: tuple[int, ...], origin: str, limits: Limits) -> PeriodPlan:
        flows = self._day.typical(rows)
        self._tell("plans of the day", self._made, self._whole)
        done = optimize(
            self._network,
            flows,
            self._day.played_s,
            self._day.begin_s(rows[0]),
            limits,
            self._driving,
            lane_shares=self._day.lane_shares,
            halted=self._halted,
            together=self._together,
        )
        self._made += 1
        if done.street.objective != self._limits.objective:
            # Oversaturated, and queues are to be balanced: one price for all plans of the day.
            self._limits = replace(self._limits, objective=done.street.objective)
            self._price()
        plans = {plan.signal_id: plan for plan in done.plan_set.plans}
        groups = list(done.groups)
        left_alone = done.plan_set.left_alone
        if self._pool:
            # A signal without traffic in these periods keeps what it runs over the whole day.
            base = self._pool[0]
            for name, plan in base.plans.items():
                if name not in plans:
                    plans[name] = plan
                    groups.append((name,))
            left_alone = base.plan_set.left_alone
        groups = [group for group in groups if all(name in plans for name in group)]
        plan_set = PlanSet(
            self._network.name, tuple(plans.values()), left_alone, in_step(groups, plans)
        )
        return PeriodPlan(plan_set, tuple(groups), rows, origin)

    def _cluster(self, base: PeriodPlan) -> None:
        """Optimize a plan for each cluster, whatever the number of clusters."""
        most = self._wishes.most_plans + (1 if self._wishes.most_plans > 1 else 0)
        known = {base.rows}
        for clusters in nested_clusters(self._streets, base.plans, most)[1:]:
            for rows in clusters:
                if rows not in known and not self._halted():
                    known.add(rows)
                    self._try(rows, f"one of {len(clusters)} kinds of period")

    def _try(self, rows: tuple[int, ...], origin: str) -> bool:
        """Add a plan to the candidates; False where none can be made."""
        try:
            plan = self._optimized(rows, origin, self._limits)
        except EngineError:
            # Nothing drives over a signal that may be retimed, in these periods.
            return False
        if any(p.digest == plan.digest for p in self._pool):
            return False
        self._pool.append(plan)
        return True

    def _days(self) -> tuple[DayChoice, ...]:
        if len(self._pool) > MOST_CANDIDATES:
            totals = self._costs.period_costs(self._pool)
            least = set(np.argmin(totals, axis=1).tolist()) | {0}
            rest = [n for n in reversed(range(len(self._pool))) if n not in least]
            kept = sorted([*sorted(least), *rest][:MOST_CANDIDATES])
            self._pool = [self._pool[number] for number in kept]
        return best_days(
            self._costs.period_costs(self._pool),
            self._costs.switch_costs(self._pool),
            self._dwell,
            self._day.wraps,
            self._wishes.most_plans,
        )

    def _again(self, chosen: DayChoice) -> bool:
        """Optimize the plans of a day for just the periods they serve."""
        added = False
        known = {plan.rows for plan in self._pool}
        filled = set(self._filled())
        for number in chosen.plans:
            rows = tuple(t for t, plan in enumerate(chosen.run) if plan == number and t in filled)
            if rows and rows not in known:
                known.add(rows)
                added |= self._try(rows, "the periods it serves")
        return added

    def _choice(self, plans: Sequence[PeriodPlan], run: tuple[int, ...]) -> DayChoice:
        period, switch = self._costs.period_costs(plans), self._costs.switch_costs(plans)
        return cost_of(run, period, switch, self._day.wraps)

    def _closer(
        self, plans: list[PeriodPlan], run: tuple[int, ...], most: float
    ) -> list[PeriodPlan]:
        """Draw each plan towards the one before it in weight, if the day bears it."""
        if len(plans) < 2:
            return plans
        allowed = self._choice(plans, run).cost * (1.0 + self._wishes.close_pct / 100.0)
        allowed = min(allowed, most)
        met = _met(run, self._day.wraps)
        weight = self._costs.period_costs(plans)
        served = [sum(float(weight[t, n]) for t in range(len(run)) if run[t] == n)
                  for n in range(len(plans))]  # fmt: skip
        order = sorted(range(len(plans)), key=lambda n: (-served[n], n))
        result = list(plans)
        for at, number in enumerate(order[1:], 1):
            other = min(
                order[:at],
                key=lambda n: (-_meetings(run, number, n, self._day.wraps), order.index(n)),
            )
            best = result
            for variant in self._variants(result[number], result[other]):
                trial = [variant if n == number else plan for n, plan in enumerate(result)]
                nearer = _apart(trial, run, met) < _apart(best, run, met)
                if nearer and self._choice(trial, run).cost <= allowed:
                    best = trial
            result = best
        return result

    def _variants(self, plan: PeriodPlan, other: PeriodPlan) -> list[PeriodPlan]:
        """Return plans closer to another, from as far to as close as the model allows."""
        starts = [plan]
        cycles = {p.cycle_s for p in other.plans.values()}
        own = {p.cycle_s for p in plan.plans.values()}
        if len(cycles) == 1 and own != cycles and plan.rows and not self._halted():
            (cycle_s,) = cycles
            limits = replace(self._limits, shortest_cycle_s=cycle_s, longest_cycle_s=cycle_s)
            # Its signals may not be able to run that cycle.
            with suppress(EngineError):
                starts.append(self._optimized(plan.rows, f"{plan.origin}, same cycle", limits))
        found = list(starts[1:])
        for start in starts:
            for part in (0.5, 1.0):
                drawn = drawn_towards(
                    self._streets,
                    start.plans,
                    other.plans,
                    start.groups,
                    start.rows,
                    part * self._wishes.close_pct,
                    self._limits.locks,
                )
                plan_set = PlanSet(
                    self._network.name,
                    tuple(drawn.values()),
                    start.plan_set.left_alone,
                    in_step(start.groups, drawn),
                )
                found.append(PeriodPlan(plan_set, start.groups, start.rows, start.origin))
        return found

    def _robust(
        self, plans: Sequence[PeriodPlan], run: tuple[int, ...], wanted: Robustness
    ) -> tuple[list[PeriodPlan], tuple[RobustRow, ...]]:
        options: dict[str, Choice] = choices(self._network, self._limits)
        made: list[PeriodPlan] = []
        rows: list[RobustRow] = []
        filled = set(self._filled())
        for number, plan in enumerate(plans):
            self._tell("robust plans", number, len(plans))
            served = [t for t, n in enumerate(run) if n == number and t in filled]
            if not served:
                made.append(plan)
                continue
            demands = drawn_demands(self._day, served, wanted, wanted.seed)
            costs = RobustCosts(self._streets, demands, plan.groups, plan.plans)
            better = refined(costs, plan.plans, options, wanted)
            plan_set = PlanSet(
                self._network.name,
                tuple(better.values()),
                plan.plan_set.left_alone,
                in_step(plan.groups, better),
            )
            robust = PeriodPlan(plan_set, plan.groups, plan.rows, f"{plan.origin}, made robust")
            fresh = drawn_demands(self._day, served, wanted, wanted.seed + TRIAL_SEED_STEP)
            nominal, after = (
                spread_of(
                    RobustCosts(self._streets, fresh, plan.groups, shown).costs(), wanted.alpha
                )
                for shown in (plan.plans, robust.plans)
            )
            made.append(robust)
            rows.append(RobustRow(number, nominal, after))
        return made, tuple(rows)

    def _standing(self, base: PeriodPlan) -> dict[str, TimingPlan]:
        return {
            name: signal.plan_in_force
            for name, signal in self._network.signals.items()
            if name in base.plans and signal.plan_in_force is not None
        }

    def _through(
        self,
        base: PeriodPlan,
        single: PeriodPlan,
        plans: Sequence[PeriodPlan],
        run: tuple[int, ...],
    ) -> Through:
        """Play the day through under the plans in force, under one plan, and as it is planned."""
        rows = self._day.periods
        return Through(
            played_through(self._streets, [self._standing(base)] * rows),
            played_through(self._streets, [single.plans] * rows),
            played_through(self._streets, [plans[number].plans for number in run]),
        )

    def _in_force(self, base: PeriodPlan) -> float:
        shown = self._standing(base)
        return sum(
            self._costs.played(self._streets.following(row), shown, row)
            for row in self._streets.filled()
        )


def _merged(
    plans: Sequence[PeriodPlan], run: tuple[int, ...]
) -> tuple[list[PeriodPlan], tuple[int, ...]]:
    """Take equal plans for one."""
    kept: dict[str, PeriodPlan] = {}
    for plan in plans:
        kept.setdefault(plan.digest, plan)
    number = {digest: n for n, digest in enumerate(kept)}
    return list(kept.values()), tuple(number[plans[n].digest] for n in run)


def _meetings(run: tuple[int, ...], a: int, b: int, wraps: bool) -> int:
    """Return how often two plans follow each other."""
    return sum({run[t - 1], run[t]} == {a, b} for t in range(0 if wraps else 1, len(run)))


def _met(run: tuple[int, ...], wraps: bool) -> list[int]:
    """Return the periods that begin with another plan than that of the one before."""
    return [t for t in range(0 if wraps else 1, len(run)) if run[t - 1] != run[t]]


def _apart(plans: Sequence[PeriodPlan], run: tuple[int, ...], met: Sequence[int]) -> float:
    """Return the mean distance of the plans of some periods to those before them."""
    apart: list[float] = [distance(plans[run[t - 1]].plans, plans[run[t]].plans) for t in met]
    return float(np.mean(apart)) if apart else 0.0
