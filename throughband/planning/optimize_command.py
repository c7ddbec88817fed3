"""``throughband optimize``: counts in, plans out."""

from __future__ import annotations

import time
from pathlib import Path

from engine.optimize.workers import Processes
from network.errors import CountError, EngineError
from network.readers.counts_csv import write_count_days_csv
from throughband import pipeline
from throughband.counts.dated_counts import dated_demand, has_dates
from throughband.counts.demand import (
    COUNTING_SEEDS,
    Demand,
    counted_days,
    demand,
    read_counts,
    sources_told,
)
from throughband.counts.demand_file import DEMAND_NAME, write_demand
from throughband.exchange.imported import imported_counts
from throughband.planning.optimize_results import result_lines
from throughband.planning.plan_files import write_plan_files
from throughband.planning.plan_orders import PlanOrder
from throughband.planning.planning_told import describe, limits_of, tell_halt
from throughband.results import output_folder
from throughband.run_record import add_step, planning_inputs
from throughband.seams import OWN_OPTIMIZER, optimizer_named
from throughband.setting import Setting, open_setting
from throughband.stopping import Halt
from throughband.teller import Teller


def optimize_scenario(
    name: str,
    out: Path,
    counts: Path | None,
    begin_s: float | None,
    end_s: float | None,
    effort: int,
    time_limit_s: float | None = None,
    order: PlanOrder | None = None,
    calibration: Path | None = None,
    tz: str = "",
    optimizer_name: str = OWN_OPTIMIZER,
    jobs: int = 1,
) -> None:
    """Carry out ``throughband optimize``."""
    # Ours is called directly: it also tells what it spent.
    optimizer = None if optimizer_name == OWN_OPTIMIZER else optimizer_named(optimizer_name)
    if optimizer is not None and jobs > 1:
        raise EngineError(
            f"--jobs {jobs} with --optimizer {optimizer_name}: only {OWN_OPTIMIZER!r}, our own "
            "optimizer, shares its work out; allowed with others is --jobs 1"
        )
    with Teller(4) as teller, output_folder(out) as folder:
        teller.step("read the network and its signals")
        setting = open_setting(name, begin_s, end_s, calibration)
        describe(setting, teller)
        limits = limits_of(order or PlanOrder(), setting, effort, teller)
        counts = counts or imported_counts(setting.scenario)
        if counts is None:
            teller.step("count the plan in force in SUMO, seeds 1 to 3")
            days = counted_days(
                setting.case,
                setting.network,
                COUNTING_SEEDS,
                lambda done, whole: teller.tell("days", done, whole),
            )
            wanted = demand(setting.network, days)
        else:
            teller.step(f"read the counts of {counts}")
            wanted = _counted_demand(counts, setting, tz, begin_s is not None or end_s is not None)
            missing = set(setting.network.movements) - set(wanted.flows.movement_ids)
            if missing:
                teller.say(f"{len(missing)} movements are not in the file and carry nothing")
        for row in wanted.quality:
            teller.say(f"{row.series_id}: {row.flag.name.lower()}, {row.reason}")
        teller.say(f"Flows: {sources_told(wanted.flows)}")
        teller.step("optimize cycles, phases, splits and offsets")
        halt = Halt(time_limit_s, time.monotonic)
        with halt.on_interrupt(), Processes(jobs) as workers:
            done = pipeline.plan(
                setting, wanted, limits, teller.tell, halt.called, optimizer, workers
            )
        teller.step("write the plans")
        reason = "Ctrl-C" if halt.pressed else f"the time limit of {time_limit_s} s"
        tell_halt(done, reason, effort, teller)
        worth = pipeline.priced(setting, done, limits)
        reasons = pipeline.explain(setting, done, limits, worth)
        write_plan_files(folder, setting, done, wanted.flows, reasons, worth)
        write_demand(folder / DEMAND_NAME, wanted)
        used = planning_inputs(setting, order or PlanOrder(), limits, calibration)
        files = {"counts": counts, **used}
        add_step(folder, out, "optimize", setting, files, COUNTING_SEEDS if counts is None else ())
        if counts is None:
            write_count_days_csv(folder / "counts.csv", days)
        signals = setting.network.signals
        same = sum(p == signals[p.signal_id].plan_in_force for p in done.plan_set.plans)
        unchanged = f"{same} as they were, " if same else ""
        teller.say(
            f"{len(done.plan_set.plans) - same} signals retimed, {unchanged}"
            f"{len(done.plan_set.left_alone)} left alone; the model sees "
            f"{done.in_force.delay_s:.1f} s of delay per signal passage in force and "
            f"{done.planned.delay_s:.1f} s planned"
        )
        for line in result_lines(setting.network, done):
            teller.say(line)
        teller.say(f"Plans: {out / 'plan.json'}, {out / 'plan.add.xml'}")


def _counted_demand(counts: Path, setting: Setting, tz: str, windowed: bool) -> Demand:
    """Return the demand of a counts file, by the second of a day or with dates."""
    scenario = setting.scenario
    if has_dates(counts):
        if not tz:
            raise CountError(
                f"{counts}: these counts have dates; --tz names the zone whose clock traffic "
                "follows, such as 'Europe/Berlin'"
            )
        return dated_demand(counts, setting.network, scenario.begin_s, scenario.end_s, tz)
    if tz:
        raise CountError(f"{counts}: these counts have no dates, and --tz is for those that do")
    days = read_counts(counts, setting.network)
    if windowed:
        days = tuple(day.slice(scenario.begin_s, scenario.end_s) for day in days)
    return demand(setting.network, days)
