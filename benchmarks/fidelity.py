"""Does the model rank plans as SUMO does? Random lawful plans, predicted against simulated.

    python -m benchmarks.fidelity cologne3 cologne8 --plans 50 --seeds 11-12 --routes held

The same plans are predicted twice: by drivers as usual, and by a calibration from runs of the plan
in force. Demand comes from counting runs; these and the calibration use seeds 1 to 3, the plans a
random generator of their own. With ``--routes held`` every vehicle drives in every run the way it
took in one run of the plan in force: where a scenario leaves routes to SUMO, drivers turn away
from what a plan starves, and no model of given flows can tell which. ``--routes free`` leaves the
choice to them.

Stops are those on the roads of the network, per scheduled vehicle: SUMO counts none of who waits
to be inserted, so those that the model sees out there are left aside; their delay is in both.

The limits are a rank correlation of 0.9 for delay and 0.85 for stops. The column *SUMO against
itself* is the rank correlation of one seed with another, delay and stops; *at most* is what that
leaves a perfect model when it is held against the mean over all seeds. With ``--out`` the rows,
the scatter plots and a page are kept; it shows all that lies in that folder.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from engine.measures.calibrating import calibrate, calibrated
from engine.measures.evaluation import StreetMeasures, Tables, evaluate
from engine.measures.street import Driving, Street, build_street
from engine.optimize.problem import Choice, Limits, choices
from engine.optimize.rings import filled
from engine.validate.held_routes import hold_routes
from engine.validate.simulator import RunMeasures, Variant
from engine.validate.sumo import run_many
from engine.validate.trajectories import observe
from network.counts import CountSeries
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet, TimingPlan
from throughband.counts.demand import (
    COUNTING_SEEDS,
    counted_days,
    lane_shares,
    mean_day,
    movement_counts,
)
from throughband.setting import Setting, open_setting

PLAN_SEED = 5
HELD_SEED = 1
SHORTEST_CYCLE_S, LONGEST_CYCLE_S = 30, 110
DELAY_LIMIT, STOPS_LIMIT = 0.9, 0.85
USUAL, CALIBRATED = "as usual", "calibrated"
FREE, HELD = "free", "held"
PAGE = "fidelity.md"
COLORS = {USUAL: "tab:gray", CALIBRATED: "tab:blue"}

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One plan: what the models said and what SUMO measured, per scheduled vehicle.

    Attributes
    ----------
    scenario, routes
        What was played.
    predicted_s, predicted_stops
        By model.
    simulated_s, simulated_stops
        By seed.
    """

    scenario: str
    routes: str
    predicted_s: dict[str, float]
    predicted_stops: dict[str, float]
    simulated_s: tuple[float, ...]
    simulated_stops: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How well one model does over the plans of one scenario.

    Attributes
    ----------
    delay, stops
        Rank correlation of predicted and simulated.
    delay_itself, stops_itself
        Rank correlation of SUMO under one seed with SUMO under another, mean over their pairs.
    delay_ceiling, stops_ceiling
        What a perfect model would come to at most, given the chance in the seeds.
    bias
        Predicted over simulated delay, geometric mean, less 1.
    """

    delay: float
    stops: float
    delay_itself: float
    stops_itself: float
    delay_ceiling: float
    stops_ceiling: float
    bias: float


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


def drivers(setting: Setting) -> dict[str, Driving]:
    """Return the usual drivers, and those that SUMO shows under the plan in force."""
    seen = observe(setting.case, setting.network, COUNTING_SEEDS)
    found = calibrate(setting.network, seen.greens, seen.passages, "benchmark")
    return {USUAL: Driving(), CALIBRATED: calibrated(found, setting.network)}


def counted(setting: Setting) -> tuple[CountSeries, dict[str, float]]:
    """Return the mean of the counting runs, and how movements spread over their lanes.

    The counts themselves and no forecast from them: it is the model that is judged here.
    """
    days = counted_days(setting.case, setting.network, COUNTING_SEEDS)
    return movement_counts(mean_day(days), setting.network), lane_shares(days, setting.network)


def predict(setting: Setting, street: Street, plan_sets: Sequence[PlanSet]) -> list[StreetMeasures]:
    """Play plans in the hour-long model."""
    tables = Tables(street, setting.network, 256)
    for signal in setting.network.signals.values():
        if signal.plan_in_force is not None:
            tables.set(signal.plan_in_force)
        else:
            tables.open_always(signal.signal_id)
    found = []
    for plan_set in plan_sets:
        for plan in plan_set.plans:
            tables.set(plan)
        found.append(evaluate(tables, int(setting.case.begin_s), street.horizon_s))
    return found


def simulate(
    setting: Setting, plan_sets: Sequence[PlanSet], seeds: Sequence[int], workers: int, tell: Tell
) -> Sequence[Sequence[RunMeasures]]:
    """Play plans in SUMO."""
    with tempfile.TemporaryDirectory() as folder:
        variants = []
        for k, plan_set in enumerate(plan_sets):
            file = Path(folder) / f"{k}.add.xml"
            write_sumo_plan(file, plan_set, setting.network)
            variants.append(Variant(str(k), (file,)))
        return run_many(
            setting.case,
            variants,
            seeds,
            workers,
            lambda done, whole: tell(f"{setting.scenario.name}: {done} of {whole} runs"),
            emissions=False,
        )


def compare(
    name: str, count: int, seeds: Sequence[int], routes: str, workers: int, tell: Tell
) -> list[Row]:
    """Predict and simulate random plans of one scenario."""
    with tempfile.TemporaryDirectory() as folder:
        setting = open_setting(name, calibrated=False)
        if routes == HELD:
            tell(f"{name}: the routes of the plan in force")
            setting = replace(setting, case=hold_routes(setting.case, HELD_SEED, Path(folder)))
        tell(f"{name}: counts and calibration")
        counts, shares = counted(setting)
        flow_vph = dict(zip(counts.series_ids, counts.flow_vph().T, strict=True))
        plan_sets = random_plans(setting, count)
        said = {
            model: predict(
                setting,
                build_street(setting.network, flow_vph, counts.interval_s, driving, shares),
                plan_sets,
            )
            for model, driving in drivers(setting).items()
        }
        runs = simulate(setting, plan_sets, seeds, workers, tell)
    rows = []
    for k, measured in enumerate(runs):
        per_vehicle = {m: found[k].volume_veh / measured[0].scheduled for m, found in said.items()}
        rows.append(
            Row(
                setting.scenario.name,
                routes,
                {m: found[k].cost_s * per_vehicle[m] for m, found in said.items()},
                {
                    m: float((found[k].lane_stops - found[k].lane_outside_stops).sum())
                    / measured[0].scheduled
                    for m, found in said.items()
                },
                tuple(run.delay_s for run in measured),
                tuple(run.stops * run.inserted / run.scheduled for run in measured),
            )
        )
    return rows


def score(rows: Sequence[Row], model: str) -> Score:
    """Compare a model's ranks with SUMO's."""
    delay = np.array([row.simulated_s for row in rows])
    stops = np.array([row.simulated_stops for row in rows])
    said = np.array([row.predicted_s[model] for row in rows])
    return Score(
        _ranks(said, delay.mean(axis=1)),
        _ranks(np.array([row.predicted_stops[model] for row in rows]), stops.mean(axis=1)),
        _itself(delay),
        _itself(stops),
        _ceiling(delay),
        _ceiling(stops),
        float(np.exp(np.mean(np.log(said / delay.mean(axis=1)))) - 1.0),
    )


def _ranks(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a, b).statistic)


def _itself(by_seed: np.ndarray) -> float:
    """Return the mean rank correlation of one seed with another."""
    seeds = by_seed.shape[1]
    if seeds < 2:
        return float("nan")
    pairs = [_ranks(by_seed[:, a], by_seed[:, b]) for a in range(seeds) for b in range(a)]
    return float(np.mean(pairs))


def _ceiling(by_seed: np.ndarray) -> float:
    """Return the root of the reliability of a mean over seeds (Spearman 1910, Brown 1910)."""
    seeds = by_seed.shape[1]
    alike = _itself(by_seed)
    if alike < 0.0:
        return 0.0
    return float(np.sqrt(seeds * alike / (1.0 + (seeds - 1) * alike)))


def scatter(rows: Sequence[Row]) -> Figure:
    """Draw predicted against simulated delay and stops, both models."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    parts = figure.subplots(1, 2)
    for axes, what, unit in zip(
        parts, ("delay", "stops"), ("s per vehicle", "per vehicle"), strict=True
    ):
        top = 0.0
        for model, color in COLORS.items():
            said = [(r.predicted_s if what == "delay" else r.predicted_stops)[model] for r in rows]
            true = [
                float(np.mean(r.simulated_s if what == "delay" else r.simulated_stops))
                for r in rows
            ]
            rank = _ranks(np.array(said), np.array(true))
            axes.scatter(true, said, s=16, color=color, label=f"{model}: rank {rank:.2f}")
            top = max(top, *said, *true)
        axes.plot([0, top], [0, top], linewidth=0.8, color="black")
        axes.set_xlabel(f"SUMO {what} [{unit}]")
        axes.set_ylabel(f"predicted {what} [{unit}]")
        axes.legend()
    figure.suptitle(f"{rows[0].scenario}, routes {rows[0].routes}: {len(rows)} random lawful plans")
    return figure


