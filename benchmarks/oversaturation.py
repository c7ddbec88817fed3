"""More traffic than the signals can serve: queues kept in their blocks against plain delay.

    python -m benchmarks.oversaturation [--kind arterial] [--signals 8] [--load 1.25]

A made-up street gets `--load` times what its busiest signal can serve over the hour under the plan
in force. Plans are made for the traffic that wants to pass, counted from the routes: counts behind
stop lines would show what was served. One is made for little delay alone, one with the policy of
`engine.optimize.oversaturation`, and SUMO plays both and the plan in force on the same seeds,
which nobody has counted or tuned on. Told are delay by the measuring rule of
`engine.validate.sumo`, vehicles that arrived, and spillback: for how many minutes blocks between
signals stood full, summed over blocks (denser than `FULL_PART` of standing queues in a minute).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from benchmarks.speed.profiles import route_flows
from engine.measures.criteria import criteria_of
from engine.measures.street import UNLIMITED_VEH, Street
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.oversaturation import unserved_vph
from engine.optimize.problem import Limits
from engine.validate.simulator import RunMeasures
from engine.validate.statistics import paired_difference
from engine.validate.sumo import run
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from network.sumo_tls import write_sumo_plan
from scenarios.builders import PEAK_QUARTER, Built
from throughband.generate import Wish, generate
from throughband.planning.optimize_results import overload_lines, queue_lines
from throughband.setting import Setting, open_setting

IN_FORCE, PLAIN, BALANCED = "in force", "plain delay", "queues in their blocks"
PERIOD_S = 900
MINUTE_S = 60
FULL_PART = 0.85
STANDING_VEH_PER_KM = 1000.0 / 7.5


@dataclass(frozen=True, slots=True)
class Played:
    """One plan under one seed."""

    measures: RunMeasures
    full_min: float


def overloaded_street(kind: str, signals: int, seed: int, load: float, folder: Path) -> Built:
    """Write a street whose busiest signal gets `load` times its capacity over the hour."""
    size = {"signals": None, "rows": signals, "columns": signals} if kind == "grid" else {
        "signals": signals, "rows": None, "columns": None
    }  # fmt: skip
    fitting = generate(
        Wish(kind, seed=seed, volume_vph=None, saturation=1.0, pedestrians=False, **size),
        folder / "fitting",
    )
    # The builder speaks of the busiest quarter of the hour, this benchmark of the hour.
    volume_vph = fitting.volume_vph / fitting.saturation * PEAK_QUARTER * load
    return generate(
        Wish(kind, seed=seed, volume_vph=volume_vph, saturation=1.0, pedestrians=False, **size),
        folder / "street",
    )


def played(setting: Setting, blocks: frozenset[str], plan: Path | None, seed: int) -> Played:
    """Play a plan, or what is in force, and count for how long blocks stood full."""
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        found = Path(scratch) / "blocks.xml"
        asked = Path(scratch) / "asked.add.xml"
        asked.write_text(
            f'<additional><edgeData id="blocks" freq="{MINUTE_S}" file="{found}"/></additional>\n',
            encoding="utf-8",
        )
        files = (asked,) if plan is None else (plan, asked)
        measures = run(setting.case, seed, files, emissions=False)
        full = sum(
            float(edge.get("laneDensity", 0.0)) >= FULL_PART * STANDING_VEH_PER_KM
            for edge in iterate_elements(found, {"edge"})
            if edge.get("id") in blocks
        )
    return Played(measures, full * MINUTE_S / 60.0)


def blocks_of(street: Street) -> frozenset[str]:
    """Return the links before stop lines that other signals lead to."""
    count = len(street.approach_names)
    rooms = zip(street.approach_names, street.approaches.storage_veh[:count], strict=True)
    return frozenset(name for name, room_veh in rooms if room_veh < UNLIMITED_VEH)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kind", choices=("arterial", "grid", "town"), default="arterial")
    parser.add_argument("--signals", type=int, default=8, help="rows and columns of a grid")
    parser.add_argument("--load", type=float, default=1.25)
    parser.add_argument("--street-seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--effort", type=int, default=Limits().effort)
    chosen = parser.parse_args(arguments)
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        built = overloaded_street(
            chosen.kind, chosen.signals, chosen.street_seed, chosen.load, folder
        )
        setting = open_setting(str(built.config_file))
        network = setting.network
        flows = route_flows(network, built.route_file, PERIOD_S)
        plans: dict[str, Path | None] = {IN_FORCE: None}
        found: dict[str, Optimization] = {}
        for name, balance in ((PLAIN, False), (BALANCED, True)):
            limits = Limits(effort=chosen.effort, balance=balance)
            found[name] = optimize(network, flows, PERIOD_S, 0, limits)
            plan = plans[name] = folder / f"{len(plans)}.add.xml"
            write_sumo_plan(plan, found[name].plan_set, network)
        console.print(
            f"{chosen.kind} of {built.signals} signals, {built.vehicles} vehicles in the hour; "
            f"{unserved_vph(found[BALANCED].overloads):.0f} veh/h too many in the busiest quarter"
        )
        for line in (
            *overload_lines(found[BALANCED].overloads),
            *queue_lines(found[BALANCED].queues),
        ):
            console.print(line, markup=False, highlight=False)
        blocks = blocks_of(found[PLAIN].street)
        runs = {
            name: [played(setting, blocks, plan, seed) for seed in chosen.seeds]
            for name, plan in plans.items()
        }
        console.print(_table(runs, found, network))
        console.print(_difference(runs), markup=False, highlight=False)


def _table(
    runs: dict[str, list[Played]], found: dict[str, Optimization], network: RoadNetwork
) -> Table:
    table = Table(title="SUMO, mean over the seeds; the model's delay beside it")
    for column in ("plan", "delay s/veh", "arrived", "not inserted", "stops", "full block-min",
                   "model s/passage", "model served"):  # fmt: skip
        table.add_column(column, justify="right")
    for name, each in runs.items():
        done = found.get(name) or found[PLAIN]
        told = criteria_of(
            done.street, network, done.in_force if name == IN_FORCE else done.planned
        )
        table.add_row(
            name,
            f"{fmean(p.measures.delay_s for p in each):.1f}",
            f"{fmean(p.measures.arrived for p in each):.0f}",
            f"{fmean(p.measures.not_inserted for p in each):.0f}",
            f"{fmean(p.measures.stops for p in each):.2f}",
            f"{fmean(p.full_min for p in each):.0f}",
            f"{told.delay_s:.1f}",
            f"{told.served_veh:.0f}",
        )
    return table


def _difference(runs: dict[str, list[Played]]) -> str:
    delays = [[p.measures.delay_s for p in runs[name]] for name in (PLAIN, BALANCED)]
    if len(delays[0]) < 2:
        return "one seed: no interval"
    change = paired_difference(*delays)
    ratio = fmean(delays[1]) / fmean(delays[0])
    return (
        f"{BALANCED} over {PLAIN}: delay ratio {ratio:.3f}, {change.mean:+.1f} s "
        f"(95 % {change.low:+.1f} to {change.high:+.1f})"
    )


if __name__ == "__main__":
    main()
