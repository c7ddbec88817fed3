"""Local search over the plans of a whole street.

Moves: shift one offset, shift the offsets of everything behind a signal, move seconds between
two phases, take another phase sequence, change the cycle of a coordination group. Every plan
met on the way keeps its least splits. When no move helps, a few signals are disturbed and the
search goes on from there (iterated local search). The effort is counted in evaluations, not in
seconds, so that equal input gives equal plans on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import networkx as nx
import numpy as np

from engine.measures.evaluation import Tables, evaluate
from engine.optimize.isolated import IsolatedSignal, split_moves
from engine.optimize.problem import Choice, Limits
from network.timing import TimingPlan

OFFSET_STEPS_S = (1, 3, 7)
OFFSET_PARTS = (0.15, 0.4)
DISTURBED = 2
LEAST_GAIN = 1e-5

REFUSED_VEH = 1e4
"""A lane whose queue passes a limit that is to be kept outweighs any delay, in vehicles delayed:
plans that pass it on fewer lanes go before all others."""

Plans = dict[str, TimingPlan]


@dataclass(slots=True)
class Search:
    """State of a search; `best` is the best set of plans so far."""

    tables: Tables
    choices: Mapping[str, Choice]
    isolated: Mapping[str, IsolatedSignal]
    groups: tuple[tuple[str, ...], ...]
    coupling: nx.Graph
    start_s: int
    limits: Limits
    progress: Callable[[int, int], None]
    halted: Callable[[], bool] = lambda: False
    spent: int = 0

    def cost(self, plans: Plans, changed: tuple[str, ...]) -> float:
        """Evaluate plans of which only some changed since the tables were last in step."""
        for signal in changed:
            self.tables.set(plans[signal])
        self.spent += 1
        if self.spent % 50 == 0:
            self.progress(min(self.spent, self.limits.effort), self.limits.effort)
        street = self.tables.street
        measures = evaluate(self.tables, self.start_s, street.horizon_s)
        refused = REFUSED_VEH * street.horizon_s * measures.over_limit
        return measures.cost_s * measures.volume_veh + refused

    @property
    def exhausted(self) -> bool:
        """Whether the effort is spent, or somebody called a halt."""
        return self.spent >= self.limits.effort or self.halted()

    def descend(self, plans: Plans, rng: np.random.Generator, budget: int) -> tuple[float, Plans]:
        """Take improving moves until none is left or the budget is spent."""
        current = dict(plans)
        cost = self.cost(current, tuple(current))
        stop = self.spent + budget
        waiting = list(current)
        rng.shuffle(waiting)
        while waiting and self.spent < stop and not self.exhausted:
            signal = waiting.pop(0)
            improved = True
            while improved and self.spent < stop and not self.exhausted:
                improved = False
                moves = list(self._kept_moves(signal, current))
                for index in rng.permutation(len(moves)):
                    move = moves[index]
                    trial = self.cost({**current, **move}, tuple(move))
                    if trial < cost * (1.0 - LEAST_GAIN):
                        cost = trial
                        current.update(move)
                        improved = True
                        # Neighbors may have better moves now.
                        for neighbor in self.coupling.neighbors(signal):
                            if neighbor in current and neighbor not in waiting:
                                waiting.append(neighbor)
                        break
                    for name in move:
                        self.tables.set(current[name])
                    if self.spent >= stop or self.exhausted:
                        break
        return cost, current

    def _kept_moves(self, signal: str, plans: Plans) -> Iterator[Plans]:
        """Yield the moves with locked offsets put back, unless nothing is left of them."""
        locks = self.limits.locks
        for move in self._moves(signal, plans):
            if not locks:
                yield move
                continue
            carried = locks.carried({**plans, **move}, move)
            kept = {name: plan for name, plan in carried.items() if plan != plans[name]}
            if kept:
                yield kept

    def _moves(self, signal: str, plans: Plans) -> Iterator[Plans]:
        plan = plans[signal]
        choice = self.choices[signal]
        steps = [*OFFSET_STEPS_S, *(round(part * plan.cycle_s) for part in OFFSET_PARTS)]
        for step in steps:
            for shift in (step, -step):
                yield {signal: shifted(plan, shift)}
        for behind in self._behind(signal, plans):
            for step in OFFSET_STEPS_S:
                for shift in (step, -step):
                    yield {name: shifted(plans[name], shift) for name in behind}
        for step_s in (1, 2, 4):
            for moved in split_moves(choice, plan, step_s):
                yield {signal: moved}
        for candidate in self.isolated[signal].candidates(plan.cycle_s):
            if candidate.plan.sequence != plan.sequence:
                yield {signal: _in_place_of(candidate.plan, plan)}
        for order in choice.orders(plan.sequence):
            splits_s = tuple(plan.split_s(number) for number in order)
            moved = replace(plan, sequence=order, splits_s=splits_s)
            if choice.lawful(moved):
                yield {signal: moved}
        group = next(group for group in self.groups if signal in group)
        if group[0] == signal:
            yield from self.cycle_moves(group, plans)

    def _behind(self, signal: str, plans: Plans) -> Iterator[tuple[str, ...]]:
        """Sets of two and more signals that hang on the rest by one neighbor of the signal."""
        group = next(group for group in self.groups if signal in group)
        if len(group) < 4:
            return
        part = self.coupling.subgraph(group)
        for neighbor in part.neighbors(signal):
            cut = nx.Graph(part)
            cut.remove_edge(signal, neighbor)
            side = nx.node_connected_component(cut, signal)
            if 1 < len(side) < len(group):
                yield tuple(sorted(side & plans.keys()))

    def cycle_moves(self, group: tuple[str, ...], plans: Plans) -> Iterator[Plans]:
        """Return the group's plans at longer and shorter cycles, offsets in proportion."""
        now = max(plans[name].cycle_s for name in group)
        for step in (1, -1, 2, -2):
            cycle_s = now + step * self.limits.cycle_step_s
            moved = self.at_cycle(group, cycle_s, plans)
            if moved:
                yield moved

    def at_cycle(self, group: tuple[str, ...], cycle_s: int, plans: Plans) -> Plans:
        """Return a group's plans at another cycle; empty where a signal cannot run it."""
        moved: Plans = {}
        for name in group:
            candidates = self.isolated[name].candidates(cycle_s)
            if not candidates:
                return {}
            same = [c.plan for c in candidates if set(c.plan.sequence) == set(plans[name].sequence)]
            plan = (same or [candidates[0].plan])[0]
            ordered = _in_order_of(plan, plans[name])
            plan = ordered if self.choices[name].lawful(ordered) else plan
            moved[name] = _in_place_of(plan, plans[name])
        return moved

    def disturbed(self, plans: Plans, rng: np.random.Generator) -> Plans:
        """Give a few signals offsets at random, and now and then another sequence."""
        moved = dict(plans)
        names = sorted(moved)
        for index in rng.choice(len(names), size=min(DISTURBED, len(names)), replace=False):
            name = names[int(index)]
            plan = moved[name]
            candidates = self.isolated[name].candidates(plan.cycle_s)
            if candidates and rng.random() < 0.3:
                plan = _in_place_of(candidates[int(rng.integers(len(candidates)))].plan, plan)
            moved[name] = shifted(plan, int(rng.integers(plan.cycle_s)))
        return self.limits.locks.carried(moved)


def shifted(plan: TimingPlan, seconds: int) -> TimingPlan:
    """Return the plan with its offset moved, modulo the cycle."""
    return replace(plan, offset_s=(plan.offset_s + seconds) % plan.cycle_s)


def _in_order_of(plan: TimingPlan, other: TimingPlan) -> TimingPlan:
    """Serve the phases in the order of another plan, where they are the same and split freely."""
    if set(plan.sequence) != set(other.sequence):
        return plan
    splits_s = tuple(plan.split_s(number) for number in other.sequence)
    return replace(plan, sequence=other.sequence, splits_s=splits_s)


def _in_place_of(plan: TimingPlan, other: TimingPlan) -> TimingPlan:
    """Put a plan where another was: same phase in front where it can, offset in proportion."""
    offset_s = round(other.offset_s * plan.cycle_s / other.cycle_s)
    if other.coordinated_phase in plan.sequence:
        plan = replace(plan, coordinated_phase=other.coordinated_phase)
    return replace(plan, offset_s=offset_s % plan.cycle_s)
