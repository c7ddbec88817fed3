"""Commands that play plans in SUMO: calibrate, validate, simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from throughband.command_line.parameters import Begin, End, OutDir, Scenario, Seeds, Workers


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
    from throughband.planning.calibrating import calibrate_scenario

    calibrate_scenario(scenario, out, seeds, log, detectors, tz, begin, end)


def validate(
    scenario: Scenario,
    plan: Annotated[Path, typer.Option(help="plan.json, as 'optimize' wrote it.")],
    out: OutDir,
    seeds: Seeds = "5",
    begin: Begin = None,
    end: End = None,
    workers: Workers = 2,
    simulator: Annotated[str, typer.Option(help="Who plays it; 'plugins' lists them.")] = "sumo",
) -> None:
    """Play the plan in force and a candidate in SUMO over paired seeds; write validation.json."""
    from throughband.validate_command import validate_plan

    validate_plan(scenario, plan, out, seeds, begin, end, workers, simulator)


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
    walk_wait: Annotated[
        float | None,
        typer.Option(
            help="Call people on foot at every crossing all the time, and let none wait longer "
            "than this, s, as far as least greens and clearances allow; else crossings open with "
            "their stages."
        ),
    ] = None,
    transit: Annotated[
        str,
        typer.Option(
            help="Priority for buses: all, or some of extension (of a green), early (green), "
            "insertion (of a stage out of its turn), with commas; else none."
        ),
    ] = "",
    transit_budget: Annotated[
        float,
        typer.Option(
            help="Person-seconds that others may lose by it at each signal within any hour, as "
            "estimated step by step; what costs more is refused.",
            min=0,
        ),
    ] = 7200.0,
    transit_late: Annotated[
        float,
        typer.Option(help="Only buses later than this, s, get it, or those behind a long gap."),
    ] = 0.0,
    transit_close: Annotated[
        float,
        typer.Option(
            help="A bus that follows the one before within this part of its headway gets none.",
            min=0,
        ),
    ] = 0.5,
    transit_allowance: Annotated[
        float, typer.Option(help="Seconds that timetables give a bus at each signal.", min=0)
    ] = 10.0,
) -> None:
    """Play one day in SUMO and keep its tripinfo.xml, statistics.xml and measures.json."""
    from throughband.adaptive import Sight
    from throughband.simulate_command import simulate_scenario
    from throughband.transit import TransitWish

    sight = Sight(info, share, missed, latency)
    wish = TransitWish(transit, transit_budget, transit_late, transit_close, transit_allowance)
    simulate_scenario(scenario, controller, out, seed, begin, end, sight, mode, wish, walk_wait)
