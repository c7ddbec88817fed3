"""Commands that make plans and tell why: run, optimize, explain, day."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from throughband.command_line.parameters import (
    Begin,
    CalibrationFile,
    Effort,
    End,
    OutDir,
    RatesFile,
    Scenario,
    Seeds,
    TimeLimit,
    Workers,
)
from throughband.planning.plan_orders import (
    Balance,
    LockFile,
    LongestWait,
    Minimize,
    ObjectiveFile,
    PlanOrder,
    QueueLimitPart,
    QueuePrice,
    StopPenalty,
)


def run(
    scenario: Scenario,
    out: Annotated[Path | None, typer.Option(help="Folder; runs/<scenario> by default.")] = None,
    begin: Begin = None,
    end: End = None,
    seeds: Seeds = "5",
    effort: Effort = 1500,
    time_limit: TimeLimit = None,
    workers: Workers = 2,
    base_port: Annotated[
        int, typer.Option(help="UDP port of the first emulated controller; 0 for free ones.")
    ] = 0,
    approve_by_policy: Annotated[
        bool,
        typer.Option(help="Approve without asking if the delay is proven lower; recorded as such."),
    ] = False,
    approved_by: Annotated[
        str, typer.Option(help="Your name for the record; asked for when it is needed.")
    ] = "",
    lock: LockFile = None,
    objective: ObjectiveFile = None,
    minimize: Minimize = None,
    stop_penalty: StopPenalty = None,
    longest_wait: LongestWait = None,
    queue_limit: QueueLimitPart = None,
    queue_price: QueuePrice = None,
    balance: Balance = False,
    calibration: CalibrationFile = None,
    rates: RatesFile = None,
) -> None:
    """Run the whole path: counts, forecast, plans, proof, approval, push, report."""
    from throughband.run_command import run_scenario

    order = PlanOrder(
        lock, objective, minimize, stop_penalty, longest_wait, queue_limit, queue_price, balance
    )
    run_scenario(
        scenario, out, begin, end, seeds, effort, workers, base_port, approve_by_policy,
        approved_by, calibration, order, time_limit, rates,
    )  # fmt: skip


def optimize(
    scenario: Scenario,
    out: OutDir,
    counts: Annotated[
        Path | None,
        typer.Option(
            help="Movement counts (CSV); else the imported ones, or SUMO's, seeds 1 to 3."
        ),
    ] = None,
    begin: Begin = None,
    end: End = None,
    effort: Effort = 1500,
    time_limit: TimeLimit = None,
    lock: LockFile = None,
    objective: ObjectiveFile = None,
    minimize: Minimize = None,
    stop_penalty: StopPenalty = None,
    longest_wait: LongestWait = None,
    queue_limit: QueueLimitPart = None,
    queue_price: QueuePrice = None,
    tz: Annotated[
        str,
        typer.Option(help="Zone of counts with dates: days to years, as 'bridge count' writes."),
    ] = "",
    calibration: CalibrationFile = None,
    balance: Balance = False,
    optimizer: Annotated[str, typer.Option(help="Who searches; 'plugins' lists them.")] = "descent",
    jobs: Annotated[
        int,
        typer.Option(help="Processes to plan a large town with; the same plans.", min=1),
    ] = 1,
) -> None:
    """Compute plans from counts and write plan.json, plan.add.xml and counts.csv.

    The first Ctrl-C while it searches takes the best lawful plans so far.
    """
    from throughband.planning.optimize_command import optimize_scenario

    order = PlanOrder(
        lock, objective, minimize, stop_penalty, longest_wait, queue_limit, queue_price, balance
    )
    optimize_scenario(
        scenario, out, counts, begin, end, effort, time_limit, order, calibration, tz, optimizer,
        jobs,
    )  # fmt: skip


def explain(
    scenario: Scenario,
    out: OutDir,
    plan: Annotated[
        Path | None, typer.Option(help="plan.json to explain; else the plans in force.")
    ] = None,
    counts: Annotated[
        Path | None,
        typer.Option(
            help="Movement counts (CSV); else the imported ones, or SUMO's, seeds 1 to 3."
        ),
    ] = None,
    begin: Begin = None,
    end: End = None,
    seed: Annotated[
        int, typer.Option(help="For the volumes, clocks and speeds that are drawn.", min=0)
    ] = 1,
    calibration: CalibrationFile = None,
    lock: Annotated[
        Path | None,
        typer.Option(help="Locks that the plans were made under (TOML): what each one costs."),
    ] = None,
) -> None:
    """Tell why plans are what they are: what each second is worth, what binds, what errors cost.

    Writes explain.json, explain.txt (Markdown) and a figure for each group of signals.
    """
    from throughband.planning.explaining import explain_scenario

    explain_scenario(scenario, plan, counts, out, begin, end, seed, calibration, lock)


def day(
    scenario: Scenario,
    out: OutDir,
    counts: Annotated[
        Path | None,
        typer.Option(
            help="Counts of a day, or with dates of days to years (CSV); else the imported ones, "
            "or SUMO's, seeds 1 to 3."
        ),
    ] = None,
    forecast: Annotated[
        Path | None,
        typer.Option(
            help="movements.csv of 'forecast', up to a day; or forecast.csv, its detectors named "
            "as movements."
        ),
    ] = None,
    begin: Begin = None,
    end: End = None,
    period: Annotated[int, typer.Option(help="Length of a period, min.", min=5, max=60)] = 15,
    max_plans: Annotated[int, typer.Option(help="Plans at most.", min=1, max=8)] = 5,
    dwell: Annotated[int, typer.Option(help="Minutes a plan runs at least.", min=0, max=360)] = 30,
    price: Annotated[
        float, typer.Option(help="What a further plan must save, % of the day's cost.", min=0)
    ] = 0.5,
    close: Annotated[
        float, typer.Option(help="What plans closer to each other may cost, %.", min=0)
    ] = 1.0,
    robust: Annotated[
        float | None,
        typer.Option(help="Also lower the mean of the worst demands beyond this part, e.g. 0.9."),
    ] = None,
    draws: Annotated[
        int,
        typer.Option(
            help="Days to draw around the expected one and play under both plans, to tell how "
            "sure the saving is; 0 for none.",
            min=0,
            max=100,
        ),
    ] = 10,
    tz: Annotated[str, typer.Option(help="Zone whose clock the schedule follows.")] = "UTC",
    effort: Annotated[
        int, typer.Option(help="Evaluations of the whole street for each plan.", min=50)
    ] = 400,
    time_limit: Annotated[
        float | None,
        typer.Option(help="Seconds after which the best lawful day so far is taken.", min=1),
    ] = None,
    lock: LockFile = None,
    objective: ObjectiveFile = None,
    minimize: Minimize = None,
    stop_penalty: StopPenalty = None,
    longest_wait: LongestWait = None,
    queue_limit: QueueLimitPart = None,
    queue_price: QueuePrice = None,
    balance: Balance = False,
    calibration: CalibrationFile = None,
) -> None:
    """Plan a day: how many plans, when to switch; write plans, schedule and timing sheet.

    The first Ctrl-C while it searches takes the best lawful day so far.
    """
    from throughband.planning.day_plans import DayOrder, plan_day_command

    wanted = PlanOrder(
        lock, objective, minimize, stop_penalty, longest_wait, queue_limit, queue_price, balance
    )
    order = DayOrder(
        scenario, counts, forecast, begin, end, period, dwell, max_plans, price, close, robust, tz,
        effort, time_limit, calibration, wanted, draws,
    )  # fmt: skip
    plan_day_command(order, out)
