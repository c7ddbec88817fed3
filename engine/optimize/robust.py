"""Plans that hold over many demands: mean plus tail (conditional value at risk).

The objective is mean + weight * CVaR_alpha of the steady-cycle cost over drawn demands (Rockafellar
and Uryasev 2000, doi:10.21314/JOR.2000.038; for signals Zhang and Yin 2008,
doi:10.3141/2080-03). Every demand of a draw deviates from the mean in its own movement and in
what all movements have in common; the forecast's quantiles say how much. Offsets and splits are
then improved for all draws together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_group import cyclic_group
from engine.measures.street import Floats, Street
from engine.optimize import rings
from engine.optimize.day_demand import DayDemand, DayStreets
from engine.optimize.problem import Choice
from engine.optimize.search import OFFSET_STEPS_S
from network.safety import check
from network.timing import TimingPlan

NINETY_PCT_Z = 1.2815515594508324
"""Standard normal quantile of 90 %."""

SPLIT_STEPS_S = (1, 2, 4)
TYPICAL_ROBUST = 2
"""Periods that stand for a plan's in each draw."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """How robust plans are to be.

    Attributes
    ----------
    alpha
        The tail is the worst ``1 - alpha`` of all draws.
    weight
        Of the tail beside the mean.
    draws
        Demands to draw.
    correlation
        Of two movements' deviations, 0 to 1.
    sigma
        Standard deviation over mean, where the demand comes without quantiles.
    effort
        Plans to evaluate for each period plan.
    seed
        For the draws.
    """

    alpha: float = 0.9
    weight: float = 1.0
    draws: int = 16
    correlation: float = 0.5
    sigma: float = 0.15
    effort: int = 150
    seed: int = 1

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("alpha", self.alpha, 0.0, 0.99),
            ("weight", self.weight, 0.0, 100.0),
            ("correlation", self.correlation, 0.0, 1.0),
            ("sigma", self.sigma, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} is {value:g}; allowed are {low:g} to {high:g}")
        if self.draws < 2 or self.effort < 0:
            raise ValueError(f"{self.draws} draws and effort {self.effort}; allowed from 2 and 0")


@dataclass(frozen=True, slots=True)
class Spread:
    """Cost over draws.

    Attributes
    ----------
    mean, tail
        Mean, and mean of the worst part; vehicle-seconds per second.
    """

    mean: float
    tail: float


def tail_mean(costs: Floats, alpha: float) -> float:
    """Return the mean of the worst ``1 - alpha`` of equally likely costs (CVaR).

    The draw on the border of the tail counts with the part of it that belongs there.
    """
    worst = np.sort(costs)[::-1]
    size = (1.0 - alpha) * len(worst)
    weights = np.clip(size - np.arange(len(worst)), 0.0, 1.0)
    return float((weights * worst).sum() / weights.sum())


def drawn_demands(
    day: DayDemand, rows: Sequence[int], robustness: Robustness, seed: int
) -> list[dict[str, Floats]]:
    """Draw demands for the typical periods of some rows.

    Parameters
    ----------
    day
        The demand, with quantiles or without.
    rows
        Periods.
    robustness
        Number, spread and correlation of the draws.
    seed
        Of the draws.

    Returns
    -------
    list of dict
        Flows, veh/h, [typical period], no less than 0. A draw deviates alike in all its periods,
        as a day does. Above and below the mean, deviations follow the quantile on their side
        (a normal distribution in two pieces).
    """
    flows = day.typical(rows, TYPICAL_ROBUST)
    low, high = (_typical_of(day, rows, quantile) for quantile in (day.low_vph, day.high_vph))
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(robustness.draws)
    own = rng.standard_normal((robustness.draws, len(flows)))
    rho = robustness.correlation
    deviations = np.sqrt(rho) * common[:, None] + np.sqrt(1.0 - rho) * own
    demands = []
    for row in deviations:
        drawn: dict[str, Floats] = {}
        for z, (name, mean) in zip(row, flows.items(), strict=True):
            if name in low:
                down = np.maximum(mean - low[name], 0.0) / NINETY_PCT_Z
                up = np.maximum(high[name] - mean, 0.0) / NINETY_PCT_Z
                scale = up if z > 0 else down
            else:
                scale = robustness.sigma * mean
            drawn[name] = np.maximum(mean + z * scale, 0.0)
        demands.append(drawn)
    return demands


def _typical_of(
    day: DayDemand, rows: Sequence[int], quantile: Mapping[str, Floats]
) -> dict[str, Floats]:
    """Return a quantile in the same typical periods as the mean's."""
    if not quantile:
        return {}
    parts = day.parts(rows, TYPICAL_ROBUST)
    return {
        name: np.array([float(values[part].mean()) for part in parts])
        for name, values in quantile.items()
    }


