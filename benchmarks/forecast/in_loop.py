"""What are plans from the forecast worth, beside plans from the flows that then came?

    python -m benchmarks.forecast.in_loop --seeds 101-105

A network of the catalog (cologne8) gets days of two hours whose demand is drawn anew: the day's
level scatters by 15 %, and the traffic of each road into town wanders by 20 %. Loops count
turns in SUMO under the plan in force: on earlier days (drawn from seeds 1 to 3), and on the
morning of the day in question, up to the hour that is planned for. From these counts come the
forecast, its plans, and their delay in SUMO in that hour. ``true flows`` is the same optimizer,
given the counts of that very hour; ``usual day`` is given the mean of the earlier days and no
morning. Demand, and SUMO's two seeds, are the same for all plans of a day. Differences are means of
paired ones with their 95 % interval.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.forecast.drawn_days import Trips, draw_day, read_trips
from benchmarks.seeds import seeds_of
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Limits
from engine.validate.counting import count
from engine.validate.report import compare
from engine.validate.simulator import RunMeasures, SimulationCase, Variant
from engine.validate.sumo import run_many
from network.counts import CountSeries
from network.sumo_tls import write_sumo_plan
from throughband.demand import (
    COUNTING_SEEDS,
    INTERVAL_S,
    demand,
    detected_connections,
    detector_counts,
    sites,
)
from throughband.imported import corridors_of
from throughband.pipeline import Setting, open_setting

SCATTER = (0.15, 0.2)
LEVELS = (0.85, 1.0)
"""Traffic of the morning and of the hour that is planned for, over the network's own hour."""

DAYS_PER_SEED = 2
TARGET = 0.03
FURTHER = (0, 1000)
"""Each day is played with these SUMO seeds beyond its own, because drivers are random too."""

IN_FORCE, TRUE, USUAL, FORECAST = "plan in force", "true flows", "usual day", "forecast"


def day_case(setting: Setting, trips: Trips, seed: int, number: int, file: Path) -> SimulationCase:
    """Draw a day; `number` tells the days of a seed apart."""
    return draw_day(
        setting.case, trips, LEVELS, 100 * seed + number, file, shape_kept=True, scatter=SCATTER
    )


def counted(setting: Setting, case: SimulationCase, seed: int) -> CountSeries:
    """Count a day's turns in SUMO under the plan in force."""
    connections = detected_connections(setting.network)
    run = count(case, sites(connections), seed, INTERVAL_S)
    return detector_counts(connections, float(run.begin_s[0]), INTERVAL_S, run.volume_veh)


def write_plan(
    setting: Setting,
    days: Sequence[CountSeries],
    morning: CountSeries | None,
    begin_s: float,
    limits: Limits,
    file: Path,
) -> Mapping[str, NDArray[np.float64]]:
    """Forecast, optimize for what comes from `begin_s` on, and write the plan; return the flows."""
    wanted = demand(setting.network, days, morning)
    first = round((begin_s - wanted.flows.start_s) / wanted.flows.interval_s)
    flows = {name: flow[first:] for name, flow in wanted.flows.movement_vph().items()}
    named = corridors_of(setting.scenario, setting.network)
    done = optimize(
        setting.network,
        flows,
        wanted.flows.interval_s,
        int(begin_s),
        limits,
        lane_shares=wanted.lane_shares,
        together=[corridor.signals for corridor in named],
    )
    write_sumo_plan(file, done.plan_set, setting.network)
    return flows


def flow_error(
    told: Mapping[str, NDArray[np.float64]], true: CountSeries, setting: Setting
) -> float:
    """Return the sum of absolute errors of the hour's movement flows, over their sum."""
    row = {name: i for i, name in enumerate(true.series_ids)}
    hour = true.volume_veh.sum(axis=0) * 3600.0 / (true.intervals * true.interval_s)
    truth, off = 0.0, 0.0
    for name, flow in told.items():
        ways = setting.network.movements[name].connections
        came = sum(float(hour[row[c.connection_id]]) for c in ways if c.connection_id in row)
        truth, off = truth + came, off + abs(float(flow.mean()) - came)
    return off / max(truth, 1.0)


