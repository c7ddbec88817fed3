"""The commands of ``throughband bridge``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

bridge_app = typer.Typer(
    name="bridge",
    help="Put approved plans on the street over NTCIP 1202, keep them alive, watch them, and take "
    "them back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Config = Annotated[Path, typer.Argument(help="Configuration of the bridge (TOML).")]
Devices = Annotated[Path, typer.Argument(help="Device list (TOML).")]
Scenario = Annotated[str, typer.Argument(help="The scenario that the plans belong to.")]
Plan = Annotated[Path, typer.Option(help="plan.json.")]
By = Annotated[str, typer.Option("--by", help="Who orders it, for the journal.")]
DrillFile = Annotated[
    Path | None,
    typer.Option("--drill", help="drill.json of 'throughband street': keep that street's time."),
]


@bridge_app.command("run")
def run(
    config: Config,
    release_on_exit: Annotated[
        bool,
        typer.Option(
            "--release-on-exit",
            help="Hand the controllers back at the end; else they return to their own schedule "
            "alone, each after its backup time.",
        ),
    ] = False,
    duration: Annotated[
        float | None, typer.Option(help="Stop after so many seconds; else on Ctrl-C.", min=0)
    ] = None,
    drill: DrillFile = None,
) -> None:
    """Keep what is called alive, watch it, and act on trouble, until stopped.

    'throughband emulate' and 'street' write a configuration with everything that may be set, the
    table of troubles and actions included.
    """
    from throughband.bridge.config import read_config
    from throughband.bridge.running import run_bridge
    from throughband.drill import clock_of

    clock = clock_of(drill)
    run_bridge(read_config(config), clock.now_utc, release_on_exit, duration, clock)


@bridge_app.command("identify")
def identify(
    devices: Devices,
    state: Annotated[
        Path | None,
        typer.Option(help="State folder of the bridge: compare with what is kept there, keep new."),
    ] = None,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Keep what they say now, although it is not what they said."),
    ] = False,
) -> None:
    """Tell who the controllers are, what they run, and how far their clocks are off."""
    from throughband.bridge.commands import identify_devices

    identify_devices(devices, state, accept)


@bridge_app.command("status")
def status(config: Config) -> None:
    """Ask every controller how it is doing; fails if one is silent or not as we left it."""
    from throughband.bridge.commands import show_status

    show_status(config)


@bridge_app.command("upload")
def upload(
    devices: Devices,
    out: Annotated[Path, typer.Option("--out", help="Folder for the files.")],
    scenario: Annotated[str, typer.Option(help="Name the plans are to bear.")] = "street",
    tz: Annotated[
        str, typer.Option(help="Zone of the controllers' clocks, such as America/Phoenix.")
    ] = "UTC",
) -> None:
    """Read patterns and schedules off the street; nothing is written there.

    Writes pattern-N.plan.json for every pattern number in use, with the plans of all controllers
    that have it, and schedule-SIGNAL.toml, for this year.
    """
    from throughband.bridge.uploading import upload_plans

    upload_plans(devices, out, scenario, tz)


@bridge_app.command("count")
def count(
    devices: Devices,
    out: Annotated[Path, typer.Option("--out", help="Folder for the counts; continued if there.")],
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--map",
            help="Which detector counts what: CSV with signal, detector and movement, approach, "
            "connection or detector_id.",
        ),
    ] = None,
    scenario: Annotated[
        str, typer.Option(help="Instead of --map: detectors as 'throughband street' lays them.")
    ] = "",
    interval: Annotated[int, typer.Option(help="Length of the intervals, s.", min=60)] = 300,
    tz: Annotated[
        str, typer.Option(help="Zone whose midnight begins a day, such as America/Phoenix.")
    ] = "UTC",
    duration: Annotated[
        float | None, typer.Option(help="Stop after so many seconds; else on Ctrl-C.", min=0)
    ] = None,
    drill: DrillFile = None,
) -> None:
    """Read the controllers' volume and occupancy tables into files; nothing is written there.

    counts-DATE.csv is for 'optimize --counts', history.csv for 'forecast'.
    """
    from throughband.bridge.listening import count_street
    from throughband.drill import clock_of

    count_street(devices, out, mapping, scenario, interval, tz, duration, clock_of(drill))


@bridge_app.command("events")
def events(
    devices: Devices,
    out: Annotated[
        Path, typer.Option("--out", help="Log: a .csv, continued if there, or a .parquet.")
    ],
    rate: Annotated[float, typer.Option(help="Looks per second at each controller.")] = 10.0,
    tz: Annotated[str, typer.Option(help="Zone of the times in the log.")] = "UTC",
    duration: Annotated[
        float | None, typer.Option(help="Stop after so many seconds; else on Ctrl-C.", min=0)
    ] = None,
    drill: DrillFile = None,
) -> None:
    """Poll lamps, detectors, patterns and preempts into an Indiana high-resolution log.

    Says in the end by how much its times may be late, and where it was blind.
    """
    from throughband.bridge.listening import record_events
    from throughband.drill import clock_of

    record_events(devices, out, rate, tz, duration, clock_of(drill))


@bridge_app.command("approve")
def approve(
    scenario: Scenario,
    plan: Plan,
    report: Annotated[Path, typer.Option(help="validation.json or result.json to approve on.")],
    out: Annotated[Path, typer.Option("--out", help="New file for the release.")],
    journal: Annotated[Path, typer.Option(help="Journal to append to.")],
    approved_by: Annotated[str, typer.Option(help="Who approves; asked for if left out.")] = "",
    hours: Annotated[float, typer.Option(help="How long it holds.", min=0.01, max=24 * 31)] = 12.0,
    despite_verdict: Annotated[
        bool, typer.Option(help="Approve although the report proves no gain; recorded as such.")
    ] = False,
) -> None:
    """Approve exactly these plans on exactly this report, for one push; write a release."""
    from throughband.bridge.commands import approve_plans

    approve_plans(scenario, plan, report, out, journal, approved_by, hours, despite_verdict)


@bridge_app.command("push")
def push(
    scenario: Scenario,
    plan: Plan,
    config: Annotated[Path, typer.Option(help="Configuration of the bridge (TOML).")],
    release: Annotated[
        Path | None, typer.Option(help="release.json, as 'approve' wrote it; needed to write.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write to the controllers; else only show the change.")
    ] = False,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%H:%M:%S", "%H:%M"],
            help="Prepare now, activate all at this time; without an offset, of the "
            "configuration's time zone; a time of day is the next one.",
        ),
    ] = None,
    permanent: Annotated[
        bool,
        typer.Option(
            "--permanent",
            help="Also point the controllers' own action row at the pattern, so that it stays "
            "without the bridge.",
        ),
    ] = False,
    drill: DrillFile = None,
    by: By = "",
) -> None:
    """Show what a plan changes in the controllers, and with --write put it on the street."""
    from throughband.bridge.pushing import push_release
    from throughband.drill import clock_of

    push_release(scenario, plan, config, release, write, at, permanent, clock_of(drill), by)


@bridge_app.command("withdraw")
def withdraw(
    receipt: Annotated[Path, typer.Argument(help="Receipt of the push, from the state folder.")],
    config: Annotated[Path, typer.Option(help="Configuration of the bridge (TOML).")],
    by: By = "",
) -> None:
    """Take a push back: call what was called before, restore the rows it wrote."""
    from throughband.bridge.withdrawing import withdraw_receipt

    withdraw_receipt(receipt, config, by)


@bridge_app.command("release")
def release_(
    devices: Devices,
    state: Annotated[
        Path | None,
        typer.Option(help="State folder of a running bridge: a STOP file there ends it first."),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Journal to append to; the release does not depend on it.")
    ] = None,
    wait: Annotated[
        float, typer.Option(help="Seconds between telling and looking.", min=0, max=60)
    ] = 2.0,
    by: By = "",
) -> None:
    """Kill switch: hand every controller back to its own schedule, now.

    Needs nothing but the device list. The plans stay stored and are no longer called.
    """
    from throughband.bridge.commands import release_devices

    release_devices(devices, state, journal, wait, by)


@bridge_app.command("recover")
def recover(config: Config, by: By = "") -> None:
    """After a crash: look at what the journal left open, and conclude it on the controllers."""
    from throughband.bridge.recovering import recover_pushes

    recover_pushes(config, by)
