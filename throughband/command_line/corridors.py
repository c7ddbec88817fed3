"""Commands for corridors: corridors, corridor, progression."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from throughband.command_line.parameters import Begin, End, OutDir, Scenario


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
    from throughband.planning.corridors import propose_corridors

    propose_corridors(scenario, out, counts, begin, end)


def progression(
    scenario: Scenario,
    corridor: Annotated[str, typer.Option(help="A corridor of corridors.toml, by its name.")],
    out: OutDir,
    speed: Annotated[
        float, typer.Option(help="Riding speed, km/h; bicycles ride at 15 to 20.", min=4, max=100)
    ] = 18.0,
    plan: Annotated[
        Path | None, typer.Option(help="plan.json whose offsets move; else the plans in force.")
    ] = None,
    counts: Annotated[
        Path | None,
        typer.Option(
            help="Movement counts (CSV); else the imported ones, or SUMO's, seeds 1 to 3."
        ),
    ] = None,
    begin: Begin = None,
    end: End = None,
) -> None:
    """Move a corridor's offsets to the widest green bands for bicycles; write plan.json."""
    from throughband.planning.progressing import progress

    progress(scenario, corridor, speed, out, plan, counts, begin, end)


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
