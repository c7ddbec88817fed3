"""The five files of UTDF before 2006, brought into the sheets of the combined form.

LAYOUT.CSV names each intersection's neighbors by compass, LANES.CSV and PHASING.CSV are the later
sheets of the same kind, TIMING.CSV gives a row per plan and intersection (splits S1 to S8, cycle
CL, offset OFF, reference REF), VOLUME.CSV counts per interval.

Sources: PTV Visum 2024 manual, "Notes on UTDF data" (headers); the writer of NeXTA, function
``ExportSynchroVersion6Files``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from network.errors import FormatError
from network.readers.utdf_columns import COMPASS, MOVES, key_of
from network.readers.utdf_tables import (
    Record,
    Row,
    Sheet,
    Tables,
    add_record,
    header_of,
    record_of,
    require_few_nodes,
    rows_of,
)
from network.readers.utdf_volume import put_volumes

FILES = ("LAYOUT.CSV", "LANES.CSV", "PHASING.CSV", "TIMING.CSV", "VOLUME.CSV")
NEIGHBORS = {
    "N": "SB",
    "S": "NB",
    "E": "WB",
    "W": "EB",
    "NE": "SW",
    "NW": "SE",
    "SE": "NW",
    "SW": "NE",
}
"""Where a neighbor lies, and the column of the traffic that comes from there."""
EXTERNAL, BEND = "1", "2"
MOST_SPLITS = 16


def read_folder(folder: Path) -> Tables:
    """Take the older five files apart.

    Parameters
    ----------
    folder
        Where they lie, under their usual names in capital or small letters. LAYOUT.CSV and
        LANES.CSV must be there; without the others, timing or traffic is missing.

    Returns
    -------
    Tables
        Sheets as of a combined file.

    Raises
    ------
    FormatError
        If a file is missing or malformed.
    """
    tables = Tables(folder)
    try:
        found = {entry.name.upper(): entry for entry in sorted(folder.iterdir())}
    except OSError as error:
        raise FormatError(f"{folder}: cannot be read ({error.strerror or error})") from error
    paths = {name: found[name] for name in FILES if name in found}
    for name in FILES[:2]:
        if name not in paths:
            raise FormatError(f"{folder}: without {name}, which the five-file form of UTDF needs")
    missing = [name for name in FILES if name not in paths]
    if missing:
        tables.findings.append(f"Not in the folder: {', '.join(missing)}.")
    _read_layout(tables, paths["LAYOUT.CSV"])
    _, lane_rows, columns = _sheet_rows(tables, paths["LANES.CSV"], "RECORDNAME", "Lanes")
    lanes: Sheet = {}
    for row in lane_rows:
        record = record_of(paths["LANES.CSV"], row, columns, "Lanes")
        add_record(lanes.setdefault(record.node, {}), record)
    _share_out(tables, lanes)
    if "PHASING.CSV" in paths:
        path = paths["PHASING.CSV"]
        _, rows, columns = _sheet_rows(tables, path, "RECORDNAME", "Phases")
        for row in rows:
            record = record_of(path, row, columns, "Phases")
            add_record(tables.phases.setdefault(record.node, {}), record)
    if "TIMING.CSV" in paths:
        _read_timing(tables, paths["TIMING.CSV"])
    if "VOLUME.CSV" in paths:
        path = paths["VOLUME.CSV"]
        titles, rows, columns = _sheet_rows(tables, path, "INTID", "VOLUME")
        put_volumes(tables, path, titles, [record_of(path, r, columns, "VOLUME") for r in rows])
    return tables


def _sheet_rows(
    tables: Tables, path: Path, needed: str, kind: str
) -> tuple[str, list[Row], dict[str, int]]:
    """Return the title lines, the rows below the header, and the header's columns."""
    rows = rows_of(path, tables.findings)
    titles: list[str] = []
    for at, row in enumerate(rows[:4]):
        names = {key_of(cell).upper() for cell in row.cells}
        if needed in names and "INTID" in names:
            return " ".join(titles), rows[at + 1 :], header_of(path, row, kind, tables.findings)
        titles.append(" ".join(row.cells))
    raise FormatError(
        f"{path}, line {rows[0].line if rows else 1}: not a UTDF sheet; expected a title and a "
        f"header with {needed} and INTID within its first lines"
    )


def _read_layout(tables: Tables, path: Path) -> None:
    _, rows, columns = _sheet_rows(tables, path, "INTID", "LAYOUT")
    for column in ("TYPE", "X", "Y"):
        if column not in columns:
            raise FormatError(f"{path}: LAYOUT has no column {column}")
    require_few_nodes(path, rows)
    tables.nodes = [record_of(path, row, columns, "LAYOUT") for row in rows]
    for node in tables.nodes:
        for suffix, name in (("ID", "Up ID"), ("NAME", "Name")):
            cells = {direction: node.text(side + suffix) for side, direction in NEIGHBORS.items()}
            # A neighbor 0 is none.
            cells = {d: text for d, text in cells.items() if text and (suffix, text) != ("ID", "0")}
            _put_link(tables, node, name, cells)


def _put_link(tables: Tables, source: Record, name: str, cells: Mapping[str, str]) -> None:
    if cells:
        columns = {direction: at for at, direction in enumerate(cells)}
        record = Record(source.path, source.line, name, source.node, tuple(cells.values()), columns)
        add_record(tables.links.setdefault(source.node, {}), record)


