"""What a plan costs when the street is not as it was told: volumes, clocks and speeds off.

The regret of a plan is what it costs more than plans whose offsets and splits were fitted to the
street as it turned out (local descent from the plan itself, so it is never below zero).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from engine.measures.objective import Objective
from engine.measures.street import Driving, Floats, Street, build_street
from engine.optimize.problem import Choice
from engine.optimize.refit import refit
from engine.optimize.trials import GroupTrials
from network.graph import RoadNetwork
from network.timing import TimingPlan

VOLUME_PART: Final = 0.15
CLOCK_S: Final = 2
SPEED_PART: Final = 0.10
DRAWS: Final = 6

VOLUMES: Final = "volumes"
CLOCKS: Final = "clocks"
SPEEDS: Final = "speeds"


@dataclass(frozen=True, slots=True)
class Demand:
    """What a street is built of, so that it can be built a little different.

    Attributes
    ----------
    movement_vph
        Flow of each movement per period, veh/h.
    period_s
        Length of a period, s.
    driving
        Driver behavior.
    lane_shares, objective
        As for `build_street`.
    """

    movement_vph: Mapping[str, Floats]
    period_s: int
    driving: Driving
    lane_shares: Mapping[str, float]
    objective: Objective = field(default_factory=Objective)

    def street(self, network: RoadNetwork) -> Street:
        """Lay the demand over a network."""
        return build_street(
            network,
            self.movement_vph,
            self.period_s,
            self.driving,
            self.lane_shares,
            self.objective,
        )


@dataclass(frozen=True, slots=True)
class Regret:
    """What a plan loses under one kind of error.

    Attributes
    ----------
    error
        `VOLUMES`, `CLOCKS` or `SPEEDS`.
    size
        Greatest error: a part of the true value, or s for clocks.
    draws
        Number of streets drawn.
    mean_pct, worst_pct
        Cost over that of the refitted plans, per cent of the latter.
    mean_s_per_veh
        The same in s per vehicle that passes a signal.
    """

    error: str
    size: float
    draws: int
    mean_pct: float
    worst_pct: float
    mean_s_per_veh: float


def regrets(
    network: RoadNetwork,
    demand: Demand,
    plans: Mapping[str, TimingPlan],
    choices: Mapping[str, Choice],
    seed: int,
    draws: int = DRAWS,
) -> tuple[Regret, ...]:
    """Draw streets that differ from what was told, and tell what the plans lose there.

    Parameters
    ----------
    network, demand
        The roads and the flows the plans are for.
    plans
        Of one group, by signal.
    choices
        The phases of its signals.
    seed
        For the draws: every movement's flow and every link's speed by itself, evenly within the
        error; every signal's clock by whole seconds.
    draws
        Streets of each kind.

    Returns
    -------
    tuple of Regret
        For volumes, clocks and speeds.
    """
    rng = np.random.default_rng(seed)
    trials = GroupTrials(demand.street(network), network, plans)
    best = _refitted(trials, choices)
    lost: dict[str, list[tuple[float, float]]] = {VOLUMES: [], CLOCKS: [], SPEEDS: []}
    for _ in range(draws):
        flows = {
            name: np.asarray(flow) * (1.0 + VOLUME_PART * rng.uniform(-1.0, 1.0))
            for name, flow in demand.movement_vph.items()
        }
        lost[VOLUMES].append(_lost(network, replace(demand, movement_vph=flows), plans, choices))
    for _ in range(draws):
        late = [_late(plan, int(rng.integers(-CLOCK_S, CLOCK_S + 1))) for plan in plans.values()]
        # Clocks that are set right again need no new plan: the best stays the best.
        lost[CLOCKS].append((trials.trial(late), min(best, trials.cost())))
    for _ in range(draws):
        links = {
            name: replace(
                link, speed_mps=link.speed_mps * (1.0 + SPEED_PART * rng.uniform(-1.0, 1.0))
            )
            for name, link in network.links.items()
        }
        changed = RoadNetwork(network.name, links, network.signals, network.connections)
        lost[SPEEDS].append(_lost(changed, demand, plans, choices))
    sizes = {VOLUMES: VOLUME_PART, CLOCKS: float(CLOCK_S), SPEEDS: SPEED_PART}
    return tuple(
        _regret(error, sizes[error], found, trials.volume_vps) for error, found in lost.items()
    )


def refit_gain(trials: GroupTrials, choices: Mapping[str, Choice]) -> float:
    """Return what refitting offsets and splits would save, as a part of the plans' cost.

    Parameters
    ----------
    trials
        The group's plans; as before afterwards.
    choices
        The phases of its signals.
    """
    return 1.0 - _refitted(trials, choices) / max(trials.cost(), 1e-12)


def _refitted(trials: GroupTrials, choices: Mapping[str, Choice]) -> float:
    plans = dict(trials.plans)
    cost = refit(trials, choices)
    trials.take(plans.values())
    return cost


def _lost(
    network: RoadNetwork,
    demand: Demand,
    plans: Mapping[str, TimingPlan],
    choices: Mapping[str, Choice],
) -> tuple[float, float]:
    trials = GroupTrials(demand.street(network), network, plans)
    kept = trials.cost()
    return kept, refit(trials, choices)


def _late(plan: TimingPlan, seconds: int) -> TimingPlan:
    return replace(plan, offset_s=(plan.offset_s + seconds) % plan.cycle_s)


def _regret(error: str, size: float, found: list[tuple[float, float]], volume_vps: float) -> Regret:
    parts = np.array([100.0 * (kept / max(best, 1e-12) - 1.0) for kept, best in found])
    seconds = np.array([kept - best for kept, best in found]) / max(volume_vps, 1e-12)
    return Regret(
        error, size, len(found), float(parts.mean()), float(parts.max()), float(seconds.mean())
    )
