"""Write Synchro's UTDF: the combined file of 2006 and later, or the five files before it."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from network.errors import FormatError
from network.files import replace_file
from network.inventory import Inventory, NodeKind
from network.inventory_signals import ControlKind, ReferencePoint
from network.readers.utdf_columns import COMPASS, MOVES, TITLES
from network.readers.utdf_folder import NEIGHBORS
from network.readers.utdf_lanes import FEET, METERS
from network.writers.utdf_cells import clean, number, row, seconds
from network.writers.utdf_draft import Draft, Leg, draft
from network.writers.utdf_lanes import (
    Rows,
    lane_columns,
    lane_rows,
    link_columns,
    link_rows,
    node_rows,
)
from network.writers.utdf_signals import (
    Timing,
    note_plan,
    phase_columns,
    phase_rows,
    plan_rows,
    reference_code,
    timings,
)

NODE_HEADER = (
    *("INTID", "TYPE", "X", "Y", "Z", "DESCRIPTION", "CBD"),
    *("Inside Radius", "Outside Radius", "Roundabout Lanes", "Circle Speed"),
)
SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("yellowTime", "3.5", "3.5"),
    ("allRedTime", "1.0", "1.0"),
    ("Walk", "7.0", "7.0"),
    ("DontWalk", "11.0", "11.0"),
    ("HV", "0.02", "0.02"),
    ("PHF", "0.92", "0.92"),
    ("DefWidth", "12", "3.6"),
    ("DefFlow", "1900", "1900"),
    ("vehLength", "25", "7.5"),
    ("heavyvehlength", "45", "13.5"),
    ("criticalgap", "4.5", "4.5"),
    ("followuptime", "2.5", "2.5"),
    ("stopthresholdspeed", "5.0", "8.0"),
    ("criticalmergegap", "3.7", "3.7"),
    ("growth", "1.00", "1.00"),
    ("PedSpeed", "3.5", "1.1"),
    ("LostTimeAdjust", "0.0", "0.0"),
)
"""Synchro's own defaults for what the sheets leave open, in US and metric units."""


def write_utdf(path: Path, inventory: Inventory, *, metric: bool = False) -> tuple[str, ...]:
    """Write a combined UTDF file of version 8.

    Parameters
    ----------
    path
        Where to; what is there is replaced whole or not at all.
    inventory
        The street.
    metric
        Whether in meters and km/h rather than feet and mph.

    Returns
    -------
    tuple of str
        One sentence for each kind of thing that UTDF cannot hold and that was dropped or
        changed, with places. Lengths, speeds and flows are kept to a millionth of the
        file's unit.

    Raises
    ------
    FormatError
        If a value is not a number a file can hold, or the file cannot be written.
    """
    path = Path(path)
    scale = METERS if metric else FEET
    made = draft(inventory)
    found = timings(made)
    links, lanes, phases = link_columns(made), lane_columns(made), phase_columns(found)
    network = [("UTDFVERSION", "8"), ("Metric", str(int(metric)))]
    network += [(name, other if metric else us) for name, us, other in SETTINGS]
    sheets: dict[str, tuple[Sequence[str], Iterable[Sequence[str]]]] = {
        "Network": (("RECORDNAME", "DATA"), network),
        "Nodes": (NODE_HEADER, node_rows(made, scale)),
        "Links": (("RECORDNAME", "INTID", *links), link_rows(made, scale, links)),
        "Lanes": (("RECORDNAME", "INTID", *lanes), lane_rows(made, scale, lanes, _holds(found))),
        "Timeplans": (("RECORDNAME", "INTID", "DATA"), plan_rows(made, found)),
        "Phases": (("RECORDNAME", "INTID", *phases), phase_rows(found, phases, times=True)),
    }
    parts = [
        f"[{name}]\n{TITLES[name]}\n" + _text([header, *rows])
        for name, (header, rows) in sheets.items()
    ]
    _write(path, "\n".join(parts))
    return made.dropped.sentences()


def write_utdf_folder(folder: Path, inventory: Inventory) -> tuple[str, ...]:
    """Write the five files of UTDF before 2006, in feet and mph.

    Parameters
    ----------
    folder
        Where to; made where it is missing. Each file is replaced whole or not at all.
    inventory
        The street.

    Returns
    -------
    tuple of str
        As `write_utdf` returns.

    Raises
    ------
    FormatError
        As `write_utdf` raises.
    """
    folder = Path(folder)
    made = draft(inventory)
    found = timings(made)
    lanes, phases = lane_columns(made), phase_columns(found)
    _note_older(made, found)
    lanes = _with_ahead(made, lanes)
    moves = [column for column in lanes if column not in ("PED", "HOLD")]
    plain = _plain(made)
    measured = [node for node in made.legs if node not in plain]
    groups = lane_rows(made, FEET, lanes, _holds(found), measured) + _plain_rows(made, lanes, plain)
    files = {
        "LAYOUT.CSV": "Layout Data\n" + _text(_layout(made)),
        "LANES.CSV": "Lane Group Data\n" + _text([("RECORDNAME", "INTID", *lanes), *groups]),
        "PHASING.CSV": "Phasing Data\n"
        + _text([("RECORDNAME", "INTID", *phases), *phase_rows(found, phases, times=False)]),
        "TIMING.CSV": "Timing Plans\n" + _text(_timing(made, found, len(phases))),
        "VOLUME.CSV": "Turning Movement Count\n60 Minute Counts\n"
        + _text(_volumes(lanes, moves, groups)),
    }
    _write_all(folder, files)
    return made.dropped.sentences()


def _holds(found: Sequence[Timing]) -> dict[str, str]:
    return {
        timing.node: " ".join(str(phase) for phase in timing.controller.hold_phases)
        for timing in found
        if timing.controller.hold_phases
    }


