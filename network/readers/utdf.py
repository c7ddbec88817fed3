"""Synchro's UTDF: a combined file, or the five files of versions before 2006.

The combined file (2006 and later) holds sections Network, Nodes, Links, Lanes, Timeplans and
Phases. The older form is a folder with LAYOUT.CSV, LANES.CSV, PHASING.CSV, TIMING.CSV and
VOLUME.CSV. Both are read into one `Inventory`, in SI units.

Source: Synchro Studio 11 User Guide, chapter "UTDF, Combined Format" (Cubic ITS, 2019), and the
older forms as PTV Visum and NeXTA read and write them.
"""

from __future__ import annotations

from pathlib import Path

from network.inventory import Inventory, Turn
from network.readers.utdf_combined import read_combined
from network.readers.utdf_folder import FILES, read_folder
from network.readers.utdf_lanes import FEET, LANE_RECORDS, METERS, Scale
from network.readers.utdf_links import LINK_RECORDS, read_layout
from network.readers.utdf_phases import PHASE_RECORDS
from network.readers.utdf_signals import PLAN_RECORDS, read_controllers
from network.readers.utdf_tables import Sheet, Tables

MOST_FLOW_VPHPL = 2400.0
"""No lane discharges more in an hour of green: the highest saturation flows measured at signals
and the capacity of a freeway lane (HCM 7th edition, exhibits 12-4 and 19-8) lie below."""
NEWEST_VERSION = 8


def read_utdf(path: Path) -> Inventory:
    """Read a street from Synchro's UTDF.

    Parameters
    ----------
    path
        A combined CSV file, or a folder of the older five files, or any one of these five.

    Returns
    -------
    Inventory
        In SI units, links named ``from>to``. Its findings say what was ignored, completed or
        cannot be; impossible values are kept as they are.

    Raises
    ------
    FormatError
        If the source is not UTDF or contradicts itself; the message names file, line, record
        and column, what was found and what is allowed.
    """
    path = Path(path)
    older = path.is_dir() or path.name.upper() in FILES
    tables = read_folder(path if path.is_dir() else path.parent) if older else read_combined(path)
    layout = read_layout(tables, _scale(tables))
    controllers = read_controllers(tables, layout.nodes)
    _note_impossible(tables, layout.turns)
    _note_ignored(tables)
    return Inventory(
        path.name if path.is_dir() else path.parent.name if older else path.stem,
        layout.nodes,
        layout.links,
        layout.turns,
        layout.crossings,
        controllers,
        layout.detectors,
        tuple(dict.fromkeys(tables.findings)),
    )


def _scale(tables: Tables) -> Scale:
    metric = tables.settings.get("metric")
    unit = None if metric is None else metric.whole("DATA", 0, 1)
    if unit is None:
        tables.findings.append("The units are not given (Metric); feet and mph were taken.")
    version = tables.settings.get("utdfversion")
    number = None if version is None else version.number("DATA", 0, 1000)
    if number is not None and number > NEWEST_VERSION:
        tables.findings.append(
            f"UTDF version {number:g} is newer than {NEWEST_VERSION}, the newest known here."
        )
    return METERS if unit == 1 else FEET


def _note_impossible(tables: Tables, turns: tuple[Turn, ...]) -> None:
    for turn in turns:
        for what, value in (
            ("peak hour factor", turn.peak_hour_factor),
            ("share of heavy vehicles", turn.heavy_share),
        ):
            if value is not None and value > 1.0:
                tables.findings.append(
                    f"Turn {turn.turn_id} has a {what} of {value:g}, over 1; it was kept as it is."
                )
        volume = turn.volume_vph or 0.0
        lanes = len(turn.lanes)
        if volume > MOST_FLOW_VPHPL * lanes:
            tables.findings.append(
                f"Turn {turn.turn_id} ({turn.kind.name.lower().replace('_', '-')}) at "
                f"{turn.node_id} carries {volume:g} veh/h on {lanes} lanes, over any saturation "
                f"flow ({MOST_FLOW_VPHPL:g} veh/h and lane); it was kept as it is."
            )


def _note_ignored(tables: Tables) -> None:
    plans: Sheet = {}
    for node, by_plan in tables.plans.items():
        for plan_id, settings in by_plan.items():
            plans[f"{node} {plan_id}"] = settings
    if any(record.text("CBD") for record in tables.nodes):
        tables.findings.append("Column CBD of [Nodes] was not used.")
    for title, sheet, read in (
        ("Links", tables.links, LINK_RECORDS),
        ("Lanes", tables.lanes, LANE_RECORDS),
        ("Timeplans", plans, PLAN_RECORDS | {"split"}),
        ("Phases", tables.phases, PHASE_RECORDS),
    ):
        names: dict[str, str] = {}
        for records in sheet.values():
            for key, record in records.items():
                if key not in read and key not in names:
                    used = [c for c, _ in record.filled() if c not in ("RECORDNAME", "INTID")]
                    if used:
                        names[key] = record.name
        if names:
            listed = ", ".join(name[:40] for name in list(names.values())[:60])
            tables.findings.append(f"Records of [{title}] that were not used: {listed}.")