def _share_out(tables: Tables, lanes: Sheet) -> None:
    """Divide LANES.CSV between the link sheet and the lane sheet."""
    kinds = {node.node: node.text("TYPE") for node in tables.nodes}
    for node, records in lanes.items():
        legs = tables.links.get(node, {}).get("upid")
        directions = [d for d in COMPASS if legs is not None and legs.text(d)]
        plain = kinds.get(node) in (EXTERNAL, BEND)
        for key in ("distance", "speed", "grade", "lanes"):
            if key in records:
                cells = {d: _of_approach(records[key], d, key) for d in directions}
                # Elsewhere lane groups count, but for links that only lead away.
                groups = key == "lanes" and not plain
                cells = {d: t for d, t in cells.items() if t and (t == "0" or not groups)}
                _put_link(tables, records[key], records[key].name, cells)
        if plain:
            continue
        tables.lanes[node] = records
        if "destnode" not in records and legs is not None:
            by_compass = _destinations(records, legs, directions)
            if by_compass is not None:
                records["destnode"] = by_compass


def _of_approach(record: Record, direction: str, key: str) -> str:
    """Return an approach's value of a record that has a column per movement."""
    columns = [direction + move for move in ("T", *MOVES)]
    if key != "lanes":
        return next((text for c in columns if (text := record.text(c))), "")
    counts = [record.whole(column, 0, 20) for column in columns[1:]]
    found = [count for count in counts if count is not None]
    return str(sum(found)) if found else ""


def _destinations(
    records: Mapping[str, Record], legs: Record, directions: list[str]
) -> Record | None:
    """Work out by compass where movements lead, as versions before Dest Node left it open."""
    source = records.get("lanes", next(iter(records.values())))
    dests: dict[str, str] = {}
    for direction in directions:
        heading = COMPASS[direction]
        used = [
            move
            for move in MOVES
            if any(
                name in records and records[name].text(direction + move)
                for name in ("lanes", "volume", "phase1", "permphase1")
            )
        ]
        turns = {
            (COMPASS[other] + 180 - heading) % 360: legs.text(other)
            for other in directions
            if other != direction
        }
        dests.update({direction + move: leg for move, leg in _by_angle(used, turns).items() if leg})
        if "U" in used:
            dests[direction + "U"] = legs.text(direction)
    if not dests:
        return None
    columns = {column: at for at, column in enumerate(dests)}
    cells = tuple(dests.values())
    return Record(source.path, source.line, "Dest Node", source.node, cells, columns)


def _by_angle(used: list[str], turns: Mapping[int, str]) -> dict[str, str]:
    """Match movements with legs by the angle turned, degrees clockwise."""
    left = dict(turns)
    found: dict[str, str] = {}
    if "T" in used:
        ahead = min((a for a in left if min(a, 360 - a) <= 45), key=_bend, default=None)
        if ahead is not None:
            found["T"] = left.pop(ahead)
    for near, sharp, middle in (("L", "L2", 270), ("R", "R2", 90)):
        side = sorted(a for a in left if (a > 180) == (middle == 270))
        if near in used and sharp in used and len(side) > 1:
            # The second left or right is the sharper one.
            ends = (side[-1], side[0]) if middle == 270 else (side[0], side[-1])
            found[near], found[sharp] = left[ends[0]], left[ends[1]]
        elif side:
            only = near if near in used else sharp
            if only in used:
                found[only] = left[min(side, key=lambda a: abs(a - middle))]
    return found


def _bend(angle: int) -> int:
    return min(angle, 360 - angle)


def _read_timing(tables: Tables, path: Path) -> None:
    _, rows, columns = _sheet_rows(tables, path, "PLANID", "TIMING")
    if "CL" not in columns:
        raise FormatError(f"{path}: TIMING has no column CL")
    guessed = False
    for row in rows:
        record = record_of(path, row, columns, "TIMING")
        plan_id = record.text("PLANID")
        plans = tables.plans.setdefault(record.node, {})
        if plan_id in plans:
            raise record.bad("PLANID", f"a plan once for intersection {record.node}")
        settings = {
            key: _setting(record, column)
            for key, column in (("cyclelength", "CL"), ("offset", "OFF"))
        }
        reference = record.text("REF")
        if reference.isdigit():
            settings["referencephase"] = _setting(record, "REF")
        elif reference:
            tables.findings.append(
                f"{record.place('REF')}: {reference[:20]!r} was ignored; only phase numbers are "
                "understood."
            )
        if record.text("LD"):
            tables.findings.append("LD was ignored; phases stand in the order of their BRP.")
        splits = {f"D{n}": columns[f"S{n}"] for n in range(1, MOST_SPLITS) if f"S{n}" in columns}
        settings["split"] = replace(record, name="S", columns=splits)
        kind = _control_of(tables, record, bool(reference))
        settings["controltype"] = Record(path, row.line, "", record.node, (kind,), {"DATA": 0})
        guessed = True
        plans[plan_id] = settings
    if guessed:
        tables.findings.append(
            "The five-file form does not tell how a controller runs; where all phases are recalled "
            "to maximum it was taken to be pretimed, else actuated and coordinated if it has a "
            "reference phase."
        )


def _setting(record: Record, column: str) -> Record:
    at = record.columns.get(column, len(record.cells))
    return replace(record, name=column, columns={"DATA": at})


def _control_of(tables: Tables, record: Record, referenced: bool) -> str:
    recall = tables.phases.get(record.node, {}).get("recall")
    texts = [] if recall is None else [t for c, t in recall.filled() if c.startswith("D")]
    if texts and all(text == "3" for text in texts):
        return "0"
    return "3" if referenced and record.text("CL") else "1"
