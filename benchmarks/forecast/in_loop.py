"""What are plans from the forecast worth, beside plans from the flows that then came?

    python -m benchmarks.forecast.in_loop --seeds 101-104 --searches 3

A network of the catalog (cologne8) gets days of two hours whose demand is drawn anew: the day's
level scatters by 15 %, and the traffic of each road into town wanders by 20 %. Loops count
turns in SUMO under the plan in force: on earlier days (drawn from seeds 1 to 3), and on the
morning of the day in question, up to the hour that is planned for. From these counts come the
forecast, its plans, and their delay in SUMO in that hour. ``true flows`` is the same optimizer,
given the counts of that very hour; ``usual day`` is given the mean of the earlier days and no
morning. Demand, and SUMO's two seeds, are the same for all plans of a day.

The same flows give other plans when the optimizer tries its moves in another order, and those
differ in SUMO as much as plans of different flows do. So each plan is searched for ``--searches``
times; a day's delay is the mean over them, and the scatter between searches of the same flows on
the same day is shown beside (``search scatter``). Differences are means over days of paired ones
with their 95 % interval. The limit is 1.03 of the delay with true flows, in the mean; the command
ends with 1 where it is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, variance

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.forecast.drawn_days import Trips, draw_day, read_trips
from benchmarks.seeds import seeds_of
from benchmarks.verdict import exit_code, verdict
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Limits
from engine.validate.counting import count
from engine.validate.simulator import SimulationCase, Variant
from engine.validate.statistics import paired_difference
from engine.validate.sumo import run_many
from network.counts import CountSeries
from network.sumo_tls import write_sumo_plan
from throughband.counts.demand import (
    COUNTING_SEEDS,
    INTERVAL_S,
    demand,
    detected_connections,
    detector_counts,
    sites,
)
from throughband.exchange.imported import corridors_of
from throughband.setting import Setting, open_setting

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


@dataclass(frozen=True, slots=True)
class Task:
    """What to make plans from, and how."""

    setting: Setting
    begin_s: float
    limits: Limits
    searches: int
    folder: Path

    def plans(
        self, name: str, days: Sequence[CountSeries], morning: CountSeries | None
    ) -> tuple[tuple[Variant, ...], Mapping[str, NDArray[np.float64]]]:
        """Forecast, and optimize once per search; return the plans and the flows."""
        network = self.setting.network
        wanted = demand(network, days, morning)
        first = round((self.begin_s - wanted.flows.start_s) / wanted.flows.interval_s)
        flows = {name: flow[first:] for name, flow in wanted.flows.movement_vph().items()}
        named = corridors_of(self.setting.scenario, network)
        found = []
        for search in range(1, self.searches + 1):
            done = optimize(
                network,
                flows,
                wanted.flows.interval_s,
                int(self.begin_s),
                replace(self.limits, seed=search),
                lane_shares=wanted.lane_shares,
                together=[corridor.signals for corridor in named],
            )
            file = self.folder / f"{name.replace(' ', '-')}-{search}.add.xml"
            write_sumo_plan(file, done.plan_set, network)
            found.append(Variant(f"{name}, search {search}", (file,)))
        return tuple(found), flows


@dataclass(slots=True)
class Score:
    """What plans of one kind came to.

    Attributes
    ----------
    delay_s
        By day, the mean delay of each search's plan.
    not_inserted
        Vehicles that never got onto the street, over all runs.
    """

    delay_s: list[list[float]] = field(default_factory=list)
    not_inserted: int = 0

    @property
    def days_s(self) -> list[float]:
        """Mean delay of each day."""
        return [fmean(found) for found in self.delay_s]

    @property
    def scatter_s(self) -> float:
        """Standard deviation between searches on the same day; NaN of single ones."""
        several = [variance(found) for found in self.delay_s if len(found) > 1]
        return float(np.sqrt(fmean(several))) if several else float("nan")


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
    name: str, seeds: Sequence[int], effort: int, searches: int, workers: int
) -> tuple[dict[str, Score], list[tuple[float, float]]]:
    """Play the days; return scores by plan, and errors of flows by day: forecast, usual day."""
    setting = open_setting(name)
    trips = read_trips(setting.case.route_files[0])
    scores = {kind: Score() for kind in (IN_FORCE, TRUE, USUAL, FORECAST)}
    errors = []
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        begin_s = setting.case.end_s
        task = Task(setting, begin_s, Limits(effort=effort), searches, folder)
        earlier = []
        for seed in COUNTING_SEEDS:
            for number in range(DAYS_PER_SEED):
                case = day_case(setting, trips, seed, number, folder / "earlier.rou.xml")
                earlier.append(counted(setting, case, seed))
                sys.stderr.write(f"earlier days: {len(earlier)}\n")
        usual, before = task.plans(USUAL, earlier, None)
        for seed in seeds:
            case = day_case(setting, trips, seed, 0, folder / "day.rou.xml")
            day = counted(setting, case, seed)
            hour = day.slice(begin_s, case.end_s)
            morning = day.slice(case.begin_s, begin_s)
            true, _ = task.plans(TRUE, [hour], None)
            ours, told = task.plans(FORECAST, earlier, morning)
            errors.append((flow_error(told, hour, setting), flow_error(before, hour, setting)))
            kinds = {IN_FORCE: (Variant(IN_FORCE),), TRUE: true, USUAL: usual, FORECAST: ours}
            played = iter(
                run_many(
                    replace(case, begin_s=begin_s),
                    [variant for variants in kinds.values() for variant in variants],
                    [seed + further for further in FURTHER],
                    workers,
                    emissions=False,
                )
            )
            for kind, variants in kinds.items():
                runs = [next(played) for _ in variants]
                score = scores[kind]
                score.delay_s.append([fmean(run.delay_s for run in found) for found in runs])
                score.not_inserted += sum(run.not_inserted for found in runs for run in found)
            shown = ", ".join(f"{kind} {score.days_s[-1]:.1f} s" for kind, score in scores.items())
            sys.stderr.write(f"seed {seed}: {shown}; flows off {errors[-1][0]:.1%}\n")
    return scores, errors


def missed(ratio: float) -> list[str]:
    """Name the limit if the forecast's delay over that with true flows is beyond it."""
    if ratio <= 1.0 + TARGET:
        return []
    return [f"{ratio:.3f} of the delay with true flows (limit {1.0 + TARGET:.2f})"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, compare, print; 1 where the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="?", default="cologne8")
    parser.add_argument("--seeds", default="11-13")
    parser.add_argument("--effort", type=int, default=Limits().effort)
    parser.add_argument("--searches", type=int, default=2, help="plans from the same flows")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments)
    seeds = seeds_of(chosen.seeds)
    if chosen.searches < 1 or len(seeds) < 2:
        parser.error("--searches and --seeds: allowed are 1 search and 2 days, or more")
    scores, errors = play(chosen.scenario, seeds, chosen.effort, chosen.searches, chosen.workers)
    table = Table(
        "plan from", "delay s", "search scatter s", "true flows = 1", "minus true flows, s",
        "not inserted",
    )  # fmt: skip
    base = scores[TRUE].days_s
    for name, score in scores.items():
        found = score.days_s
        gap = paired_difference(base, found)
        table.add_row(
            name,
            f"{fmean(found):.2f}",
            "" if np.isnan(score.scatter_s) else f"{score.scatter_s:.2f}",
            f"{fmean(found) / fmean(base):.3f}",
            "" if name == TRUE else f"{gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]",
            f"{score.not_inserted}",
        )
    console = Console(width=120)
    console.print(table)
    ratio = fmean(scores[FORECAST].days_s) / fmean(base)
    off = [fmean(column) for column in zip(*errors, strict=True)]
    console.print(
        f"{len(errors)} days, {chosen.searches} searches each; flows of the hour are off by "
        f"{off[0]:.1%} in the forecast, by {off[1]:.1%} on the usual day; the forecast's "
        f"delay is {ratio:.3f} of that with true flows, limit {1.0 + TARGET:.2f}"
    )
    beyond = missed(ratio)
    console.print(verdict(beyond), markup=False, soft_wrap=True)
    return exit_code(beyond)


if __name__ == "__main__":
    sys.exit(main())
