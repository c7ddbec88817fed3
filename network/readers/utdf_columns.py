"""Names of UTDF's sections, columns and records, as its versions spell them."""

from __future__ import annotations

import re
from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "Network": "Network Settings",
    "Nodes": "Node Data",
    "Links": "Link Data",
    "Lanes": "Lane Group Data",
    "Timeplans": "Timing Plan Settings",
    "Phases": "Phasing Data",
}
"""Sections in their usual order, and the title line Synchro puts below each."""
COMPASS: Mapping[str, int] = {
    "NB": 0,
    "SB": 180,
    "EB": 90,
    "WB": 270,
    "NE": 45,
    "NW": 315,
    "SE": 135,
    "SW": 225,
}
"""Columns of the link sheet and the heading of their traffic, degrees clockwise from north."""
MOVES = ("U", "L2", "L", "T", "R", "R2")
"""Endings of the lane group columns from the driver's left to his right."""
ONLY_PLAN = "1"
"""Name of the plan of a combined file, which holds one and names none."""

_LANE_COLUMN = re.compile(r"(NB|SB|EB|WB|NE|NW|SE|SW)(U|L2|L|T|R|R2)|PED|HOLD")
_PHASE_COLUMN = re.compile(r"D([1-9]\d?)")
ALLOWED: Mapping[str, str] = {
    "Links": "NB, SB, EB, WB, NE, NW, SE and SW",
    "Lanes": "a direction with U, L2, L, T, R or R2 (NBL, SWR2), PED and HOLD",
    "Phases": "D1, D2 and so on",
    "Timeplans": "DATA",
    "Network": "DATA",
    "VOLUME": "DATE, TIME and directions with U, L2, L, T, R or R2 (NBL, SWR2)",
}
"""Columns of sheets that are unreadable with one more, said for a message."""
_SIDES = ("N", "S", "E", "W", "NE", "NW", "SE", "SW")
_NODE_COLUMNS = {"TYPE", "X", "Y", "Z", "DESCRIPTION", "INTNAME", "CBD"} | {
    *("INSIDERADIUS", "OUTSIDERADIUS", "ROUNDABOUTLANES", "CIRCLESPEED")
}
_NAMED = {
    "Nodes": _NODE_COLUMNS,
    "LAYOUT": _NODE_COLUMNS | {side + what for side in _SIDES for what in ("ID", "NAME")},
    "TIMING": {"PLANID", "CL", "OFF", "LD", "REF", "CLR", "DATE", "TIME"}
    | {f"S{number}" for number in range(1, 17)},
}
"""Columns of sheets that have one row per thing, so that an unknown one does no harm."""


def is_known(column: str, kind: str) -> bool:
    """Tell whether a sheet may have a column of that name, in capitals and without blanks."""
    if column in ("RECORDNAME", "INTID"):
        return True
    if kind in _NAMED:
        return column in _NAMED[kind]
    if kind == "Links":
        return column in COMPASS
    if kind in ("Lanes", "VOLUME") and _LANE_COLUMN.fullmatch(column):
        return True
    if kind == "Phases":
        return _PHASE_COLUMN.fullmatch(column) is not None
    return column in ("DATE", "TIME") if kind == "VOLUME" else column == "DATA"


def key_of(name: str) -> str:
    """Fold a record or column name, which versions write with and without spaces."""
    return re.sub(r"[\s_]+", "", name).casefold()
