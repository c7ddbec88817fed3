"""Planning whole towns: seconds for cycles, splits, sequences and offsets, and how they grow.

    python -m benchmarks.speed.cities
    python -m benchmarks.speed.cities --jobs 2
    python -m benchmarks.speed.cities --largest 5000 --out benchmarks/results

Towns as ``throughband generate town`` makes them, demand counted from their routes by quarter of
an hour. The time is that of `engine.optimize.optimizer.optimize`, certificate and both safety
checkers included; SUMO plays no part in it, and compilation is apart. The 20-signal arterial is
planned several times, and its least time counts; towns once, with processes started anew. CPU
seconds are those of this process and of those that it started. The exponent is the slope of the
logarithms by least squares: 1 is linear. Where a limit is given, the ratio of the time to it is
printed, of wall-clock and of CPU seconds: on a busy machine the wall clock tells of the others.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.speed.profiles import route_flows
from engine.optimize.optimizer import Optimization, optimize
from engine.optimize.problem import Limits
from engine.optimize.workers import Processes
from throughband.generate import Wish, generate
from throughband.setting import open_setting

LIMITS_S = {("arterial", 20): 1.0, ("town", 1000): 60.0}
"""Wall-clock seconds that a plan must stay within, the town's on two cores."""

REPEATED = {"arterial": 5, "town": 1}
"""How often a street is planned; the least time counts."""

PERIOD_S = 900

RESULTS = Path("runs") / "cities"


@dataclass(frozen=True, slots=True)
class Row:
    """One street planned."""

    kind: str
    signals: int
    planned: int
    largest_group: int
    wall_s: float
    cpu_s: float
    in_force_s: float
    planned_s: float


def measure(kind: str, signals: int, seed: int, effort: int, jobs: int, folder: Path) -> Row:
    """Build a street and plan it."""
    built = generate(Wish(kind, signals, None, None, seed, None, 0.75, False), folder)
    network = open_setting(str(built.config_file)).network
    flows = route_flows(network, built.route_file, PERIOD_S)
    timed: list[tuple[float, float, Optimization]] = []
    for _ in range(REPEATED[kind]):
        wall, cpu = time.perf_counter(), cpu_s()
        with Processes(jobs) as workers:
            done = optimize(network, flows, PERIOD_S, 0, Limits(effort=effort), workers=workers)
        timed.append((cpu_s() - cpu, time.perf_counter() - wall, done))
    _, _, done = timed[0]
    return Row(
        kind,
        signals,
        len(done.plan_set.plans),
        max(len(group) for group in done.groups),
        min(wall for _, wall, _ in timed),
        min(cpu for cpu, _, _ in timed),
        done.in_force.delay_s,
        done.planned.delay_s,
    )


def cpu_s() -> float:
    """Return CPU seconds of this process and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def exponent(rows: Sequence[Row]) -> float:
    """Return by which power of the number of signals the CPU time grows."""
    slope, _ = np.polyfit(np.log([r.signals for r in rows]), np.log([r.cpu_s for r in rows]), 1)
    return float(slope)


def plot(rows: Sequence[Row], file: Path) -> None:
    """Draw time over size, both as logarithms, and a straight line of slope 1."""
    mpl.use("Agg")
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    sizes = np.array([row.signals for row in rows])
    seconds = np.array([row.cpu_s for row in rows])
    axes.loglog(sizes, seconds, "o-", label=f"whole plan, exponent {exponent(rows):.2f}")
    axes.loglog(sizes, seconds[0] * sizes / sizes[0], "--", color="gray", label="linear")
    axes.set_xlabel("signals")
    axes.set_ylabel("CPU seconds")
    axes.legend()
    figure.savefig(file, dpi=150)


def main() -> None:
    """Run the benchmark and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 30, 100, 300, 1000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--effort", type=int, default=Limits().effort)
    parser.add_argument("--largest", type=int, help="one more town of so many signals")
    parser.add_argument("--jobs", type=int, default=1, help="processes that plan a town")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for cities.png")
    options = parser.parse_args()
    console = Console(width=120)
    sizes = sorted({*options.sizes, *([options.largest] if options.largest else [])})
    table = Table(title=f"whole plans of generated streets, {options.jobs} process(es) for towns")
    for name in (
        "street", "signals", "planned", "largest group", "wall s", "CPU s", "limit s",
        "wall / limit", "CPU / limit", "CPU ms/signal", "in force s", "planned s",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="throughband-") as work:
        begin = time.process_time()
        measure("arterial", 3, options.seed, options.effort, 1, Path(work) / "first")
        console.print(
            f"a street of 3 signals, with what is loaded or compiled once: "
            f"{time.process_time() - begin:.1f} CPU s"
        )
        for kind, signals in [("arterial", 20), *(("town", size) for size in sizes)]:
            folder = Path(work) / f"{kind}{signals}"
            row = measure(kind, signals, options.seed, options.effort, options.jobs, folder)
            rows.append(row)
            console.print(f"{kind} of {signals} signals: {row.wall_s:.1f} s, {row.cpu_s:.1f} CPU s")
            limit_s = LIMITS_S.get((kind, signals))
            table.add_row(
                kind,
                str(signals),
                str(row.planned),
                str(row.largest_group),
                f"{row.wall_s:.2f}",
                f"{row.cpu_s:.2f}",
                *(
                    ("-", "-", "-")
                    if limit_s is None
                    else (
                        f"{limit_s:g}",
                        f"{row.wall_s / limit_s:.2f}",
                        f"{row.cpu_s / limit_s:.2f}",
                    )
                ),
                f"{1e3 * row.cpu_s / signals:.0f}",
                f"{row.in_force_s:.1f}",
                f"{row.planned_s:.1f}",
            )
    console.print(table)
    towns = [row for row in rows if row.kind == "town"]
    if len(towns) > 1:
        console.print(f"CPU seconds grow with the number of signals to the {exponent(towns):.2f}")
        options.out.mkdir(parents=True, exist_ok=True)
        plot(towns, options.out / "cities.png")


if __name__ == "__main__":
    main()
