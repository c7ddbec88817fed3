"""A day of changing demand: time-of-day plans against the best single plan, in SUMO.

    python -m benchmarks.periods [--signals 4] [--effort 400] [--seeds 101,102,103,104,105]

A made-up arterial gets four hours one after the other: a night, a morning with most traffic from
every other end, a noon, an evening with the tide turned. The plan in force is counted with seeds 1
to 3; plans come from these counts. SUMO plays the day with the plan in force, with the one plan
that `optimize` makes for the whole window, with the single plan that the day's model likes best,
and with the schedule, led over each switch by correction cycles. Paired seeds; delay counts every
scheduled vehicle.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from engine.optimize.optimizer import optimize
from engine.optimize.periods import plan_day
from engine.optimize.planned_day import DayWishes, PlannedDay
from engine.optimize.problem import Limits
from engine.validate.report import compare
from engine.validate.simulator import Variant
from engine.validate.sumo import run_many
from network.sumo_day import write_sumo_day
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from throughband.counts.day_flows import counted_flows
from throughband.counts.demand import COUNTING_SEEDS, counted_days, lane_shares
from throughband.generate import Wish, generate
from throughband.planning.day_files import actions_of, plan_names, stretches_of
from throughband.planning.day_plans import summary
from throughband.setting import Setting, open_setting

HOUR_S = 3600
HOURS = ((0.15, 0.15), (1.0, 0.35), (0.5, 0.5), (0.35, 1.0))
"""Part of the full hour's traffic that comes from the ends of even and of odd number."""

PERIOD_S = 900
_VEHICLE = re.compile(r'<vehicle id="([^"]*)"(.*) depart="([0-9.]+)"(.*<route edges="(\S+).*)')


def tidal_day(folder: Path, signals: int, seed: int) -> Path:
    """Write an arterial with a day of four hours; return its configuration.

    Parameters
    ----------
    folder
        Where to.
    signals
        Of the arterial.
    seed
        For streets, demand, and which vehicles stay away.
    """
    built = generate(Wish("arterial", signals, None, None, seed, None, 0.85, False), folder)
    rng = np.random.default_rng(seed)
    lines = built.route_file.read_text(encoding="utf-8").splitlines()
    vehicles = [found for line in lines if (found := _VEHICLE.search(line))]
    ends = {end: number for number, end in enumerate(sorted({v[5].rstrip('"') for v in vehicles}))}
    kept: list[tuple[float, str]] = []
    for hour, levels in enumerate(HOURS):
        for vehicle in vehicles:
            if rng.random() < levels[ends[vehicle[5].rstrip('"')] % 2]:
                at_s = float(vehicle[3]) + hour * HOUR_S
                text = f'    <vehicle id="h{hour}{vehicle[1]}"{vehicle[2]} depart="{at_s:.1f}"'
                kept.append((at_s, text + vehicle[4]))
    head = [line for line in lines if "<vehicle " not in line and "</routes>" not in line]
    kept.sort(key=lambda row: row[0])
    text = "\n".join([*head, *(line for _, line in kept), "</routes>", ""])
    built.route_file.write_text(text, encoding="utf-8")
    config = built.config_file.read_text(encoding="utf-8")
    end_s = HOUR_S * len(HOURS)
    built.config_file.write_text(
        re.sub(r'<end value="[^"]*"', f'<end value="{end_s}"', config), encoding="utf-8"
    )
    return built.config_file


def planned(setting: Setting, wishes: DayWishes, effort: int) -> PlannedDay:
    """Plan the day from counts of the plan in force."""
    days = counted_days(setting.case, setting.network, COUNTING_SEEDS)
    shares = lane_shares(days, setting.network)
    flows = counted_flows(days, setting.network, shares, PERIOD_S)
    return plan_day(setting.network, flows.day, wishes, Limits(effort=effort))


def one_plan(setting: Setting, done: PlannedDay, effort: int) -> PlanSet:
    """Return what the optimizer makes of the whole window as it is, at twice the effort."""
    day = done.day
    limits = Limits(effort=2 * effort)
    return optimize(
        setting.network, day.movement_vph, day.period_s, day.start_s, limits,
        lane_shares=day.lane_shares,
    ).plan_set  # fmt: skip


def variants(setting: Setting, done: PlannedDay, folder: Path) -> tuple[Variant, Variant]:
    """Return the best single plan and the schedule as SUMO takes them."""
    single, scheduled = folder / "single.add.xml", folder / "day.add.xml"
    write_sumo_plan(single, done.single.plan_set, setting.network)
    sets = {name: p.plan_set for name, p in zip(plan_names(done), done.plans, strict=True)}
    write_sumo_day(
        scheduled, stretches_of(actions_of(done), sets, setting.network), setting.network
    )
    return Variant("best single plan", (single,)), Variant("time-of-day plans", (scheduled,))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--signals", type=int, default=4)
    parser.add_argument("--street-seed", type=int, default=3)
    parser.add_argument("--effort", type=int, default=400)
    parser.add_argument("--seeds", default="101,102,103,104,105")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments)
    seeds = [int(text) for text in chosen.seeds.split(",")]
    console = Console()
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        folder = Path(scratch)
        config = tidal_day(folder / "day", chosen.signals, chosen.street_seed)
        setting = open_setting(str(config))
        since_s, spent_s = time.perf_counter(), time.process_time()
        done = planned(setting, DayWishes(), chosen.effort)
        wall_s, cpu_s = time.perf_counter() - since_s, time.process_time() - spent_s
        for line in summary(done):
            console.print(line, markup=False, highlight=False)
        console.print(
            f"counted and planned in {wall_s:.0f} s ({cpu_s:.0f} s of processor time without "
            f"SUMO's), {done.optimizations} plans optimized"
        )
        single, scheduled = variants(setting, done, folder)
        one = Variant("optimize, one plan", (folder / "one.add.xml",))
        write_sumo_plan(
            one.additional_files[0], one_plan(setting, done, chosen.effort), setting.network
        )
        in_force, usual, alone, day = run_many(
            setting.case,
            (Variant("plan in force"), one, single, scheduled),
            seeds,
            chosen.workers,
            emissions=False,
        )
        for name, runs in (
            ("plan in force", in_force),
            (one.name, usual),
            (single.name, alone),
            (scheduled.name, day),
        ):
            mean_s = float(np.mean([run.delay_s for run in runs]))
            left = sum(run.not_inserted for run in runs)
            console.print(f"{name:20s} {mean_s:6.2f} s per vehicle, {left} not inserted")
        for base, runs in (
            (one.name, usual),
            (single.name, alone),
            ("plan in force", in_force),
        ):
            gap = compare(base, scheduled.name, runs, day).difference["delay_s"]
            console.print(
                f"time-of-day plans minus {base}: {gap.mean:+.2f} s "
                f"[{gap.low:+.2f}, {gap.high:+.2f}], {len(seeds)} seeds"
            )


if __name__ == "__main__":
    main()
