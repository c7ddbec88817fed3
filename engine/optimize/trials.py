"""Plans of signals under one cycle, and what other plans in their place would cost.

The measure is the steady cycle of `engine.measures.cyclic`: vehicle-seconds per second, that is
vehicles that wait at any moment, with what stops and overfull lanes cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.measures import cyclic_kernels as kernels
from engine.measures.cyclic import CyclicTables, cost_weights
from engine.measures.cyclic_batch import CyclicBatch
from engine.measures.cyclic_group import cyclic_group
from engine.measures.steady import SteadyLanes, steady_lanes
from engine.measures.street import Floats, Street
from engine.optimize.isolated import split_moves
from engine.optimize.problem import Choice
from network.errors import PlanError
from network.graph import RoadNetwork
from network.timing import TimingPlan

OFFSETS_AT_ONCE = 64
"""Plans that the batch kernel is given at a time; more only fill the caches."""

SPLIT_STEPS_S = (4, 2, 1)
LEAST_GAIN = 1e-6
"""Part of the cost by which a change must be cheaper to be taken."""


class GroupTrials:
    """A group's plans in the tables of the cyclic model, to be tried one change at a time.

    Parameters
    ----------
    street, network
        The roads and their demand; its mean counts.
    plans
        Of the group, by signal. The longest cycle is a multiple of every other.

    Raises
    ------
    PlanError
        If a cycle does not divide the longest one.
    """

    def __init__(
        self, street: Street, network: RoadNetwork, plans: Mapping[str, TimingPlan]
    ) -> None:
        self.street = street
        self.network = network
        self.plans = dict(sorted(plans.items()))
        self.cycle_s = max(plan.cycle_s for plan in self.plans.values())
        for name, plan in self.plans.items():
            if self.cycle_s % plan.cycle_s:
                raise PlanError(
                    f"signal {name!r} runs a cycle of {plan.cycle_s} s in a group of "
                    f"{self.cycle_s} s; allowed are cycles that divide it"
                )
        self.group = cyclic_group(street, self.plans)
        self._tables = CyclicTables(self.group, network, self.cycle_s)
        self._rows = {name: self.group.ways_of(name) for name in self.plans}
        self._lanes = {
            name: np.unique(self.group.arrays.way_lane[rows]) for name, rows in self._rows.items()
        }
        self._weights = cost_weights(self.group)
        self._laid: dict[tuple[object, ...], tuple[Floats, NDArray[np.int32]]] = {}
        for plan in self.plans.values():
            self._lay(plan)
        rows = range(self.group.arrays.storage_veh.size)
        self.lane_names = tuple(street.lane_names[self.group.lane_of(row)] for row in rows)
        self.volume_vps = float(street.lane_volume_vps[self.group.lanes].sum())

    def cost(self) -> float:
        """Return what the plans cost, vehicle-seconds per second."""
        return self._tables.cost()

    def lane_costs(self) -> Floats:
        """Return what the plans cost on each lane of the group, vehicle-seconds per second."""
        results = self._tables.solve()
        return np.array(
            [
                kernels.total_cost(
                    results[row : row + 1], self.cycle_s, self._weights[row : row + 1]
                )
                for row in range(len(results))
            ]
        )

    def lane_saturation(self) -> Floats:
        """Return degree of saturation of each lane of the group; 0 where nothing drives."""
        return steady_lanes(self._tables.solve(), self.cycle_s, self.street.horizon_s).saturation

    def steady(self, plans: Iterable[TimingPlan] = ()) -> SteadyLanes:
        """Return delay, stops, saturation and queue of each of the street's lanes.

        Parameters
        ----------
        plans
            To be tried in the place of the group's own.
        """
        changed = list(plans)
        for plan in changed:
            self._lay(plan)
        results = self._tables.solve()[: self.group.lanes.size]
        found = steady_lanes(results, self.cycle_s, self.street.horizon_s)
        for plan in changed:
            self._lay(self.plans[plan.signal_id])
        return found

    def lanes_of(self, signal_id: str) -> NDArray[np.intp]:
        """Return a signal's lanes, as rows of what `lane_costs` returns."""
        return self._lanes[signal_id].astype(np.intp)

    def trial(self, plans: Iterable[TimingPlan]) -> float:
        """Return what it costs with some plans in the place of the group's own."""
        changed = list(plans)
        for plan in changed:
            self._lay(plan)
        cost = self.cost()
        for plan in changed:
            self._lay(self.plans[plan.signal_id])
        return cost

    def trial_lanes(self, plans: Iterable[TimingPlan]) -> Floats:
        """Return the lanes' costs with some plans in the place of the group's own."""
        changed = list(plans)
        for plan in changed:
            self._lay(plan)
        costs = self.lane_costs()
        for plan in changed:
            self._lay(self.plans[plan.signal_id])
        return costs

    def take(self, plans: Iterable[TimingPlan]) -> None:
        """Put plans in the place of the group's own, for good."""
        for plan in plans:
            self._lay(plan)
            self.plans[plan.signal_id] = plan

    def batch(self) -> CyclicBatch:
        """Return the group's programs ready for many offsets at once."""
        programs = {name: (plan,) for name, plan in self.plans.items()}
        return CyclicBatch(self.group, self.network, self.cycle_s, programs)

    def offset_costs(self, signal_id: str, batch: CyclicBatch | None = None) -> Floats:
        """Return what every offset of a signal would cost, all others staying.

        Parameters
        ----------
        signal_id
            The signal.
        batch
            From `batch`, where several signals are asked of the same programs.

        Returns
        -------
        ndarray
            [offset], vehicle-seconds per second, in single precision.
        """
        batch = batch or self.batch()
        column = self.group.signals.index(signal_id)
        own_s = self.plans[signal_id].cycle_s
        offsets = np.tile(
            np.array([self.plans[name].offset_s for name in self.group.signals], np.int32),
            (own_s, 1),
        )
        offsets[:, column] = np.arange(own_s)
        program = np.zeros_like(offsets)
        return np.concatenate(
            [
                batch.costs(program[at : at + OFFSETS_AT_ONCE], offsets[at : at + OFFSETS_AT_ONCE])
                for at in range(0, own_s, OFFSETS_AT_ONCE)
            ]
        )

    def descend(
        self,
        choices: Mapping[str, Choice],
        rounds: int,
        *,
        offsets: Iterable[str] | None = None,
        splits: Iterable[str] | None = None,
    ) -> float:
        """Take cheaper offsets and splits until none is left, and keep them.

        Parameters
        ----------
        choices
            The phases of the signals whose splits may move.
        rounds
            How often to go through all signals at most.
        offsets, splits
            Signals whose offsets and whose splits may move; all by default.

        Returns
        -------
        float
            What the plans then cost, never more than before.
        """
        turned = tuple(self.plans) if offsets is None else tuple(sorted(offsets))
        moved = tuple(self.plans) if splits is None else tuple(sorted(splits))
        cost = self.cost()
        for _ in range(rounds):
            before = cost
            batch = self.batch() if turned else None
            for name in turned:
                cost = self._turned(name, cost, batch)
            for name in moved:
                if name in choices:
                    cost = self._moved(choices[name], name, cost)
            if cost >= before * (1.0 - LEAST_GAIN):
                break
        return cost

    def _turned(self, name: str, cost: float, batch: CyclicBatch | None) -> float:
        plan = self.plans[name]
        best = int(np.argmin(self.offset_costs(name, batch)))
        if best == plan.offset_s:
            return cost
        turned = replace(plan, offset_s=best)
        # Single precision proposes, double precision decides.
        found = self.trial([turned])
        if found >= cost * (1.0 - LEAST_GAIN):
            return cost
        self.take([turned])
        return found

    def _moved(self, choice: Choice, name: str, cost: float) -> float:
        for step_s in SPLIT_STEPS_S:
            improved = True
            while improved:
                improved = False
                plans = split_moves(choice, self.plans[name], step_s)
                found = [(self.trial([plan]), plan) for plan in plans]
                if not found:
                    break
                least, plan = min(found, key=lambda pair: (pair[0], pair[1].splits_s))
                if least < cost * (1.0 - LEAST_GAIN):
                    self.take([plan])
                    cost, improved = least, True
        return cost

    def _lay(self, plan: TimingPlan) -> None:
        name = plan.signal_id
        key = (name, plan.cycle_s, plan.sequence, plan.splits_s)
        rows, lanes, kind = self._rows[name], self._lanes[name], self.group.arrays.kind
        laid = self._laid.get(key)
        if laid is None:
            self._tables.set(plan)
            self._laid[key] = (self._tables.service[rows].copy(), kind[lanes].copy())
            return
        self._tables.service[rows], kind[lanes] = laid
        phasing = self.network.signals[name].phasing
        assert phasing is not None
        self._tables.begin_s[self.group.signals.index(name)] = plan.begin_s(phasing)
