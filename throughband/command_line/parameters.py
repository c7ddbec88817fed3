"""Arguments and options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Seeds = Annotated[
    str,
    typer.Option(
        help="Simulated runs per plan, from seed 101 on; or the seeds, as in 101-110 or 11,13,17."
    ),
]