def _text(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _write(path: Path, text: str) -> None:
    try:
        replace_file(path, text)
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error


def _write_all(folder: Path, files: Mapping[str, str]) -> None:
    """Write files beside the folder first, so that a full disk leaves nothing by halves."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise FormatError(f"{folder}: cannot be written ({error.strerror or error})") from error
    try:
        for name, text in files.items():
            replace_file(part / name, text)
        folder.mkdir(exist_ok=True)
        for name in files:
            os.replace(part / name, folder / name)  # noqa: PTH105
    except OSError as error:
        raise FormatError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _note_older(made: Draft, found: Sequence[Timing]) -> None:
    dropped = made.dropped
    for legs in made.legs.values():
        for leg in legs:
            if not leg.void and leg.street.median_m is not None:
                dropped.add("Medians, which the older form lacks", leg.street.link_id)
            if not leg.void and leg.street.curve_m:
                dropped.add("Curves, which the older form lacks", leg.street.link_id)
    for timing in found:
        name, plan = timing.controller.controller_id, timing.plan
        note_plan(made, timing)
        if len(timing.nodes) > 1:
            dropped.add("Further intersections of a controller", name)
        if plan.reference is not ReferencePoint.LAST_GREEN:
            dropped.add("The event an offset refers to", name)
        recalled = all(phase.recall == "max" for phase in plan.phases)
        kind = ControlKind.COORDINATED if plan.reference_phases else ControlKind.ACTUATED
        if plan.control is not (ControlKind.PRETIMED if recalled else kind):
            dropped.add("How a controller runs its plan", name)
        if plan.reference_controller:
            dropped.add("Controllers whose offsets count from another's", name)
        if any(other.phases != plan.phases for other in timing.controller.plans):
            dropped.add("Phase times that change from plan to plan", name)


def _layout(made: Draft) -> Rows:
    sides = {direction: side for side, direction in NEIGHBORS.items()}
    order = list(NEIGHBORS)
    rows: Rows = [
        (
            *("INTID", "INTNAME", "TYPE", "X", "Y", "Z"),
            *(f"{side}ID" for side in order),
            *(f"{side}NAME" for side in order),
            *NODE_HEADER[7:],
        )
    ]
    for node in node_rows(made, FEET):
        legs = {sides[leg.direction]: leg for leg in made.legs[node[0]]}
        ids = [legs[side].up_node if side in legs else "" for side in order]
        names = [clean(legs[s].street.name, made.dropped) if s in legs else "" for s in order]
        rows.append((node[0], node[5], *node[1:5], *ids, *names, *node[7:]))
    return rows


def _plain(made: Draft) -> set[str]:
    """Return the outer ends and bends, whose lanes are counted per link."""
    return {
        made.numbers[node.node_id]
        for node in made.inventory.nodes
        if node.kind in (NodeKind.EXTERNAL, NodeKind.BEND)
        and not any(leg.turns for leg in made.legs[made.numbers[node.node_id]])
    }


def _with_ahead(made: Draft, columns: Sequence[str]) -> list[str]:
    """Add the through column of every link, where its length and speed stand."""
    ahead = {leg.direction + "T" for legs in made.legs.values() for leg in legs}
    every = [direction + move for direction in COMPASS for move in MOVES]
    return [c for c in every if c in columns or c in ahead] + ["PED", "HOLD"]


def _plain_rows(made: Draft, columns: Sequence[str], plain: set[str]) -> Rows:
    """Return lanes, length and speed of links into bends and outer ends."""
    feet, mph = FEET.length_m, FEET.speed_mps
    rows: Rows = []
    for node, legs in made.legs.items():
        driven = {leg.direction + "T": leg for leg in legs if not leg.void}
        if node not in plain:
            for leg in driven.values():
                if not leg.turns:
                    made.dropped.add("Lanes of links that lead to no turn", leg.street.link_id)
            continue
        rows += [
            row("Lanes", node, columns, {leg.direction + "T": str(len(leg.lanes)) for leg in legs}),
            row("Grade", node, columns, {c: _grade(leg) for c, leg in driven.items()}),
            row(
                "Speed",
                node,
                columns,
                {c: number(leg.street.speed_mps, mph) for c, leg in driven.items()},
            ),
            row(
                "Distance",
                node,
                columns,
                {c: number(leg.street.length_m, feet) for c, leg in driven.items()},
            ),
        ]
    return rows


def _grade(leg: Leg) -> str:
    return number(leg.street.grade_percent, signed=True)


def _timing(made: Draft, found: Sequence[Timing], count: int) -> Rows:
    columns = range(1, min(count, 16) + 1)
    header = ("PLANID", "INTID", *(f"S{n}" for n in columns), "CL", "OFF", "LD", "REF", "CLR")
    rows: Rows = [header]
    for timing in found:
        for plan in timing.controller.plans:
            splits = plan.splits_ds
            if any(phase > 16 for phase in splits):
                made.dropped.add("Splits of phases beyond 16", timing.controller.controller_id)
            rows.append(
                (
                    clean(plan.plan_id, made.dropped) or "1",
                    timing.node,
                    *(seconds(splits.get(n)) for n in columns),
                    seconds(plan.cycle_ds),
                    seconds(plan.offset_ds),
                    "",
                    reference_code(plan),
                    "",
                )
            )
    return rows


def _volumes(lanes: Sequence[str], moves: Sequence[str], groups: Rows) -> Rows:
    rows: Rows = [("DATE", "TIME", "INTID", *moves)]
    for record in groups:
        if record[0] == "Volume":
            cells = dict(zip(lanes, record[2:], strict=True))
            rows.append(("01/01/2000", "0000", record[1], *(cells[move] for move in moves)))
    return rows
