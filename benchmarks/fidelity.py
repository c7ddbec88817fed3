"""Does the model rank plans as SUMO does? Random lawful plans, predicted against simulated.

    python -m benchmarks.fidelity cologne3 cologne8 ingolstadt7 --plans 50 --seeds 11-12

Demand comes from counting runs (seeds 1 to 3), the plans from a random generator of their own;
the limit of the last columns is a rank correlation of 0.9 for delay and 0.85 for stops.
With ``--out`` the scatter plots and the rows are kept.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import Street, build_street
from engine.optimize.problem import Choice, Limits, choices
from engine.optimize.rings import filled
from engine.validate.simulator import Variant
from engine.validate.sumo import run_many
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet, TimingPlan
from throughband.demand import COUNTING_SEEDS, counted_days, demand
from throughband.pipeline import Setting, open_setting

PLAN_SEED = 5
SHORTEST_CYCLE_S, LONGEST_CYCLE_S = 30, 110
DELAY_LIMIT, STOPS_LIMIT = 0.9, 0.85


@dataclass(frozen=True, slots=True)
class Row:
    """One plan: what the model said and what SUMO measured, per scheduled vehicle."""

    scenario: str
    predicted_s: float
    simulated_s: float
    predicted_stops: float
    simulated_stops: float


def random_plan(choice: Choice, cycle_s: int, rng: np.random.Generator) -> TimingPlan:
    """Draw a lawful plan: a sequence, splits above their least, an offset."""
    sequence = choice.sequences[int(rng.integers(len(choice.sequences)))]
    if rng.random() < 0.5:
        sequence = choice.in_force.sequence
    cycle_s = max(cycle_s, choice.least_cycle_s(sequence))
    shares = dict(zip(sequence, rng.dirichlet(np.full(len(sequence), 3.0)), strict=True))
    splits = filled(
        choice.phasing, sequence, cycle_s, lambda now: {n: shares[n] / now[n] for n in sequence}
    )
    assert splits is not None
    listed = tuple(splits[number] for number in sequence)
    return TimingPlan(
        choice.signal.signal_id, cycle_s, sequence, listed, int(rng.integers(cycle_s)), sequence[0]
    )


def random_plans(setting: Setting, count: int) -> list[PlanSet]:
    """Draw plan sets with a common cycle each."""
    rng = np.random.default_rng(PLAN_SEED)
    options = choices(setting.network, Limits())
    return [
        PlanSet(
            setting.scenario.name,
            tuple(random_plan(choice, cycle_s, rng) for choice in options.values()),
            {},
        )
        for cycle_s in rng.integers(SHORTEST_CYCLE_S, LONGEST_CYCLE_S, size=count).tolist()
    ]


def counted_street(setting: Setting) -> Street:
    """Lay the counted demand over the network."""
    days = counted_days(setting.case, setting.network, COUNTING_SEEDS)
    wanted = demand(setting.network, days)
    return build_street(
        setting.network,
        wanted.flows.movement_vph(),
        wanted.flows.interval_s,
        lane_shares=wanted.lane_shares,
    )


def compare(name: str, count: int, seeds: Sequence[int], workers: int) -> list[Row]:
    """Predict and simulate random plans of one scenario."""
    setting = open_setting(name)
    street = counted_street(setting)
    plan_sets = random_plans(setting, count)
    tables = Tables(street, setting.network, 256)
    for signal in setting.network.signals.values():
        if signal.plan_in_force is not None:
            tables.set(signal.plan_in_force)
        else:
            tables.open_always(signal.signal_id)
    with tempfile.TemporaryDirectory() as folder:
        variants = []
        for k, plan_set in enumerate(plan_sets):
            file = Path(folder) / f"{k}.add.xml"
            write_sumo_plan(file, plan_set, setting.network)
            variants.append(Variant(str(k), (file,)))
        runs = run_many(setting.case, variants, seeds, workers, emissions=False)
    rows = []
    for plan_set, measured in zip(plan_sets, runs, strict=True):
        for plan in plan_set.plans:
            tables.set(plan)
        model = evaluate(tables, int(setting.case.begin_s), street.horizon_s)
        per_vehicle = model.volume_veh / measured[0].scheduled
        rows.append(
            Row(
                setting.scenario.name,
                model.cost_s * per_vehicle,
                float(np.mean([run.delay_s for run in measured])),
                model.stops * per_vehicle,
                float(np.mean([run.stops for run in measured])),
            )
        )
    return rows


def scatter(rows: Sequence[Row]) -> Figure:
    """Draw predicted against simulated delay."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter([r.simulated_s for r in rows], [r.predicted_s for r in rows], s=16)
    top = max(max(r.simulated_s, r.predicted_s) for r in rows)
    axes.plot([0, top], [0, top], linewidth=0.8, color="gray")
    axes.set_xlabel("SUMO delay [s per vehicle]")
    axes.set_ylabel("predicted cost [s per vehicle]")
    axes.set_title(f"{rows[0].scenario}: {len(rows)} random lawful plans")
    return figure


def main() -> None:
    """Print the table and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--plans", type=int, default=50)
    parser.add_argument("--seeds", default="11-12", help="first-last")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    table = Table("scenario", "plans", "rank delay", "limit", "rank stops", "limit", "bias")
    kept: list[Row] = []
    for name in arguments.scenarios:
        rows = compare(name, arguments.plans, seeds, arguments.workers)
        kept += rows
        delay = spearmanr([r.predicted_s for r in rows], [r.simulated_s for r in rows]).statistic
        stops = spearmanr(
            [r.predicted_stops for r in rows], [r.simulated_stops for r in rows]
        ).statistic
        bias = float(np.mean([np.log(r.predicted_s / r.simulated_s) for r in rows]))
        table.add_row(
            rows[0].scenario,
            str(len(rows)),
            f"{delay:.3f}",
            f"{delay / DELAY_LIMIT:.2f} of {DELAY_LIMIT}",
            f"{stops:.3f}",
            f"{stops / STOPS_LIMIT:.2f} of {STOPS_LIMIT}",
            f"{100 * (np.exp(bias) - 1):+.0f} %",
        )
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
            scatter(rows).savefig(arguments.out / f"fidelity-{rows[0].scenario}.png", dpi=110)
    Console(width=120).print(table)
    if arguments.out is not None:
        text = json.dumps([asdict(row) for row in kept], indent=1)
        (arguments.out / "fidelity.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
