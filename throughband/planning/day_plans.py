"""What ``throughband day`` does: flows of a day in, time-of-day plans and their schedule out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from engine.forecast.forecast import forecast
from engine.forecast.quality import judge, lanes_of
from engine.optimize.day_demand import DayStreets
from engine.optimize.day_draws import DrawnDays, play_draws
from engine.optimize.periods import plan_day
from engine.optimize.planned_day import DayWishes, PlannedDay
from engine.optimize.problem import Limits
from engine.optimize.robust import Robustness
from network.counts import CountSeries
from network.day_plan import SECONDS_PER_DAY
from network.errors import ThroughbandError
from network.schedule import zone_of
from throughband.counts.dated_counts import dated_demand, has_dates
from throughband.counts.day_flows import (
    DayFlows,
    counted_flows,
    forecast_flows,
    in_periods,
    learned_flows,
)
from throughband.counts.demand import (
    COUNTING_SEEDS,
    counted_days,
    lane_shares,
    movement_counts,
    read_counts,
)
from throughband.exchange.imported import corridors_of, imported_counts
from throughband.planning.calibration_tables import summary as measured
from throughband.planning.day_files import SCHEDULE_NAME, SUMO_NAME, actions_of, times_of, write_day
from throughband.planning.plan_orders import PlanOrder
from throughband.planning.planning_told import limits_of
from throughband.results import output_folder
from throughband.run_record import add_step, planning_inputs
from throughband.setting import Setting, open_setting
from throughband.stopping import Halt
from throughband.teller import Teller

SHOWN_SEED: Final = 11
"""Of the drawn days: others than a robust plan was made for."""


@dataclass(frozen=True, slots=True)
class DayOrder:
    """What was asked for on the command line.

    Attributes
    ----------
    scenario
        As all commands take it.
    counts, forecast
        Files to take the flows from; the first by default the imported one, else SUMO counts.
    begin_s, end_s
        Window; None for the scenario's.
    period_min, dwell_min
        Length of periods and least time a plan runs, min.
    most_plans, plan_price_pct, close_pct
        As in `engine.optimize.periods.DayWishes`.
    robust
        Tail of robust plans, 0 to 0.99; None for plans for the expected demand.
    time_zone
        Whose clock the schedule follows.
    effort, time_limit_s
        Of the search.
    calibration
        How drivers drive here; None for what stands beside the scenario.
    wanted
        What plans are to be good for, and what is to stay.
    draws
        Days to draw around the expected one, to tell how sure the saving is; 0 for none.
    """

    scenario: str
    counts: Path | None = None
    forecast: Path | None = None
    begin_s: float | None = None
    end_s: float | None = None
    period_min: int = 15
    dwell_min: int = 30
    most_plans: int = 5
    plan_price_pct: float = 0.5
    close_pct: float = 1.0
    robust: float | None = None
    time_zone: str = "UTC"
    effort: int = 400
    time_limit_s: float | None = None
    calibration: Path | None = None
    wanted: PlanOrder = field(default_factory=PlanOrder)
    draws: int = 10

    def wishes(self) -> DayWishes:
        """Return the options as the optimizer takes them."""
        robustness = None
        if self.robust is not None:
            try:
                robustness = Robustness(alpha=self.robust)
            except ValueError as error:
                raise ThroughbandError(f"--robust: {error}") from error
        return DayWishes(
            self.most_plans, 60 * self.dwell_min, self.plan_price_pct, self.close_pct, robustness
        )


def flows_of(order: DayOrder, setting: Setting, teller: Teller) -> DayFlows:
    """Get the flows of the day from where the order says.

    Raises
    ------
    ThroughbandError
        If two sources are named, or the one is unusable.
    """
    period_s = 60 * order.period_min
    if order.forecast is not None:
        if order.counts is not None:
            raise ThroughbandError("--counts and --forecast: allowed is one of them")
        teller.step(f"read the forecast of {order.forecast}")
        return forecast_flows(order.forecast, setting.network, period_s, order.time_zone, {})
    counts = order.counts or imported_counts(setting.scenario)
    if counts is None:
        if setting.scenario.end_s > SECONDS_PER_DAY:
            raise ThroughbandError(
                f"scenario {setting.scenario.name!r} ends at {setting.scenario.end_s:g} s; a day "
                f"is planned from 0 to {SECONDS_PER_DAY} s: set --begin and --end, or bring counts"
            )
        teller.step("count the plan in force in SUMO, seeds 1 to 3")
        days = counted_days(
            setting.case,
            setting.network,
            COUNTING_SEEDS,
            lambda done, whole: teller.tell("days", done, whole),
        )
    elif has_dates(counts):
        return _dated_flows(order, counts, setting, teller)
    else:
        teller.step(f"read the counts of {counts}")
        days = read_counts(counts, setting.network)
        if order.begin_s is not None or order.end_s is not None:
            begin_s, end_s = setting.scenario.begin_s, setting.scenario.end_s
            days = tuple(day.slice(begin_s, end_s) for day in days)
    lanes = lanes_of(setting.network) if days[0].kind == "movement" else {}
    judged: list[CountSeries] = []
    for day in days:
        good, rows = judge(day, lanes)
        judged.append(good)
        for row in rows:
            teller.say(f"{row.series_id}: {row.flag.name.lower()}, {row.reason}")
    shares = lane_shares(judged, setting.network)
    if len(judged) == 1:
        return counted_flows(judged[0], setting.network, shares, period_s)
    moved = [in_periods(movement_counts(day, setting.network), period_s) for day in judged]
    flows = forecast(moved, None, moved[0].start_s, moved[0].end_s, setting.network)
    return learned_flows(flows, setting.network, shares)


def _dated_flows(order: DayOrder, counts: Path, setting: Setting, teller: Teller) -> DayFlows:
    """Forecast the window's next occurrence, else the whole next day, from days to years."""
    teller.step(f"learn the days of {counts}")
    begin_s, end_s = 0.0, float(SECONDS_PER_DAY)
    if order.begin_s is not None or order.end_s is not None:
        begin_s, end_s = setting.scenario.begin_s, setting.scenario.end_s
    wanted = dated_demand(
        counts, setting.network, begin_s, end_s, order.time_zone, step_s=60 * order.period_min
    )
    for row in wanted.quality:
        teller.say(f"{row.series_id}: {row.flag.name.lower()}, {row.reason}")
    return learned_flows(wanted.flows, setting.network, wanted.lane_shares)


