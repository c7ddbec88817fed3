"""Commands that make, bring in and hand on scenarios: generate, import, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from throughband.command_line.parameters import OutDir, Scenario


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
    from throughband.exchange.importing import import_command

    import_command(source, out, counts, mapping, kind, timing)


def export(
    scenario: Scenario,
    to: Annotated[str, typer.Option("--to", help="utdf, gmns or sumo.")],
    out: Annotated[Path, typer.Option("--out", help="File (utdf) or new folder (gmns, sumo).")],
    plan: Annotated[
        Path | None, typer.Option(help="plan.json to put in force; else what is in force.")
    ] = None,
) -> None:
    """Write a scenario, with a plan if given, in a format other tools read."""
    from throughband.exchange.exporting import export_command

    export_command(scenario, to, out, plan)
