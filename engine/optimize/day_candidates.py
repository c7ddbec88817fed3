"""Plans that a day may be made of: for the whole day, for each kind of period, and for a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from engine.measures.street import Driving
from engine.optimize.clusters import nested_clusters
from engine.optimize.day_costs import DayCosts, PeriodPlan
from engine.optimize.day_demand import DayDemand, DayStreets
from engine.optimize.optimizer import Progress, optimize
from engine.optimize.planned_day import DayWishes
from engine.optimize.problem import Limits
from engine.optimize.switching import MOST_CANDIDATES, DayChoice, best_days, cost_of
from network.errors import EngineError
from network.graph import RoadNetwork
from network.timing import PlanSet, in_step


class Candidates:
    """The plans made so far, and what they cost in every period.

    Parameters
    ----------
    network, day, wishes, driving, progress, halted, together
        As for `engine.optimize.periods.plan_day`.
    limits
        Likewise; `limits` has the objective that the plans were priced by in the end.

    Attributes
    ----------
    streets, costs
        The day as the objective prices it.
    made
        Plans optimized.
    """

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
        self.day = day
        self.wishes = wishes
        self.limits = limits
        self.halted = halted
        self.network = network
        self._driving = driving
        self._tell = progress
        self._together = together
        self._price()
        self._dwell = max(1, -(-wishes.dwell_s // day.period_s))
        self.pool: list[PeriodPlan] = []
        self.made = 0
        self._whole = 2 * wishes.most_plans + 1

    def _price(self) -> None:
        """Lay the day out as the objective prices it."""
        self.streets = DayStreets(
            self.network,
            self.day,
            self._driving,
            self.limits.demand_margin,
            self.limits.objective,
        )
        self.costs = DayCosts(self.streets)

    def begin(self) -> PeriodPlan:
        """Optimize one plan for the whole day, and one for each kind of period."""
        base = self.optimized(self.filled(), "the whole day", self.limits)
        self.pool.append(base)
        self._cluster(base)
        return base

    def filled(self) -> tuple[int, ...]:
        """Return the periods in which anything drives."""
        return tuple(self.streets.filled())

    def optimized(self, rows: tuple[int, ...], origin: str, limits: Limits) -> PeriodPlan:
        """Return a plan for what typically flows in some periods; it does not join the others."""
        flows = self.day.typical(rows)
        self._tell("plans of the day", self.made, self._whole)
        done = optimize(
            self.network,
            flows,
            self.day.played_s,
            self.day.begin_s(rows[0]),
            limits,
            self._driving,
            lane_shares=self.day.lane_shares,
            halted=self.halted,
            together=self._together,
        )
        self.made += 1
        if done.street.objective != self.limits.objective:
            # Oversaturated, and queues are to be balanced: one price for all plans of the day.
            self.limits = replace(self.limits, objective=done.street.objective)
            self._price()
        plans = {plan.signal_id: plan for plan in done.plan_set.plans}
        groups = list(done.groups)
        left_alone = done.plan_set.left_alone
        if self.pool:
            # A signal without traffic in these periods keeps what it runs over the whole day.
            base = self.pool[0]
            for name, plan in base.plans.items():
                if name not in plans:
                    plans[name] = plan
                    groups.append((name,))
            left_alone = base.plan_set.left_alone
        groups = [group for group in groups if all(name in plans for name in group)]
        plan_set = PlanSet(
            self.network.name, tuple(plans.values()), left_alone, in_step(groups, plans)
        )
        return PeriodPlan(plan_set, tuple(groups), rows, origin)

    def _cluster(self, base: PeriodPlan) -> None:
        """Optimize a plan for each cluster, whatever the number of clusters."""
        most = self.wishes.most_plans + (1 if self.wishes.most_plans > 1 else 0)
        known = {base.rows}
        for clusters in nested_clusters(self.streets, base.plans, most)[1:]:
            for rows in clusters:
                if rows not in known and not self.halted():
                    known.add(rows)
                    self._try(rows, f"one of {len(clusters)} kinds of period")

    def _try(self, rows: tuple[int, ...], origin: str) -> bool:
        """Add a plan to the candidates; False where none can be made."""
        try:
            plan = self.optimized(rows, origin, self.limits)
        except EngineError:
            # Nothing drives over a signal that may be retimed, in these periods.
            return False
        if any(p.digest == plan.digest for p in self.pool):
            return False
        self.pool.append(plan)
        return True

    def days(self) -> tuple[DayChoice, ...]:
        """Return the cheapest day for every number of plans."""
        if len(self.pool) > MOST_CANDIDATES:
            totals = self.costs.period_costs(self.pool)
            least = set(np.argmin(totals, axis=1).tolist()) | {0}
            rest = [n for n in reversed(range(len(self.pool))) if n not in least]
            kept = sorted([*sorted(least), *rest][:MOST_CANDIDATES])
            self.pool = [self.pool[number] for number in kept]
        return best_days(
            self.costs.period_costs(self.pool),
            self.costs.switch_costs(self.pool),
            self._dwell,
            self.day.wraps,
            self.wishes.most_plans,
        )

    def again(self, chosen: DayChoice) -> bool:
        """Optimize the plans of a day for just the periods they serve; False where none is new."""
        added = False
        known = {plan.rows for plan in self.pool}
        filled = set(self.filled())
        for number in chosen.plans:
            rows = tuple(t for t, plan in enumerate(chosen.run) if plan == number and t in filled)
            if rows and rows not in known:
                known.add(rows)
                added |= self._try(rows, "the periods it serves")
        return added

    def choice(self, plans: Sequence[PeriodPlan], run: tuple[int, ...]) -> DayChoice:
        """Return a day of some plans with its cost."""
        period, switch = self.costs.period_costs(plans), self.costs.switch_costs(plans)
        return cost_of(run, period, switch, self.day.wraps)