def plan_day_command(order: DayOrder, out: Path) -> None:
    """Carry out ``throughband day``."""
    wishes = order.wishes()
    zone_of(order.time_zone)
    with Teller(5) as teller, output_folder(out) as folder:
        teller.step("read the network and its signals")
        setting = open_setting(order.scenario, order.begin_s, order.end_s, order.calibration)
        if setting.calibration is not None:
            teller.say(measured(setting.calibration))
        limits = limits_of(order.wanted, setting, order.effort, teller)
        flows = flows_of(order, setting, teller)
        for finding in flows.findings:
            teller.say(finding)
        teller.step("plan the day")
        halt = Halt(order.time_limit_s, time.monotonic)
        with halt.on_interrupt():
            done = plan_day(
                setting.network,
                flows.day,
                wishes,
                limits,
                setting.driving,
                progress=teller.tell,
                halted=halt.called,
                together=[
                    corridor.signals for corridor in corridors_of(setting.scenario, setting.network)
                ],
            )
            teller.step("play drawn days under both plans")
            drawn = _drawn(order, setting, limits, done, teller, halt)
        teller.step("write plans, schedule and timing sheet")
        files = {
            **{"counts": order.counts, "forecast": order.forecast},
            **planning_inputs(setting, order.wanted, limits, order.calibration),
        }
        add_step(folder, out, "day", setting, files)
        write_day(
            folder, done, setting.network, setting.scenario.name, order.time_zone,
            flows.findings, drawn,
        )  # fmt: skip
        for line in summary(done):
            teller.say(line)
        teller.say(f"Schedule: {out / SCHEDULE_NAME}; for SUMO: {out / SUMO_NAME}")


def _drawn(
    order: DayOrder, setting: Setting, limits: Limits, done: PlannedDay, teller: Teller, halt: Halt
) -> DrawnDays | None:
    """Play drawn days under the plans in force and as planned; None where fewer than two were."""
    if order.draws < 2:
        return None
    streets = DayStreets(
        setting.network, done.day, setting.driving, limits.demand_margin, done.objective
    )
    found = play_draws(
        streets,
        [done.plans[number].plans for number in done.choice.run],
        Robustness(draws=order.draws),
        SHOWN_SEED,
        lambda ready, whole: teller.tell("days", ready, whole),
        halt.called,
    )
    return found if len(found.planned) > 1 else None


def summary(done: PlannedDay) -> list[str]:
    """Return what a person should know of a planned day, line by line."""
    actions = actions_of(done)
    lines = ["plans  delay and stops, veh h   of it transitions   switches   saved"]
    lines += [
        f"{row.plans:5d} {row.cost / 3600:24.1f} {row.transition_cost / 3600:19.2f} "
        f"{row.switches:10d} {row.saving_pct:6.1f} %"
        for row in done.table
    ]
    lines.append(f"{done.reason}.")
    for number, plan in enumerate(done.plans, 1):
        cycles = ", ".join(str(c) for c in sorted({p.cycle_s for p in plan.plan_set.plans}))
        lines.append(
            f"plan-{number}: {times_of(actions, f'plan-{number}')}, cycle {cycles} s, "
            f"{len(plan.plan_set.plans)} signals"
        )
    if not done.objective.is_default:
        lines.append(f"Planned for {done.objective}")
    lines.append(
        f"The model sees {done.in_force_cost / 3600:.1f} veh h in force, "
        f"{done.table[0].cost / 3600:.1f} under the best single plan and "
        f"{done.choice.cost / 3600:.1f} under this day"
    )
    if done.apart < done.apart_before:
        lines.append(
            f"plans that follow each other were drawn together: distance {done.apart_before:.2f} "
            f"before, {done.apart:.2f} now"
        )
    through = done.through
    most = int(np.argmax(through.planned.waiting_veh))
    lines.append(
        "Played through, with queues carried from period to period and switches at once: "
        f"{through.in_force.cost / 3600:.1f} veh h in force, {through.single.cost / 3600:.1f} "
        f"under the best single plan, {through.planned.cost / 3600:.1f} as planned; most wait at "
        f"the end of period {most + 1} of {done.day.periods}: "
        f"{through.planned.waiting_veh[most]:.0f} vehicles (in force "
        f"{through.in_force.waiting_veh[most]:.0f})"
    )
    lines += [
        f"plan-{row.plan + 1} over drawn demands, veh s per s: mean {row.nominal.mean:.2f} and "
        f"tail {row.nominal.tail:.2f} nominal, {row.robust.mean:.2f} and {row.robust.tail:.2f} "
        "robust"
        for row in done.robust
    ]
    if done.cut_short:
        lines.append("halted early; this is the best lawful day so far")
    return lines
