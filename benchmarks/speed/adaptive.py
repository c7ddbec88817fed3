"""How long does a decision take, from one signal to a thousand?

    python -m benchmarks.speed.adaptive --out benchmarks/results

A generated town, and of it the first 1, 2, 5, ... signals with made-up traffic: on every lane
vehicles stand behind the stop line and come from further away, drawn anew every second. Only the
controller's own time counts, not reading the sensors. The limits are those of the adaptive mode:
one intersection in 1 ms (median) and 20 ms (worst), and a thousand of them every second. They
hold by the clock: the command ends with 1 where one is missed by it, also where it is the rest of
the machine that takes the time; how it stands by the processor is told beside.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.suite.versions import revision
from benchmarks.verdict import exit_code, verdict
from engine.adaptive.control import Controller, Site
from engine.adaptive.player import Player
from engine.adaptive.sensing import Sensing, Sensors, Traffic
from engine.adaptive.sites import build_sites
from throughband.generate import Wish, generate
from throughband.setting import open_setting

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MEDIAN_MS, WORST_MS, CITY_S = 1.0, 20.0, 1.0
SECONDS = 60
NAME = "adaptive-decisions"
COLUMNS = (
    "signals", "first s", "median ms", "worst ms", "median of processor ms",
    "worst of processor ms", "median per signal / 1 ms", "same of processor", "worst / limit",
    "same of processor",
)  # fmt: skip
SPACING_M = 7.5
MOST_STANDING, MOST_COMING = 8, 6


@dataclass(frozen=True, slots=True)
class Timing:
    """Time of a decision for so many signals, all together."""

    signals: int
    load_s: float
    median_s: float
    worst_s: float
    median_cpu_s: float
    worst_cpu_s: float


def drawn_traffic(sites: Sequence[Site], rng: np.random.Generator) -> Traffic:
    """Draw a second of traffic: up to 8 standing and 6 coming vehicles on each stop lane."""
    names: list[str] = []
    lanes: list[str] = []
    places: list[tuple[float, float]] = []
    for lane in (lane for site in sites for lane in site.lanes):
        room = int(lane.length_m // SPACING_M)
        standing = min(room, int(rng.integers(MOST_STANDING + 1)))
        at_m = [lane.length_m - SPACING_M * k for k in range(standing)]
        free_m = lane.length_m - SPACING_M * standing
        coming = int(rng.integers(MOST_COMING + 1)) if free_m > SPACING_M else 0
        at_m += sorted(rng.uniform(0.0, free_m, coming).tolist(), reverse=True)
        for k, place_m in enumerate(at_m):
            names.append(f"{lane.lane_id}.{k}")
            lanes.append(lane.lane_id)
            places.append((place_m, 0.0 if k < standing else lane.speed_mps))
    table = np.array(places).reshape(len(places), 2)
    return Traffic(names, lanes, table[:, 0], table[:, 1])


def measure(sites: Sequence[Site], controller: Controller, seed: int, seconds: int) -> Timing:
    """Time the decisions of so many seconds in which some signal was free to change; the first
    second of all, in which what is left to load is loaded, apart."""
    rng = np.random.default_rng(seed)
    sensors = Sensors(sites, Sensing())
    players = {site.signal_id: Player(site, site.sequence[0]) for site in sites}
    controller.start(sites)
    spent_s: list[float] = []
    busy_s: list[float] = []
    now_s = 0
    while len(spent_s) <= seconds:
        views = sensors.observe(float(now_s), drawn_traffic(sites, rng), players)
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        wishes = controller.decide(float(now_s), views)
        took_s, took_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        if not spent_s or any(view.free for view in views.values()):
            spent_s.append(took_s)
            busy_s.append(took_cpu_s)
        now_s += 1
        for name, player in players.items():
            player.advance(wishes.get(name))
    later, busy = np.array(spent_s[1:]), np.array(busy_s[1:])
    return Timing(
        len(sites),
        spent_s[0],
        float(np.median(later)),
        float(later.max()),
        float(np.median(busy)),
        float(busy.max()),
    )


def plot(rows: Sequence[Timing], file: Path) -> None:
    """Draw the curve on two logarithmic axes."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    sizes = [row.signals for row in rows]
    axes.loglog(sizes, [1000.0 * row.median_s for row in rows], "o-", label="median")
    axes.loglog(sizes, [1000.0 * row.worst_s for row in rows], "^:", label="worst")
    axes.loglog(sizes, [1000.0 * row.median_cpu_s for row in rows], "--", label="median, processor")
    axes.axhline(1000.0 * CITY_S, color="0.5", linewidth=0.8, label="one second")
    axes.set(xlabel="signals", ylabel="time of a decision for all, ms")
    axes.legend()
    figure.savefig(file, dpi=150)
    pyplot.close(figure)


