"""Commands for controllers, emulated ones too: push, emulate, street."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from throughband.command_line.parameters import Begin, Scenario


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
