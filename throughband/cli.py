"""The command line. Heavy imports happen inside the commands, so that help is instant."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from network.errors import PluginError, ThroughbandError
from throughband.bridge.cli import bridge_app
from throughband.console.cli import console_app
from throughband.journal_command import journal_app
from throughband.plan_orders import (
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
from throughband.plugins import COMMANDS, Plugin, plugins
from throughband.stopping import Stopped, listen

_log = logging.getLogger(__name__)

app = typer.Typer(
    name="throughband",
    help="Green-wave signal timings from live counts: forecast, optimize, prove in simulation, "
    "approve, push over NTCIP 1202, and undo.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(journal_app, name="journal")
app.add_typer(bridge_app, name="bridge")
app.add_typer(console_app, name="console")

LOG_VARIABLE = "THROUGHBAND_LOG"
FAULT_CODE = 70
"""Exit code of a defect of ours, as in sysexits.h."""

USAGE_ERROR: Final[Any] = typer.BadParameter.__bases__[0]
"""What a command line that cannot be understood raises. Typer names only its kinds, and brings its
own copy of the library that defines it or not, depending on the version."""

Scenario = Annotated[
    str,
    typer.Argument(
        help="A city of the catalog (see 'throughband cities'), a folder that 'import' made, or "
        "the path of a .sumocfg."
    ),
]
Begin = Annotated[float | None, typer.Option(help="Begin of the window, s; else the scenario's.")]
End = Annotated[float | None, typer.Option(help="End of the window, s; else the scenario's.")]
OutDir = Annotated[Path, typer.Option("--out", help="Folder for the files.")]
Effort = Annotated[
    int,
    typer.Option(
        help="Evaluations of the whole hour at most; large streets get fewer.",
        min=50,
    ),
]
RatesFile = Annotated[
    Path | None,
    typer.Option(help="Value of time, fuel, CO2 and days a year, each with its source (TOML)."),
]
CalibrationFile = Annotated[
    Path | None,
    typer.Option(
        "--calibration",
        help="How drivers drive here ('throughband calibrate'); else calibration.json beside the "
        "scenario.",
    ),
]
Workers = Annotated[int, typer.Option(help="SUMO processes at a time.", min=1)]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        help="Seconds of search after which the best lawful plans so far are taken.", min=1
    ),
]
Seeds = Annotated[int, typer.Option(help="Simulated runs per plan, from seed 101 on.", min=2)]


@app.command()
def run(
    scenario: Scenario,
    out: Annotated[Path | None, typer.Option(help="Folder; runs/<scenario> by default.")] = None,
    begin: Begin = None,
    end: End = None,
    seeds: Seeds = 5,
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
    from throughband.commands import run_scenario

    order = PlanOrder(
        lock, objective, minimize, stop_penalty, longest_wait, queue_limit, queue_price, balance
    )
    run_scenario(
        scenario, out, begin, end, seeds, effort, workers, base_port, approve_by_policy,
        approved_by, calibration, order, time_limit, rates,
    )  # fmt: skip


@app.command()
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
    from throughband.commands import optimize_scenario

    order = PlanOrder(
        lock, objective, minimize, stop_penalty, longest_wait, queue_limit, queue_price, balance
    )
    optimize_scenario(
        scenario, out, counts, begin, end, effort, time_limit, order, calibration, tz, optimizer,
        jobs,
    )  # fmt: skip


@app.command()
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
    from throughband.explaining import explain_scenario

    explain_scenario(scenario, plan, counts, out, begin, end, seed, calibration, lock)


@app.command()
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
    from throughband.day_plans import DayOrder, plan_day_command

    wanted = PlanOrder(
        lock, objective, minimize, stop_penalty, longest_wait, queue_limit, queue_price, balance
    )
    order = DayOrder(
        scenario, counts, forecast, begin, end, period, dwell, max_plans, price, close, robust, tz,
        effort, time_limit, calibration, wanted, draws,
    )  # fmt: skip
    plan_day_command(order, out)


@app.command()
def calibrate(
    scenario: Scenario,
    out: Annotated[
        Path, typer.Option(help="File to write; calibration.json beside the scenario is found.")
    ],
    seeds: Annotated[
        str | None, typer.Option(help="SUMO's seeds to follow traffic in, of 1-3; 1-3 by default.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="High-resolution controller log (CSV) instead of SUMO.")
    ] = None,
    detectors: Annotated[
        Path | None,
        typer.Option(help="Which detector of the log counts which phase and movement (CSV)."),
    ] = None,
    tz: Annotated[str, typer.Option(help="Zone of the log's times.")] = "UTC",
    begin: Begin = None,
    end: End = None,
) -> None:
    """Measure how drivers drive: saturation headways, lost times, running times, dispersion.

    Every number comes with its error, how often it was seen, and what it was drawn toward.
    """
    from throughband.calibrating import calibrate_scenario

    calibrate_scenario(scenario, out, seeds, log, detectors, tz, begin, end)


@app.command()
def validate(
    scenario: Scenario,
    plan: Annotated[Path, typer.Option(help="plan.json, as 'optimize' wrote it.")],
    out: OutDir,
    seeds: Seeds = 5,
    begin: Begin = None,
    end: End = None,
    workers: Workers = 2,
    simulator: Annotated[str, typer.Option(help="Who plays it; 'plugins' lists them.")] = "sumo",
) -> None:
    """Play the plan in force and a candidate in SUMO over paired seeds; write validation.json."""
    from throughband.commands import validate_plan

    validate_plan(scenario, plan, out, seeds, begin, end, workers, simulator)


@app.command()
def simulate(
    scenario: Scenario,
    controller: Annotated[
        str,
        typer.Option(
            help="in-force, actuated, adaptive, plan:FILE, or another that 'plugins' lists."
        ),
    ],
    out: OutDir,
    seed: Annotated[int, typer.Option(help="SUMO's seed.", min=0)] = 101,
    begin: Begin = None,
    end: End = None,
    info: Annotated[
        str, typer.Option(help="What adaptive control sees: detectors, lanes or vehicles.")
    ] = "lanes",
    share: Annotated[
        float, typer.Option(help="Share of vehicles that report themselves, with vehicles.")
    ] = 1.0,
    missed: Annotated[float, typer.Option(help="Share of vehicles no sensor ever sees.")] = 0.0,
    latency: Annotated[
        int, typer.Option(help="Seconds between seeing and telling.", min=0, max=60)
    ] = 0,
    mode: Annotated[
        str,
        typer.Option(help="What adaptive control may show: free, or coordinated (in the plan)."),
    ] = "free",
) -> None:
    """Play one day in SUMO and keep its tripinfo.xml, statistics.xml and measures.json."""
    from throughband.adaptive import Sight
    from throughband.commands import simulate_scenario

    sight = Sight(info, share, missed, latency)
    simulate_scenario(scenario, controller, out, seed, begin, end, sight, mode)


@app.command()
def push(
    scenario: Scenario,
    plan: Annotated[Path, typer.Option(help="plan.json to push.")],
    report: Annotated[Path, typer.Option(help="validation.json or result.json it is approved on.")],
    devices: Annotated[Path, typer.Option(help="Device list (TOML).")],
    journal: Annotated[Path, typer.Option(help="Journal to append to.")] = Path("journal.sqlite"),
    write: Annotated[
        bool, typer.Option("--write", help="Write to the controllers; else only show the change.")
    ] = False,
    approved_by: Annotated[str, typer.Option(help="Who approves; asked for with --write.")] = "",
    despite_verdict: Annotated[
        bool, typer.Option(help="Push although the report proves no gain; recorded as such.")
    ] = False,
) -> None:
    """Show what a plan changes in the controllers, and with --write change it."""
    from throughband.controller_commands import push_plan

    push_plan(scenario, plan, report, devices, journal, write, approved_by, despite_verdict)


@app.command()
def emulate(
    scenario: Scenario,
    out: Annotated[Path, typer.Option(help="Folder for devices.toml and the secrets.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    base_port: Annotated[int, typer.Option(help="First UDP port; 0 for free ones.")] = 0,
    duration: Annotated[
        float | None, typer.Option(help="Stop after so many seconds; else on Ctrl-C.", min=0)
    ] = None,
    snmp: Annotated[str, typer.Option(help="v1, v2c or v3.")] = "v1",
) -> None:
    """Run an emulated NTCIP 1202 controller for every signal, on the wall clock."""
    from throughband.controller_commands import emulate_controllers

    emulate_controllers(scenario, out, host, base_port, duration, snmp)


@app.command()
def street(
    scenario: Scenario,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for devices.toml, the secrets and measures.json.")
    ],
    seed: Annotated[int, typer.Option(help="SUMO's seed.", min=0)] = 101,
    begin: Begin = None,
    duration: Annotated[
        float | None, typer.Option(help="Seconds of the street; else to the scenario's end.")
    ] = None,
    speed: Annotated[
        float,
        typer.Option(
            help="Seconds of the street per second, 0 for as fast as it can; but for 1 and 0 it "
            "writes drill.json, which 'bridge run' and 'bridge push' take as their clock."
        ),
    ] = 1.0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    base_port: Annotated[int, typer.Option(help="First UDP port; 0 for free ones.")] = 0,
    snmp: Annotated[str, typer.Option(help="v1, v2c or v3.")] = "v1",
) -> None:
    """Play a day in SUMO under emulated NTCIP 1202 controllers that a bridge can reach.

    Traffic drives the controllers' detectors, the controllers drive the lamps. Ends with the
    measured delay, on Ctrl-C with the delay up to there.
    """
    from throughband.street_command import run_street

    run_street(scenario, out, seed, begin, duration, speed, host, base_port, snmp)


@app.command()
def generate(
    kind: Annotated[str, typer.Argument(help="arterial, grid or town.")],
    out: OutDir,
    signals: Annotated[
        int | None, typer.Option(help="Signals of an arterial (2 to 100) or a town (4 to 5000); 6.")
    ] = None,
    rows: Annotated[int | None, typer.Option(help="Rows of a grid, 2 to 40; else 3.")] = None,
    columns: Annotated[int | None, typer.Option(help="Columns of a grid, 2 to 40; else 3.")] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal files.", min=0)] = 1,
    volume: Annotated[
        float | None, typer.Option(help="Vehicles in the hour; else as --saturation wants.")
    ] = None,
    saturation: Annotated[
        float, typer.Option(help="Flow over capacity of the busiest signal in the peak 15 min.")
    ] = 0.75,
    pedestrians: Annotated[
        bool, typer.Option("--pedestrians", help="Minimum greens let people walk across.")
    ] = False,
    buses: Annotated[
        float | None,
        typer.Option(help="Headway, s, of a bus line each way along an arterial; else none."),
    ] = None,
) -> None:
    """Make up streets, their signals and an hour of traffic, as a SUMO scenario."""
    from throughband.generate import Wish, generate_scenario

    wish = Wish(kind, signals, rows, columns, seed, volume, saturation, pedestrians, buses)
    generate_scenario(wish, out)


@app.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            help="SUMO network or configuration, OpenStreetMap extract, UTDF file or folder, or "
            "GMNS folder."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="New or empty folder for the scenario.")],
    counts: Annotated[
        Path | None, typer.Option(help="Counts: tidy CSV, or a turning-movement sheet.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="How a foreign count sheet is to be read (TOML).")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--format", help="sumo-net, sumocfg, osm, utdf or gmns; else told by the content."
        ),
    ] = "",
    timing: Annotated[
        str, typer.Option(help="Timing plan of the source to be in force; else the first.")
    ] = "",
) -> None:
    """Make a scenario folder, which the other commands take, of what you have."""
    from throughband.importing import import_command

    import_command(source, out, counts, mapping, kind, timing)


@app.command()
def export(
    scenario: Scenario,
    to: Annotated[str, typer.Option("--to", help="utdf, gmns or sumo.")],
    out: Annotated[Path, typer.Option("--out", help="File (utdf) or new folder (gmns, sumo).")],
    plan: Annotated[
        Path | None, typer.Option(help="plan.json to put in force; else what is in force.")
    ] = None,
) -> None:
    """Write a scenario, with a plan if given, in a format other tools read."""
    from throughband.exporting import export_command

    export_command(scenario, to, out, plan)


@app.command()
def forecast(
    counts: Annotated[
        Path,
        typer.Argument(
            help="Counts of many days: tidy or wide CSV, Parquet, a count sheet or a controller "
            "log; with --follow a CSV that grows, or a folder of 'bridge count'."
        ),
    ],
    out: OutDir,
    horizon: Annotated[str, typer.Option(help="How far ahead, such as 60min.")] = "60min",
    step: Annotated[
        str, typer.Option(help="Length of intervals, such as 5min; else the file's own.")
    ] = "",
    tz: Annotated[
        str, typer.Option(help="Zone whose clock traffic follows, such as Australia/Melbourne.")
    ] = "",
    holidays: Annotated[
        Path | None, typer.Option(help="Holidays: a date at the beginning of each line.")
    ] = None,
    quantiles: Annotated[str, typer.Option(help="Probabilities, by commas.")] = "0.1,0.5,0.9",
    at: Annotated[
        str, typer.Option(help="Time to forecast from; else the end of the counts.")
    ] = "",
    backtest: Annotated[
        int, typer.Option(help="Days at the end to play forward and to compare with what came.")
    ] = 0,
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    scenario: Annotated[
        str, typer.Option(help="Network whose movements' flows are wanted too (movements.csv).")
    ] = "",
    sites: Annotated[
        Path | None,
        typer.Option(
            help="Where detectors count that are not named after movements or links (CSV: "
            "detector, link, lane, movement)."
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Go on with every new interval until Ctrl-C; no page."),
    ] = False,
    forecaster: Annotated[
        str, typer.Option(help="Who forecasts; 'plugins' lists them.")
    ] = "profiles",
) -> None:
    """Forecast the flows of the next hour from counts of earlier days, with a page of plots."""
    # A fit is many small products of matrices; threads of BLAS make it seven times dearer.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from throughband.forecasting import forecast_command

    forecast_command(
        counts, horizon, step, tz, holidays, quantiles, at, backtest, form, out, scenario, sites,
        follow=follow, forecaster_name=forecaster,
    )  # fmt: skip


@app.command()
def performance(
    log: Annotated[
        Path, typer.Argument(help="High-resolution log of controllers: CSV, plain or gzipped.")
    ],
    out: OutDir,
    tz: Annotated[str, typer.Option(help="Zone of the log's clock, such as America/Phoenix.")] = "",
    detectors: Annotated[
        Path | None,
        typer.Option(help="What its detectors are for: DeviceId, Phase, Function, Parameter."),
    ] = None,
    interval: Annotated[str, typer.Option(help="Length of intervals of tables.")] = "15min",
    latency: Annotated[float, typer.Option(help="How late detectors report, s.")] = 0.0,
    device: Annotated[
        list[str] | None, typer.Option(help="A controller to show; may be repeated. Else all.")
    ] = None,
    begin: Annotated[str, typer.Option(help="Local time from which the log is used.")] = "",
    end: Annotated[str, typer.Option(help="Local time until which the log is used.")] = "",
    scenario: Annotated[
        str, typer.Option(help="Scenario whose plans are drawn beside the log, signal by name.")
    ] = "",
    plan: Annotated[
        Path | None, typer.Option(help="plan.json of that scenario; else its plans in force.")
    ] = None,
    counts: Annotated[
        Path | None, typer.Option(help="Its counts, for the model's cyclic flow profiles.")
    ] = None,
) -> None:
    """Show how signals work from their logs: coordination, splits, terminations, arrivals."""
    from throughband.performance import PerformanceWish, performance_command

    wish = PerformanceWish(
        log, detectors, tz, interval, latency, tuple(device or ()), begin, end, scenario, plan,
        counts,
    )  # fmt: skip
    performance_command(wish, out)


@app.command()
def report(
    run: Annotated[
        Path,
        typer.Argument(
            help="Folder of a run: of run, optimize, validate, day, evaluate or simulate."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; else report.html in the folder.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF beside it, too.")] = False,
    rates: RatesFile = None,
    trajectories: Annotated[
        bool,
        typer.Option("--trajectories", help="Play both plans once and draw vehicles along them."),
    ] = False,
    scenario: Annotated[
        str, typer.Option(help="The scenario, where the folder does not say or it has moved.")
    ] = "",
    plan: Annotated[
        Path | None, typer.Option(help="The plans, where they stand elsewhere.")
    ] = None,
    counts: Annotated[
        Path | None, typer.Option(help="Counts, where the folder keeps no demand.")
    ] = None,
) -> None:
    """Tell a run on one page that opens anywhere, for a council and for an engineer."""
    from throughband.reporting import ReportWish, report_command

    report_command(ReportWish(run, out, pdf, rates, scenario, plan, counts, trajectories))


@app.command()
def evaluate(
    before: Annotated[
        Path,
        typer.Option(
            help="Travel times (CSV: time, route, travel_time_s), controller logs or counts: a "
            "file, or a folder of them."
        ),
    ],
    after: Annotated[Path, typer.Option(help="The same after the change.")],
    out: OutDir,
    tz: Annotated[str, typer.Option(help="Zone whose clock traffic follows.")] = "",
    interval: Annotated[str, typer.Option(help="Intervals that are compared.")] = "60min",
    detectors: Annotated[
        Path | None, typer.Option(help="What detectors of logs are for: DeviceId, Phase, ...")
    ] = None,
    counts: Annotated[
        list[Path] | None,
        typer.Option(help="Counts of both periods, to compare at equal traffic; repeatable."),
    ] = None,
    control: Annotated[
        list[str] | None, typer.Option(help="A place without a change; repeatable.")
    ] = None,
    hours: Annotated[str, typer.Option(help="Windows of the day, such as 7-9,16-18:30.")] = "",
    holidays: Annotated[
        Path | None, typer.Option(help="Holidays: a date at the beginning of each line.")
    ] = None,
    leave_out: Annotated[
        Path | None, typer.Option(help="Days of snow, works and the like, in the same form.")
    ] = None,
    chosen_on: Annotated[
        str, typer.Option(help="Days by which the place was chosen: 2031-03-03..2031-03-14.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 1,
) -> None:
    """Tell what a change brought on the street: better, worse or no clear difference."""
    from throughband.evaluating import EvaluationWish, evaluate_command

    wish = EvaluationWish(
        before, after, tz, interval, detectors, tuple(counts or ()), tuple(control or ()), hours,
        holidays, leave_out, chosen_on, seed,
    )  # fmt: skip
    evaluate_command(wish, out)


@app.command()
def corridors(
    scenario: Scenario,
    out: Annotated[Path, typer.Option(help="File for the proposal: a corridors.toml.")],
    counts: Annotated[
        Path | None,
        typer.Option(
            help="Movement counts (CSV); else the imported ones, or SUMO's, seeds 1 to 3."
        ),
    ] = None,
    begin: Begin = None,
    end: End = None,
) -> None:
    """Propose coordination groups and arterials, to be named and edited by hand."""
    from throughband.corridors import propose_corridors

    propose_corridors(scenario, out, counts, begin, end)


@app.command()
def corridor(
    scenario: Scenario,
    from_link: Annotated[str, typer.Option("--from", help="Link the vehicle starts on.")],
    to_link: Annotated[str, typer.Option("--to", help="Link it goes to.")],
    depart: Annotated[float, typer.Option(help="Departure, s of the scenario's clock.", min=0)],
    out: OutDir,
    seed: Annotated[int, typer.Option(help="SUMO's seed.", min=0)] = 101,
    controller: Annotated[
        str, typer.Option(help="Who runs the signals otherwise: in-force or adaptive.")
    ] = "in-force",
) -> None:
    """Clear a green wave for one emergency vehicle in SUMO; write corridor.json."""
    from throughband.priority import show_corridor

    show_corridor(scenario, from_link, to_link, depart, out, seed, controller)


@app.command()
def schema(
    name: Annotated[
        str,
        typer.Argument(
            help="calibration, counts, evaluation, explanation, inventory, network, plan, "
            "schedule or signals."
        ),
    ],
) -> None:
    """Print the JSON Schema of a file that throughband reads and writes."""
    import json

    from network.errors import FormatError
    from network.schemas import NAMES
    from network.schemas import schema as published

    if name not in NAMES:
        raise FormatError(f"no schema {name!r}; there are {', '.join(NAMES)}")
    typer.echo(json.dumps(published(name), indent=2))


@app.command()
def cities() -> None:
    """List the catalog of city networks."""
    from scenarios.cities import CITIES

    for name in CITIES:
        typer.echo(name)


@app.command("plugins")
def plugins_() -> None:
    """List what may be named: ours, and what other packages registered."""
    from throughband.plugin_list import list_plugins

    list_plugins()


@app.command("operate")
def operate(
    config: Annotated[Path, typer.Argument(help="Configuration of daily operation (TOML).")],
    check: Annotated[
        bool, typer.Option("--check", help="Read everything, say what would be done, and end.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Look once, do what follows from it, and end.")
    ] = False,
    healthy: Annotated[
        bool, typer.Option("--health", help="Tell whether operation lives; else exit 1.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(help="Write a commented configuration for this network, and end."),
    ] = None,
    bridge: Annotated[
        str, typer.Option(help="With --template: the bridge's configuration.")
    ] = "bridge.toml",
    drill: Annotated[
        Path | None, typer.Option(help="drill.json of 'throughband street': keep its clock.")
    ] = None,
) -> None:
    """Operate a street day by day: warn, ask for plans or change them within limits, take back."""
    from throughband.drill import clock_of
    from throughband.operate import command

    if template is not None:
        command.write_template(config, template, bridge)
    elif check:
        command.check_operation(config)
    elif healthy:
        command.tell_health(config, clock_of(drill))
    else:
        command.operate_street(config, once, clock_of(drill))


@app.command()
def doctor() -> None:
    """Check that this machine can run everything."""
    from throughband.commands import run_doctor

    run_doctor()


def main() -> None:
    """Run the command line; every foreseen error is one line and a non-zero exit."""
    listen()
    # Warnings look like the other details of a step.
    level = logging.getLevelNamesMapping().get(os.environ.get(LOG_VARIABLE, ""), logging.WARNING)
    logging.basicConfig(level=level, format="      %(message)s")
    _guarded(_run)


def _run() -> None:
    # Ours stays as it is, so that a second run in one process finds no leftovers.
    whole = copy(app)
    whole.registered_commands = [*app.registered_commands]
    whole.registered_groups = [*app.registered_groups]
    for plugin in plugins(COMMANDS):
        try:
            _add(whole, plugin)
        except ThroughbandError as error:
            # What others add must not take our own commands away.
            _log.warning("%s", error)
    try:
        code = whole(prog_name="throughband", standalone_mode=False)
    except USAGE_ERROR as error:
        if type(error) is typer.BadParameter:
            # A value that is not allowed is bad input, like what is found in a file.
            raise ThroughbandError(error.format_message()) from error
        error.show()
        sys.exit(error.exit_code)
    except typer.Abort:
        _fail("aborted", 1)
    sys.exit(code or 0)


def _add(whole: typer.Typer, plugin: Plugin) -> None:
    """Add a command of a plug-in, if it is one and its name is free."""
    group = typer.main.get_group(whole)
    if plugin.name in group.commands:
        raise PluginError(f"{plugin.told}: there is a command of that name")
    command = plugin.load()
    alone = typer.Typer()
    try:
        # Typer looks at signatures only when the whole command line is built.
        if isinstance(command, typer.Typer):
            alone.add_typer(command, name=plugin.name)
        else:
            alone.command(plugin.name)(command)
        typer.main.get_command(alone)
    except Exception as error:
        raise PluginError(f"{plugin.told} is no command: {error}") from error
    if isinstance(command, typer.Typer):
        whole.add_typer(command, name=plugin.name)
    else:
        whole.command(plugin.name)(command)


def _guarded(command: Callable[[], object]) -> None:
    try:
        command()
    except ThroughbandError as error:
        _fail(str(error), 1)
    except Stopped as stop:
        _fail(str(stop), 128 + stop.number)
    except BrokenPipeError:
        # Whoever read our output has gone.
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # noqa: BLE001
        _log.debug("unforeseen", exc_info=True)
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = (
            f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
        )
        _fail(
            f"unforeseen {type(error).__name__}{where}: {error or 'no message'}; this is a defect "
            f"of throughband, please report it with what {LOG_VARIABLE}=DEBUG shows",
            FAULT_CODE,
        )


def _fail(text: str, code: int) -> NoReturn:
    sys.stderr.write("throughband: " + " ".join(text.split()) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