def cells(row: Timing) -> list[str]:
    """Lay a row of the table out."""
    # One signal alone has 20 ms, a city a second.
    most_s = WORST_MS / 1000.0 if row.signals == 1 else CITY_S
    median_most_s = MEDIAN_MS / 1000.0 * row.signals
    times_s = (row.median_s, row.worst_s, row.median_cpu_s, row.worst_cpu_s)
    return [
        str(row.signals),
        f"{row.load_s:.2f}",
        *(f"{1000.0 * value_s:.2f}" for value_s in times_s),
        f"{row.median_s / median_most_s:.2f}",
        f"{row.median_cpu_s / median_most_s:.2f}",
        f"{row.worst_s / most_s:.2f}",
        f"{row.worst_cpu_s / most_s:.2f}",
    ]


def missed(rows: Sequence[Timing], processor: bool) -> list[str]:
    """Tell which limits are missed, by the clock or by the processor."""
    found: list[str] = []
    for row in rows:
        median_s, worst_s = (
            (row.median_cpu_s, row.worst_cpu_s) if processor else (row.median_s, row.worst_s)
        )
        if row.signals == 1 and median_s * 1000.0 > MEDIAN_MS:
            found.append(f"1 signal: median {median_s * 1000.0:.2f} ms (limit {MEDIAN_MS:g} ms)")
        if row.signals == 1 and worst_s * 1000.0 > WORST_MS:
            found.append(f"1 signal: worst {worst_s * 1000.0:.1f} ms (limit {WORST_MS:g} ms)")
        if row.signals > 1 and worst_s > CITY_S:
            found.append(f"{row.signals:,} signals: worst {worst_s:.2f} s (limit {CITY_S:g} s)")
    return found


def verdicts(rows: Sequence[Timing]) -> list[str]:
    """Say how the limits stand by the clock, and by the processor."""
    return [
        f"By the {name}: " + (f"limits missed; {'; '.join(found)}." if found else "all limits met.")
        for name, found in (("clock", missed(rows, False)), ("processor", missed(rows, True)))
    ]


def kept(command: str, rows: Sequence[Timing]) -> str:
    """Return the page that is kept."""
    lines = [
        f"`{command}`; revision {revision()}, {os.cpu_count()} processors for a load of "
        f"{os.getloadavg()[0]:.1f}.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{' ---: |' * len(COLUMNS)}",
        *(f"| {' | '.join(cells(row))} |" for row in rows),
        "",
        *(f"- {line}" for line in verdicts(rows)),
        "",
        "Time of a decision for all signals together, in seconds in which some signal was free to "
        "change; the first one, which comes after the kernels are loaded, apart. Limits: median "
        f"{MEDIAN_MS:g} ms for one signal, worst {WORST_MS:g} ms for one and {CITY_S:g} s for all "
        "of a city. By the clock, whatever else the machine does; by the processor, what this "
        "process used. One thread.",
        "",
        f"![Time of a decision from one signal to many]({NAME}.png)",
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print it; 1 where a limit is missed by the clock."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--signals", type=int, default=SIZES[-1], help="of the town, from 4")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ours", default="engine.adaptive.lookahead:LookAhead")
    parser.add_argument("--out", type=Path, help=f"folder for {NAME}.md and {NAME}.png")
    options = parser.parse_args(arguments)
    module, _, name = options.ours.partition(":")
    make: Callable[[], Controller] = getattr(importlib.import_module(module), name)
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        wish = Wish("town", options.signals, None, None, options.seed, None, 0.75, False)
        built = generate(wish, Path(folder))
        sites = build_sites(open_setting(str(built.config_file)).network)
    sizes = [size for size in SIZES if size < len(sites)] + [len(sites)]
    rows = [measure(sites[:size], make(), options.seed, options.seconds) for size in sizes]
    table = Table(title=f"decisions of {options.ours}, town of {options.signals} signals")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)
    for line in verdicts(rows):
        console.print(line)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        plot(rows, options.out / f"{NAME}.png")
        given = sys.argv[1:] if arguments is None else arguments
        command = shlex.join(["python", "-m", "benchmarks.speed.adaptive", *given])
        (options.out / f"{NAME}.md").write_text(kept(command, rows), encoding="utf-8")
    beyond = missed(rows, processor=False)
    console.print(verdict(beyond), markup=False, soft_wrap=True)
    return exit_code(beyond)


if __name__ == "__main__":
    sys.exit(main())