def play(
    name: str, seeds: Sequence[int], effort: int, workers: int
) -> tuple[dict[str, list[RunMeasures]], list[tuple[float, float]]]:
    """Play the days; return runs by plan, and errors of flows by day: forecast, usual day."""
    setting = open_setting(name)
    trips = read_trips(setting.case.route_files[0])
    limits = Limits(effort=effort)
    runs: dict[str, list[RunMeasures]] = {}
    errors = []
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        earlier = []
        for seed in COUNTING_SEEDS:
            for number in range(DAYS_PER_SEED):
                case = day_case(setting, trips, seed, number, folder / "earlier.rou.xml")
                earlier.append(counted(setting, case, seed))
                sys.stderr.write(f"earlier days: {len(earlier)}\n")
        usual = Variant(USUAL, (folder / "usual.add.xml",))
        begin_s = setting.case.end_s
        before = write_plan(setting, earlier, None, begin_s, limits, usual.additional_files[0])
        for seed in seeds:
            case = day_case(setting, trips, seed, 0, folder / "day.rou.xml")
            day = counted(setting, case, seed)
            hour = day.slice(begin_s, case.end_s)
            morning = day.slice(case.begin_s, begin_s)
            true = Variant(TRUE, (folder / "true.add.xml",))
            ours = Variant(FORECAST, (folder / "forecast.add.xml",))
            write_plan(setting, [hour], None, begin_s, limits, true.additional_files[0])
            told = write_plan(setting, earlier, morning, begin_s, limits, ours.additional_files[0])
            errors.append((flow_error(told, hour, setting), flow_error(before, hour, setting)))
            variants = (Variant(IN_FORCE), true, usual, ours)
            played = run_many(
                replace(case, begin_s=begin_s),
                variants,
                [seed + further for further in FURTHER],
                workers,
                emissions=False,
            )
            for variant, found in zip(variants, played, strict=True):
                runs.setdefault(variant.name, []).extend(found)
            shown = ", ".join(
                f"{name} {fmean(run.delay_s for run in found[-len(FURTHER) :]):.1f} s"
                for name, found in runs.items()
            )
            sys.stderr.write(f"seed {seed}: {shown}; flows off {errors[-1][0]:.1%}\n")
    return runs, errors


def main(arguments: Sequence[str] | None = None) -> None:
    """Play, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="cologne8")
    parser.add_argument("--seeds", default="11-13")
    parser.add_argument("--effort", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments)
    runs, errors = play(chosen.scenario, seeds_of(chosen.seeds), chosen.effort, chosen.workers)
    table = Table("plan from", "delay s", "true flows = 1", "minus true flows, s", "not inserted")
    base = fmean(run.delay_s for run in runs[TRUE])
    for name, found in runs.items():
        mean = fmean(run.delay_s for run in found)
        gap = compare(TRUE, name, runs[TRUE], found).difference["delay_s"]
        table.add_row(
            name,
            f"{mean:.2f}",
            f"{mean / base:.3f}",
            "" if name == TRUE else f"{gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]",
            f"{sum(run.not_inserted for run in found)}",
        )
    console = Console(width=120)
    console.print(table)
    ratio = fmean(run.delay_s for run in runs[FORECAST]) / base
    off = [fmean(column) for column in zip(*errors, strict=True)]
    console.print(
        f"{len(errors)} days; flows of the hour are off by {off[0]:.1%} in the forecast, by "
        f"{off[1]:.1%} on the usual day; the forecast's "
        f"delay is {ratio:.3f} of that with true flows, limit {1.0 + TARGET:.2f}"
    )


if __name__ == "__main__":
    main()