def stem(rows: Sequence[Row]) -> str:
    """Return the name of a scenario's files without their ending."""
    return f"fidelity-{rows[0].scenario}-{rows[0].routes}"


def keep(rows: Sequence[Row], seeds: str, folder: Path) -> None:
    """Keep rows and picture, and show them with those that were kept before."""
    folder.mkdir(parents=True, exist_ok=True)
    scatter(rows).savefig(folder / f"{stem(rows)}.png", dpi=90)
    content = {"seeds": seeds, "rows": [asdict(row) for row in rows]}
    text = json.dumps(content, separators=(",", ":"))
    (folder / f"{stem(rows)}.json").write_text(text + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(folder), encoding="utf-8")


def page(folder: Path) -> str:
    """Return the report of a folder: the table, and the pictures."""
    lines = [
        "# How well the model ranks plans",
        "",
        "Rank correlation of predicted and simulated values over random lawful plans; limits "
        f"{DELAY_LIMIT} (delay) and {STOPS_LIMIT} (stops). *Itself* is SUMO under one seed against "
        "SUMO under another; *at most* is what that leaves a perfect model, held against the mean "
        "of the seeds. Made by `python -m benchmarks.fidelity`.",
        "",
        "| scenario | routes | plans | seeds | drivers "
        "| delay | itself | at most | stops | itself | at most | bias |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    pictures = []
    for file in sorted(folder.glob("fidelity-*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        rows = [Row(**row) for row in content["rows"]]
        for model in COLORS:
            found = score(rows, model)
            lines.append(
                f"| {rows[0].scenario} | {rows[0].routes} | {len(rows)} | {content['seeds']} "
                f"| {model} "
                f"| {found.delay:.3f} | {found.delay_itself:.3f} | {found.delay_ceiling:.3f} "
                f"| {found.stops:.3f} | {found.stops_itself:.3f} | {found.stops_ceiling:.3f} "
                f"| {100 * found.bias:+.0f} % |"
            )
        pictures += ["", f"![{rows[0].scenario}, routes {rows[0].routes}]({stem(rows)}.png)"]
    return "\n".join(lines + pictures) + "\n"


def main() -> None:
    """Print the table and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="+")
    parser.add_argument("--plans", type=int, default=50)
    parser.add_argument("--seeds", default="11-12", help="first-last")
    parser.add_argument("--routes", choices=(FREE, HELD), default=HELD)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    table = Table(
        "scenario", "drivers", "rank delay", "limit", "rank stops", "limit",
        "SUMO against itself", "at most", "bias",
    )  # fmt: skip
    console = Console(stderr=True)
    for name in arguments.scenarios:
        with console.status(name) as status:
            rows = compare(
                name, arguments.plans, seeds, arguments.routes, arguments.workers, status.update
            )
        for model in COLORS:
            found = score(rows, model)
            table.add_row(
                rows[0].scenario,
                model,
                f"{found.delay:.3f}",
                f"{found.delay / DELAY_LIMIT:.2f} of {DELAY_LIMIT}",
                f"{found.stops:.3f}",
                f"{found.stops / STOPS_LIMIT:.2f} of {STOPS_LIMIT}",
                f"{found.delay_itself:.3f}, {found.stops_itself:.3f}",
                f"{found.delay_ceiling:.3f}, {found.stops_ceiling:.3f}",
                f"{100 * found.bias:+.0f} %",
            )
        if arguments.out is not None:
            keep(rows, arguments.seeds, arguments.out)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