class RobustCosts:
    """Costs of plans over many demands at once, signal by signal replaceable.

    Parameters
    ----------
    streets
        The day; its network and drivers count.
    demands
        As `drawn_demands` gives them.
    groups
        Coordination groups.
    plans
        What to lay in at first.
    """

    def __init__(
        self,
        streets: DayStreets,
        demands: Sequence[Mapping[str, Floats]],
        groups: Sequence[tuple[str, ...]],
        plans: Mapping[str, TimingPlan],
    ) -> None:
        self._network = streets.network
        self._group_of = {name: at for at, group in enumerate(groups) for name in group}
        laid = [[self._street(streets, demand, i) for i in _periods(demand)] for demand in demands]
        self._tables = [
            [
                [self._laid(street, group, plans) for street in found if street is not None]
                for found in laid
            ]
            for group in groups
        ]
        self._costs = np.array([self._solved(at) for at in range(len(groups))])
        self._pending = self._costs

    @staticmethod
    def _street(streets: DayStreets, demand: Mapping[str, Floats], period: int) -> Street | None:
        flows = {name: values[period : period + 1] for name, values in demand.items()}
        return streets.of(flows) if any(float(flow[0]) > 0 for flow in flows.values()) else None

    def _laid(
        self, street: Street, group: tuple[str, ...], plans: Mapping[str, TimingPlan]
    ) -> CyclicTables:
        cycle_s = max(plans[name].cycle_s for name in group)
        tables = CyclicTables(cyclic_group(street, group), self._network, cycle_s)
        for name in group:
            tables.set(plans[name])
        return tables

    def _solved(self, group: int) -> Floats:
        """Return the mean cost over the typical periods, [draw]."""
        return np.array(
            [
                sum(table.cost() for table in tables) / max(1, len(tables))
                for tables in self._tables[group]
            ]
        )

    def costs(self) -> Floats:
        """Return the cost of each draw, vehicle-seconds per second."""
        total: Floats = self._costs.sum(axis=0)
        return total

    def trial(self, plan: TimingPlan, now: TimingPlan) -> Floats:
        """Return the costs with one signal's plan replaced; it stays so in the tables."""
        self.lay(plan, now)
        group = self._group_of[plan.signal_id]
        costs = self._costs.copy()
        costs[group] = self._solved(group)
        self._pending = costs
        total: Floats = costs.sum(axis=0)
        return total

    def lay(self, plan: TimingPlan, now: TimingPlan) -> None:
        """Replace one signal's plan in the tables."""
        group = self._group_of[plan.signal_id]
        phasing = self._network.signals[plan.signal_id].phasing
        assert phasing is not None
        shifted = replace(now, offset_s=plan.offset_s) == plan
        for tables in self._tables[group]:
            for table in tables:
                if shifted:
                    row = table.group.signals.index(plan.signal_id)
                    table.begin_s[row] = plan.begin_s(phasing)
                else:
                    table.set(plan)

    def keep(self) -> None:
        """Keep the last trial."""
        self._costs = self._pending


def _periods(demand: Mapping[str, Floats]) -> range:
    return range(len(next(iter(demand.values()))))


def spread_of(costs: Floats, alpha: float) -> Spread:
    """Return mean and tail of costs."""
    return Spread(float(costs.mean()), tail_mean(costs, alpha))


def refined(
    costs: RobustCosts,
    plans: Mapping[str, TimingPlan],
    choices: Mapping[str, Choice],
    robustness: Robustness,
) -> dict[str, TimingPlan]:
    """Improve offsets and splits for all draws together.

    Parameters
    ----------
    costs
        With the plans laid in.
    plans
        To begin with.
    choices
        What each signal may run; signals without keep their plan.
    robustness
        Objective and effort.

    Returns
    -------
    dict
        Plans whose mean plus weighted tail is no worse; every one lawful.
    """

    def objective(found: Floats) -> float:
        return float(found.mean()) + robustness.weight * tail_mean(found, robustness.alpha)

    current = dict(plans)
    best = objective(costs.costs())
    spent = 0
    waiting = sorted(name for name in current if name in choices)
    while waiting and spent < robustness.effort:
        name = waiting.pop(0)
        improved = True
        while improved and spent < robustness.effort:
            improved = False
            for move in _moves(choices[name], current[name]):
                if spent >= robustness.effort:
                    break
                spent += 1
                trial = objective(costs.trial(move, current[name]))
                if trial < best * (1.0 - 1e-6):
                    costs.keep()
                    best, improved = trial, True
                    current[name] = move
                    waiting += [n for n in sorted(choices) if n in current and n not in waiting]
                    break
                costs.lay(current[name], move)
    return current


def _moves(choice: Choice, plan: TimingPlan) -> list[TimingPlan]:
    found = [
        replace(plan, offset_s=(plan.offset_s + shift) % plan.cycle_s)
        for step in OFFSET_STEPS_S
        for shift in (step, -step)
    ]
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    for step in SPLIT_STEPS_S:
        found += [
            replace(plan, splits_s=tuple(moved[n] for n in plan.sequence))
            for moved in rings.moves(choice.phasing, plan.sequence, splits, step)
        ]
    return [
        move
        for move in found
        if not check(move, choice.signal) and choice.patient(move) and _stays(choice, move, plan)
    ]


def _stays(choice: Choice, move: TimingPlan, plan: TimingPlan) -> bool:
    """Tell whether a move keeps what is locked; a tied signal does not move its offset alone."""
    hold = choice.hold
    if hold is None:
        return True
    return hold.allows(move) and (hold.tied is None or move.offset_s == plan.offset_s)
