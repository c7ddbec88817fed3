"""What ``throughband generate`` does: draw streets, have SUMO build them, write the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engine.validate.sumo_process import run_process
from network.errors import ScenarioError
from scenarios.builders import Built, Progress, build
from scenarios.layout import Layout, arterial, grid
from scenarios.town import town
from throughband.results import output_folder
from throughband.teller import Teller

KINDS: Final = ("arterial", "grid", "town")
CONVERT_TIMEOUT_S: Final = 1800.0

DEFAULT_SIGNALS: Final = 6
DEFAULT_LINES: Final = 3
NOTICED: Final = 0.02
"""A degree of saturation that falls short of the wish by more is explained."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line.

    Attributes
    ----------
    kind
        One of `KINDS`.
    signals
        Of an arterial or a town; None for the default.
    rows, columns
        Of a grid; None for the default.
    seed
        For streets and demand.
    volume_vph
        All traffic, veh/h; None to fill the busiest signal as wanted.
    saturation
        Degree of saturation of the busiest signal in the busiest quarter of the hour.
    pedestrians
        Whether minimum greens let pedestrians walk across.
    buses_s
        Headway of a bus line each way along an arterial, s; None for none.
    """

    kind: str
    signals: int | None
    rows: int | None
    columns: int | None
    seed: int
    volume_vph: float | None
    saturation: float
    pedestrians: bool
    buses_s: float | None = None


def layout_of(wish: Wish) -> Layout:
    """Draw the streets that were asked for.

    Raises
    ------
    ScenarioError
        If the kind is unknown, an option does not belong to it, or a number is impossible.
    """
    lines = {"rows": wish.rows, "columns": wish.columns}
    foreign = lines if wish.kind != "grid" else {"signals": wish.signals}
    if wish.kind not in KINDS:
        raise ScenarioError(f"kind of streets: found {wish.kind!r}, allowed {', '.join(KINDS)}")
    for option, value in foreign.items():
        if value is not None:
            raise ScenarioError(
                f"--{option} does not apply to {wish.kind}: found {value}; allowed "
                + ("--rows and --columns" if wish.kind == "grid" else "--signals")
            )
    if wish.buses_s is not None and wish.kind != "arterial":
        raise ScenarioError(
            f"--buses does not apply to {wish.kind}: found {wish.buses_s:g}; allowed is it with "
            "an arterial"
        )
    if wish.kind == "grid":
        rows, columns = (DEFAULT_LINES if n is None else n for n in (wish.rows, wish.columns))
        return grid(rows, columns, wish.seed)
    signals = DEFAULT_SIGNALS if wish.signals is None else wish.signals
    return {"arterial": arterial, "town": town}[wish.kind](signals, wish.seed)


def generate(wish: Wish, out: Path, progress: Progress | None = None) -> Built:
    """Write a made-up scenario; nothing is written unless all of it could be built.

    Parameters
    ----------
    wish
        What to build.
    out
        Folder for ``<name>.sumocfg``, ``<name>.net.xml`` and ``<name>.rou.xml``.
    progress
        Called with what is done, how far, and out of how many.

    Raises
    ------
    ScenarioError
        If the wish is impossible or the files cannot be written.
    SimulationError
        If SUMO's netconvert is missing or fails.
    """

    def run(command: Sequence[str], work: Path) -> str:
        return run_process(command, work, CONVERT_TIMEOUT_S)

    layout = layout_of(wish)
    with output_folder(out) as folder:
        built = build(
            layout,
            folder,
            run,
            saturation=wish.saturation,
            volume_vph=wish.volume_vph,
            pedestrians=wish.pedestrians,
            buses_s=wish.buses_s,
            progress=progress,
        )
    return replace(
        built,
        config_file=out / built.config_file.name,
        net_file=out / built.net_file.name,
        route_file=out / built.route_file.name,
    )


def generate_scenario(wish: Wish, out: Path) -> None:
    """Carry out ``throughband generate``."""
    with Teller(1) as teller:
        teller.step("draw streets, have SUMO build them, send traffic over them")
        built = generate(wish, out, teller.tell)
        teller.say(
            f"{built.signals} signals, {built.links} links, {built.vehicles} vehicles in an hour; "
            f"in the busiest quarter of it signal {built.busiest} is used to "
            f"{built.saturation:.0%} of its capacity"
        )
        if wish.volume_vph is None and built.saturation < wish.saturation - NOTICED:
            teller.say("a corner without a signal, or a road into town, is full before that signal")
        if built.saturation > 1.0:
            teller.say("that is more than it can carry; lower --volume or --saturation")
        teller.say(f"Scenario: {built.config_file}")
