"""Write a street inventory as a folder of GMNS tables, version 0.96.

What GMNS has no column for goes into columns named ``opt_...``, which its users are free to add and
its readers skip; `network.readers.gmns` reads them back, so that reading a written folder gives the
same inventory, and writing that the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from network.errors import FormatError
from network.files import replace_file
from network.inventory import Inventory, LaneUse, NodeKind
from network.readers.gmns_extras import number_text, write_extras
from network.readers.gmns_forms import FORMS
from network.readers.gmns_tables import LIST_SEPARATOR
from network.readers.gmns_units import LOCAL_CRS
from network.writers.gmns_lanes import CONTROLS, USES, lane_sheets, movement_sheet, number_lanes
from network.writers.gmns_sheet import SYSTEMS, Sheet, System, measured, named
from network.writers.gmns_signals import signal_sheets

VERSION: Final = "0.96"
_DEFINITIONS: Final = (
    ("car", "1.5", "1"),
    ("truck", "1", "2"),
    ("bus", "10", "2"),
    ("bike", "1", "0.5"),
    ("walk", "1", "0"),
    ("parking", "0", "0"),
)


def write_gmns(
    folder: Path, inventory: Inventory, units: Literal["si", "us"] = "si"
) -> tuple[str, ...]:
    """Write a GMNS folder; it is there whole or not at all.

    Parameters
    ----------
    folder
        Where to. An empty folder or one that holds only GMNS tables is replaced.
    inventory
        What to write. Equal inventories give equal bytes.
    units
        ``si`` for meter, kilometer and km/h, ``us`` for foot, mile and mph.

    Returns
    -------
    tuple[str, ...]
        What could not be written, one sentence each. Findings of an import are not written.

    Raises
    ------
    FormatError
        If a name or number has no place in a table, or the folder cannot be written.
    """
    dropped: list[str] = []
    system = SYSTEMS[units]
    numbered = {link.link_id: number_lanes(link.lanes) for link in inventory.links}
    movements, rows_of = movement_sheet(inventory, numbered, dropped)
    sheets = [
        _config(inventory.name, system),
        *_uses(),
        _nodes(inventory, system),
        _links(inventory, system, dropped),
        *lane_sheets(inventory, system, numbered),
        movements,
        *signal_sheets(inventory, system.short_m, numbered, rows_of, dropped),
    ]
    needed = ("config", "node", "link")
    _save(
        Path(folder),
        {sheet.name: sheet.text() for sheet in sheets if len(sheet) or sheet.name in needed},
    )
    return tuple(dict.fromkeys(dropped))


def _config(name: str, system: System) -> Sheet:
    sheet = Sheet("config", ("dataset_name", "short_length", "long_length", "speed", "crs"))
    sheet.add(
        {
            "dataset_name": named(name, "the name"),
            "short_length": system.short,
            "long_length": system.long,
            "speed": system.speed,
            "crs": LOCAL_CRS,
            "geometry_field_format": "wkt",
            "version_number": VERSION,
            "id_type": "string",
        }
    )
    return sheet


def _uses() -> tuple[Sheet, Sheet]:
    definitions = Sheet("use_definition", ("use", "persons_per_vehicle", "pce"))
    for use, persons, equivalent in _DEFINITIONS:
        definitions.add({"use": use, "persons_per_vehicle": persons, "pce": equivalent})
    groups = Sheet("use_group", ("use_group", "uses"))
    groups.add({"use_group": "auto", "uses": "car, truck, bus"})
    return definitions, groups


def _nodes(inventory: Inventory, system: System) -> Sheet:
    sheet = Sheet(
        "node",
        (
            "node_id",
            "name",
            "x_coord",
            "y_coord",
            "z_coord",
            "node_type",
            "ctrl_type",
            "parent_node_id",
        ),
    )
    own = (NodeKind.EXTERNAL, NodeKind.ROUNDABOUT, NodeKind.BEND)
    for node in inventory.nodes:
        sheet.add(
            {
                "node_id": named(node.node_id, "the node"),
                "name": named(node.name, "the name"),
                "x_coord": number_text(node.x_m),
                "y_coord": number_text(node.y_m),
                "z_coord": measured(node.z_m, system.short_m),
                "node_type": node.kind.value if node.kind in own else "intersection",
                "ctrl_type": CONTROLS.get(node.kind, "none"),
                "parent_node_id": node.parent_node,
                **write_extras(node),
            }
        )
    return sheet


def _links(inventory: Inventory, system: System, dropped: list[str]) -> Sheet:
    sheet = Sheet(
        "link",
        (
            "link_id",
            "name",
            "from_node_id",
            "to_node_id",
            "directed",
            "geometry",
            "dir_flag",
            "length",
            "grade",
            "facility_type",
            "free_speed",
            "lanes",
            "allowed_uses",
        ),
    )
    for link in inventory.links:
        whole = [lane for lane in link.lanes if lane.storage_m is None]
        points = ", ".join(f"{number_text(x)} {number_text(y)}" for x, y in link.shape_m)
        motor = sum(lane.use in (LaneUse.GENERAL, LaneUse.BUS) for lane in whole)
        sheet.add(
            {
                "link_id": named(link.link_id, "the link"),
                "name": named(link.name, "the name"),
                "from_node_id": link.from_node,
                "to_node_id": link.to_node,
                "directed": "true",
                "geometry": f"LINESTRING({points})" if points else "",
                "dir_flag": "1" if points else "0",
                "length": measured(link.length_m, system.long_m),
                "grade": "" if link.grade_percent is None else number_text(link.grade_percent),
                "free_speed": measured(link.speed_mps, system.speed_mps),
                "lanes": str(motor),
                "allowed_uses": ",".join(sorted({USES[lane.use] for lane in whole})),
                **write_extras(link),
            }
        )
    streets = {link.link_id for link in inventory.links}
    for crossing in inventory.crossings:
        name = crossing.crossing_id
        if name in streets:
            dropped.append(f"crossing {name!r} is left out: a link has the same name")
            continue
        start, end = crossing.ends or (crossing.node_id, crossing.node_id)
        sheet.add(
            {
                "link_id": named(name, "the crossing"),
                "from_node_id": start,
                "to_node_id": end,
                "directed": "false",
                "dir_flag": "0",
                "length": measured(crossing.length_m, system.long_m),
                "facility_type": "CROSSWALK",
                "allowed_uses": "walk",
                "opt_node_id": crossing.node_id,
                "opt_crosses": LIST_SEPARATOR.join(crossing.links),
            }
        )
    return sheet


def _save(folder: Path, tables: Mapping[str, str]) -> None:
    """Put the tables in place of what was there, in one step."""
    if folder.exists():
        try:
            strange = sorted(
                path.name
                for path in folder.iterdir()
                if path.suffix != ".csv" or path.stem not in FORMS
            )
        except OSError as error:
            raise FormatError(f"{folder}: cannot be read ({error.strerror or error})") from error
        if strange:
            raise FormatError(
                f"{folder}: holds {strange[0]}; allowed is a new folder, or one of GMNS tables only"
            )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
            made, old = Path(place) / "new", Path(place) / "old"
            made.mkdir()
            for name, text in tables.items():
                replace_file(made / f"{name}.csv", text)
            if folder.exists():
                folder.rename(old)
            try:
                made.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
    except OSError as error:
        raise FormatError(f"{folder}: cannot be written ({error.strerror or error})") from error
    except UnicodeEncodeError as error:
        raise FormatError(f"{folder}: cannot hold a name ({error})") from error
