"""Commands that read what was measured: forecast, performance, report, evaluate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from throughband.command_line.parameters import OutDir, RatesFile


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
    from throughband.forecasts.forecasting import forecast_command

    forecast_command(
        counts, horizon, step, tz, holidays, quantiles, at, backtest, form, out, scenario, sites,
        follow=follow, forecaster_name=forecaster,
    )  # fmt: skip


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
    from throughband.evaluations.performance import PerformanceWish, performance_command

    wish = PerformanceWish(
        log, detectors, tz, interval, latency, tuple(device or ()), begin, end, scenario, plan,
        counts,
    )  # fmt: skip
    performance_command(wish, out)


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
    from throughband.evaluations.evaluating import evaluate_command
    from throughband.evaluations.evaluation import EvaluationWish

    wish = EvaluationWish(
        before, after, tz, interval, detectors, tuple(counts or ()), tuple(control or ()), hours,
        holidays, leave_out, chosen_on, seed,
    )  # fmt: skip
    evaluate_command(wish, out)
