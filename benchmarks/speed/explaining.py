"""How long plans of large groups take to explain, and what the refits inside cost and find.

    python -m benchmarks.speed.explaining [--signals 6 12 24] [--streets 11-12]

`explain` refits a group about two dozen times: for errors of volumes and speeds, and at the cycles
around its own. Per made-up arterial, processor seconds of one refit by `engine.optimize.refit` and
by the descent it took the place of (`GroupTrials.descend`, the whole group solved for every split
tried), what either saves of the cost of the plans in force and of drawn streets, and of explaining
the group once with either.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.seeds import seeds_of
from benchmarks.speed.profiles import route_flows
from engine.measures.street import Driving
from engine.optimize import alternatives, regret
from engine.optimize.explanation import Question, explanation_of
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Choice, Limits, choices
from engine.optimize.refit import refit
from engine.optimize.regret import VOLUME_PART, Demand
from engine.optimize.trials import GroupTrials
from network.graph import RoadNetwork
from network.timing import TimingPlan
from throughband.generate import Wish, generate
from throughband.setting import open_setting

PERIOD_S = 900
ROUNDS = 2
SEARCH = 50

Fit = Callable[..., float]


def whole_descent(
    trials: GroupTrials, able: dict[str, Choice], *, turned: Sequence[str] | None = None
) -> float:
    """Refit as it was done before."""
    return trials.descend(able, ROUNDS, offsets=turned)


def street_of(signals: int, seed: int) -> tuple[RoadNetwork, Demand]:
    """Make up an arterial and count its routes."""
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        wish = Wish("arterial", signals, None, None, seed, None, 0.75, False)
        built = generate(wish, Path(scratch) / "street")
        network = open_setting(str(built.config_file)).network
        flows = route_flows(network, built.route_file, PERIOD_S)
    return network, Demand(flows, PERIOD_S, Driving(), {})


def drawn(demand: Demand, seed: int) -> Demand:
    """Draw other volumes, as `regrets` does."""
    rng = np.random.default_rng(seed)
    flows = {
        name: flow * (1.0 + VOLUME_PART * rng.uniform(-1.0, 1.0))
        for name, flow in demand.movement_vph.items()
    }
    return Demand(flows, demand.period_s, demand.driving, demand.lane_shares)


def in_step(plans: dict[str, TimingPlan]) -> dict[str, TimingPlan]:
    """Return the plans whose cycles divide the longest."""
    longest_s = max(plan.cycle_s for plan in plans.values())
    return {name: plan for name, plan in plans.items() if longest_s % plan.cycle_s == 0}


def main(arguments: Sequence[str] | None = None) -> None:
    """Time both and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--signals", type=int, nargs="+", default=[6, 12, 24])
    parser.add_argument("--streets", type=seeds_of, default=[11, 12])
    parser.add_argument("--draws", type=int, default=2)
    chosen = parser.parse_args(arguments)
    fits: dict[str, Fit] = {"before": whole_descent, "now": refit}
    table = Table(title="one refit, and explaining the group; processor seconds, mean over streets")
    for column in ("signals", "plans", "refit before", "now", "ratio", "saves before %", "now %",
                   "explain before", "explain now", "ratio"):  # fmt: skip
        table.add_column(column, justify="right")
    for signals in chosen.signals:
        for what in ("in force", "optimized"):
            took: dict[str, list[float]] = {name: [] for name in fits}
            saved: dict[str, list[float]] = {name: [] for name in fits}
            whole: dict[str, list[float]] = {name: [] for name in fits}
            for seed in chosen.streets:
                network, demand = street_of(signals, seed)
                able = choices(network, Limits())
                plans = {n: s.plan_in_force for n, s in network.signals.items() if s.plan_in_force}
                if what == "optimized":
                    flows = demand.movement_vph
                    done = optimize(network, flows, PERIOD_S, 0, Limits(effort=SEARCH))
                    plans = {plan.signal_id: plan for plan in done.plan_set.plans}
                own = in_step(plans)
                for draw in range(chosen.draws):
                    street = drawn(demand, draw).street(network)
                    for name, fit in fits.items():
                        trials = GroupTrials(street, network, own)
                        before, since = trials.cost(), time.process_time()
                        after = fit(trials, able)
                        took[name].append(time.process_time() - since)
                        saved[name].append(100.0 * (1.0 - after / before))
                question = Question(
                    network, demand.street(network), 0, own, Limits(), demand=demand
                )
                for name, fit in fits.items():
                    with (
                        patch.object(regret, "refit", fit),
                        patch.object(alternatives, "refit", fit),
                    ):
                        since = time.process_time()
                        explanation_of(question)
                        whole[name].append(time.process_time() - since)
            each = {name: float(np.mean(seconds)) for name, seconds in took.items()}
            every = {name: float(np.mean(seconds)) for name, seconds in whole.items()}
            table.add_row(
                str(signals), what, f"{each['before']:.2f}", f"{each['now']:.2f}",
                f"{each['before'] / each['now']:.1f}",
                *(f"{np.mean(saved[name]):.2f}" for name in fits),
                f"{every['before']:.1f}", f"{every['now']:.1f}",
                f"{every['before'] / every['now']:.1f}",
            )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
