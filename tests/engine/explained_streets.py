"""Streets with plans to explain: crossroads in a row, and a crossing with two rings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.measures.street import Driving, Floats
from engine.optimize.problem import Choice, Limits, choices
from engine.optimize.regret import Demand
from engine.optimize.trials import GroupTrials
from network.graph import RoadNetwork, Signal
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from tests.reference.toy_streets import PROTECTED_LEFTS, crossroads
from tests.strategies import connection, network_of, signal_of

WALKING = Phasing(
    (
        Phase(1, "GgGgrrrr", 5, 30, 10),
        Phase(2, "rrrrGgGg", 5, 30, 10, walk_s=7, ped_clear_s=11),
        Phase(3, "rGrGrrrr", 5, 30, 10),
    ),
    {},
)
"""Three phases; who walks along phase 2 needs 18 s."""


def row(count: int = 3, phasing: Phasing = PROTECTED_LEFTS, seed: int = 1) -> RoadNetwork:
    """Build crossroads 200 m apart on plans of 80 s with drawn offsets."""
    rng = np.random.default_rng(seed)
    plans = tuple(
        TimingPlan(name, 80, (1, 2, 3), (40, 25, 15), int(rng.integers(80)), 1)
        for name in "ABC"[:count]
    )
    return crossroads(count, 200.0, pocket_m=40.0, phasing=phasing, plans=plans)


def flows_of(network: RoadNetwork, seed: int = 1, level: float = 1.0) -> dict[str, Floats]:
    """Draw flows, east and west the busier."""
    rng = np.random.default_rng(seed)
    return {
        name: np.array([level * rng.uniform(0.6, 1.0) * (300.0 if name[0] in "ew" else 120.0)])
        for name in network.movements
    }


def demand_of(network: RoadNetwork, seed: int = 1, level: float = 1.0) -> Demand:
    """Draw an hour's demand."""
    return Demand(flows_of(network, seed, level), 3600, Driving(), {})


def plans_of(network: RoadNetwork) -> dict[str, TimingPlan]:
    """Return the plans in force."""
    return {n: s.plan_in_force for n, s in network.signals.items() if s.plan_in_force}


def trials_of(network: RoadNetwork, seed: int = 1, level: float = 1.0) -> GroupTrials:
    """Lay the plans in force into one group."""
    return GroupTrials(demand_of(network, seed, level).street(network), network, plans_of(network))


def choices_of(network: RoadNetwork) -> dict[str, Choice]:
    """Return what the signals may run."""
    return choices(network, Limits())


def two_rings(
    splits: tuple[int, ...] = (12, 28, 14, 26, 15, 25, 12, 28), seventh_green_s: int = 5
) -> RoadNetwork:
    """Build a crossing of eight movements under two rings; people walk by phases 4 and 8."""
    numbers = (1, 2, 3, 4, 5, 6, 7, 8)
    barrier = {1: 1, 2: 1, 5: 1, 6: 1, 3: 2, 4: 2, 7: 2, 8: 2}
    ring = {n: 1 if n <= 4 else 2 for n in numbers}
    connections = []
    for at, number in enumerate(numbers):
        foes = frozenset(
            other
            for other, m in enumerate(numbers)
            if m != number and (barrier[m] != barrier[number] or ring[m] == ring[number])
        )
        connections.append(connection(at, foes, frozenset()))
    phases = tuple(
        Phase(
            number,
            "".join("G" if at == other else "r" for other in range(8)),
            seventh_green_s if number == 7 else 5,
            30,
            10,
            ring[number],
            barrier[number],
            7 if number in (4, 8) else 0,
            11 if number in (4, 8) else 0,
        )
        for at, number in enumerate(numbers)
    )
    plan = TimingPlan("X", 80, numbers, splits, 0, 2)
    signal: Signal = replace(
        signal_of(tuple(connections), Phasing(phases, {}), None), plan_in_force=plan
    )
    return network_of(signal)
