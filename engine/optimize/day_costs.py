"""What plans cost in the periods of a day, and what the way from one plan to another costs.

Periods are costed by the hour-long queue model: the period is played after the one before it,
under the same plan, so that queues which that one leaves are there from the beginning. Under
another plan before they would be a little longer or shorter; `engine.optimize.day_through` plays a
whole day with the plans that run in it. Transitions are costed by the steady cycle of the new plan
with every signal as late as its correction leaves it, cycle by cycle; the capacity that a shortened
cycle lacks is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.measures.cyclic_batch import CyclicBatch
from engine.measures.cyclic_group import CyclicGroup, cyclic_group
from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import Floats, Integers, Street
from engine.measures.transition import Transition, transition
from engine.optimize.day_demand import DayStreets
from network.timing import PlanSet, TimingPlan


@dataclass(frozen=True, slots=True, eq=False)
class PeriodPlan:
    """A set of plans that could run for some periods of a day.

    Attributes
    ----------
    plan_set
        One plan per signal.
    groups
        Coordination groups, each under one cycle (or halves of it).
    rows
        The periods it was made for.
    origin
        How it came about, in words.
    plans, digest
        The plans by signal, and what tells them from others.
    """

    plan_set: PlanSet
    groups: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...]
    origin: str
    plans: Mapping[str, TimingPlan] = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plans", {p.signal_id: p for p in self.plan_set.plans})
        object.__setattr__(self, "digest", self.plan_set.digest)


class DayCosts:
    """Costs of period plans over a day, each worked out once.

    Parameters
    ----------
    streets
        The day.
    """

    def __init__(self, streets: DayStreets) -> None:
        self.streets = streets
        self._rows: dict[str, Floats] = {}
        self._lates: dict[tuple[str, str, tuple[str, ...], int], Integers] = {}
        self._moves: dict[tuple[str, str, int], float] = {}
        self._batches: dict[tuple[str, int, tuple[str, ...]], CyclicBatch] = {}
        self._groups: dict[tuple[int, tuple[str, ...]], CyclicGroup] = {}

    def period_costs(self, plans: Sequence[PeriodPlan]) -> Floats:
        """Return what each plan costs in each period, [period, plan], vehicle-seconds."""
        return np.column_stack([self.of(plan) for plan in plans])

    def of(self, plan: PeriodPlan) -> Floats:
        """Return what one plan costs in each period, vehicle-seconds; 0 where nothing flows."""
        key = plan.digest
        if key not in self._rows:
            costs = np.zeros(self.streets.day.periods)
            for row in self.streets.filled():
                costs[row] = self.played(self.streets.following(row), plan.plans, row)
            self._rows[key] = costs
        return self._rows[key]

    def played(self, street: Street, plans: Mapping[str, TimingPlan], row: int) -> float:
        """Return what plans cost in a street whose last period is of the day, vehicle-seconds."""
        day = self.streets.day
        longest_s = max(plan.cycle_s for plan in plans.values())
        tables = Tables(street, self.streets.network, longest_s + self._in_force_s())
        for signal in self.streets.network.signals.values():
            shown = plans.get(signal.signal_id) or signal.plan_in_force
            if shown is None:
                tables.open_always(signal.signal_id)
            else:
                tables.set(shown)
        filling_s = street.horizon_s - day.played_s
        measures = evaluate(tables, day.begin_s(row), street.horizon_s, filling_s)
        return measures.cost_s * measures.volume_veh * day.period_s / day.played_s

    def switch_costs(self, plans: Sequence[PeriodPlan]) -> Floats:
        """Return what each switch costs at each period's beginning, [period, from, to]."""
        day = self.streets.day
        costs = np.zeros((day.periods, len(plans), len(plans)))
        for t in range(day.periods):
            for a, old in enumerate(plans):
                for b, new in enumerate(plans):
                    if a != b:
                        costs[t, a, b] = self.switch(old, new, t)
        return costs

    def switch(self, old: PeriodPlan, new: PeriodPlan, row: int) -> float:
        """Return what a switch at the beginning of a period costs, vehicle-seconds."""
        key = (old.digest, new.digest, row)
        if key not in self._moves:
            self._moves[key] = 0.0
            if key[0] != key[1] and not self.streets.day.empty[row]:
                self._moves[key] = sum(
                    self._group_switch(old, new, row, group)
                    for group in new.groups
                    if len(group) > 1
                )
        return self._moves[key]

    def _group_switch(
        self, old: PeriodPlan, new: PeriodPlan, row: int, group: tuple[str, ...]
    ) -> float:
        late_s = self._late(old, new, row, group)
        if not late_s.size:
            return 0.0
        cycle_s = max(new.plans[name].cycle_s for name in group)
        offsets = np.array([new.plans[name].offset_s for name in group])
        batch = self._batch(new, row, group, cycle_s)
        shifted = np.vstack([offsets, offsets + late_s]).astype(np.int32)
        costs = batch.costs(np.zeros_like(shifted), shifted)
        return float(np.maximum(costs[1:] - costs[0], 0.0).sum()) * cycle_s

    def _late(self, old: PeriodPlan, new: PeriodPlan, row: int, group: tuple[str, ...]) -> Integers:
        """Return how late each signal is in each cycle of a transition, s, [cycle, signal]."""
        both = [name for name in group if name in old.plans]
        cycles_s = [plans.plans[name].cycle_s for plans in (old, new) for name in both]
        # After the least common multiple of the cycles, everything is as it was.
        at_s = self.streets.day.begin_s(row) % math.lcm(*cycles_s)
        key = (old.digest, new.digest, group, at_s)
        if key not in self._lates:
            moves: dict[str, Transition] = {}
            for name in both:
                phasing = self.streets.network.signals[name].phasing
                assert phasing is not None
                moves[name] = transition(old.plans[name], new.plans[name], phasing, at_s)
            ends_s = [move.in_step_s for move in moves.values() if move.cycles]
            cycle_s = max(new.plans[name].cycle_s for name in group)
            middles_s = np.arange(at_s, max(ends_s, default=at_s), cycle_s) + cycle_s / 2.0
            self._lates[key] = np.array(
                [
                    [moves[name].late_at_s(m) if name in moves else 0 for name in group]
                    for m in middles_s.tolist()
                ],
                np.int32,
            )
        return self._lates[key]

    def _batch(
        self, plan: PeriodPlan, row: int, group: tuple[str, ...], cycle_s: int
    ) -> CyclicBatch:
        key = (plan.digest, row, group)
        if key not in self._batches:
            at = (row, group)
            if at not in self._groups:
                self._groups[at] = cyclic_group(self.streets.period(row), group)
            programs = {name: [plan.plans[name]] for name in group}
            self._batches[key] = CyclicBatch(
                self._groups[at], self.streets.network, cycle_s, programs
            )
        return self._batches[key]

    def _in_force_s(self) -> int:
        """Room for the plans in force of signals that are left alone."""
        return max(
            [s.plan_in_force.cycle_s for s in self.streets.network.signals.values()
             if s.plan_in_force],
            default=0,
        )  # fmt: skip
