"""Commands for controllers, emulated ones too: push, emulate, street."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from throughband.command_line.parameters import Begin, Scenario

EARLY_S, LATE_S, MAIN_EARLY_S, MAIN_LATE_S = 30.0, 20.0, 15.0, 10.0
"""As `engine.adaptive.coordinated.Slack`, which is not loaded for help alone; a test compares."""


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
    radar: Annotated[
        bool,
        typer.Option(
            "--radar",
            help="Tell every vehicle around the signals once a second to whoever listens at the "
            "address in radar.json, as radar or video would; 'adapt' listens.",
        ),
    ] = False,
    backup_time: Annotated[
        int,
        typer.Option(help="The controllers' unitBackupTime, s; 0 for never."),
    ] = 300,
) -> None:
    """Play a day in SUMO under emulated NTCIP 1202 controllers that a bridge can reach.

    Traffic drives the controllers' detectors, the controllers drive the lamps. Ends with the
    measured delay, on Ctrl-C with the delay up to there.
    """
    from throughband.street_command import run_street

    run_street(
        scenario, out, seed, begin, duration, speed, host, base_port, snmp, radar, backup_time
    )


def adapt(
    scenario: Scenario,
    devices: Annotated[Path, typer.Option(help="Device list (TOML).")],
    radar: Annotated[
        Path, typer.Option(help="radar.json: where sensors tell what is on the lanes.")
    ],
    journal: Annotated[Path, typer.Option(help="Journal to append to.")] = Path("journal.sqlite"),
    mode: Annotated[
        str, typer.Option(help="coordinated; 'free' runs in simulation only.")
    ] = "coordinated",
    early: Annotated[float, typer.Option(help="How much earlier a green may end, s.")] = EARLY_S,
    late: Annotated[float, typer.Option(help="How much longer a green may last, s.")] = LATE_S,
    main_early: Annotated[
        float, typer.Option(help="How much earlier the coordinated green may end, s.")
    ] = MAIN_EARLY_S,
    main_late: Annotated[
        float, typer.Option(help="How much later the coordinated green may begin, s.")
    ] = MAIN_LATE_S,
    duration: Annotated[
        float | None, typer.Option(help="Stop after so many seconds; else on Ctrl-C.", min=0)
    ] = None,
) -> None:
    """Let adaptive control end greens earlier or later at NTCIP controllers, inside their plans.

    Every second it looks at what the controllers show and the sensors see, and asks for holds and
    force-offs. Controllers keep their least greens, clearances and pedestrian times, and go back
    to their plan alone, after unitBackupTime, when this ends in any other way than by Ctrl-C.
    Where somebody else calls a pattern (the bridge does), the controller is left alone, for every
    command would renew that call's unitBackupTime; with none left, it ends with an error.
    """
    from engine.adaptive.coordinated import Slack
    from throughband.adapting.command import adapt_street

    slack = Slack(early, late, main_early, main_late)
    adapt_street(scenario, devices, radar, journal, mode, slack, duration)
