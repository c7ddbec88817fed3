"""Detectors of UTDF's lane sheet."""

from __future__ import annotations

from network.inventory_signals import Detector
from network.readers.utdf_lanes import MOST_DETECTORS, Group, Scale
from network.readers.utdf_tables import Tables, number_in, whole_in
from network.units import tenths

FUNCTIONS = {
    "call": 1,
    "extend": 2,
    "queue": 4,
    "count": 8,
    "occupancy": 16,
    "yellow-lock": 32,
    "red-lock": 64,
    "passage": 128,
    "added-initial": 256,
}
"""Detector type is the sum of these flags."""


def read_detectors(
    tables: Tables, scale: Scale, node: str, link_id: str, group: Group
) -> list[Detector]:
    """Read the detectors in a group's own lanes, nearest to the stop line first."""
    sheet = tables.lanes[node]
    column = group.column
    if not group.own:
        return []
    phases = [whole_in(sheet, f"detectphase{nth}", column, 99) or 0 for nth in range(1, 5)]
    called = tuple(dict.fromkeys(phase for phase in phases if phase))
    count = whole_in(sheet, "numdetects", column, MOST_DETECTORS)
    found = []
    for nth in range(1, (count or 0) + 1):
        cell = {
            what: number_in(sheet, f"detect{what}{nth}", column)
            for what in ("pos", "size", "extend", "queue", "delay")
        }
        flags = whole_in(sheet, f"detecttype{nth}", column, 511) or 0
        functions = tuple(name for name, flag in FUNCTIONS.items() if flags & flag)
        counts_only = bool(functions) and not set(functions) - {"count", "occupancy"}
        times = [
            None if (v := cell[w]) is None else tenths(v) for w in ("extend", "delay", "queue")
        ]
        found.append(
            Detector(
                f"{node}:{column}:{nth}",
                link_id,
                group.own,
                called[0] if called else None,
                (cell["pos"] or 0.0) * scale.length_m,
                (cell["size"] or 0.0) * scale.length_m,
                "count" if counts_only else "pulse" if "passage" in functions else "presence",
                functions,
                called[1:],
                *times,
            )
        )
    first, last = (number_in(sheet, name, column) for name in ("firstdetect", "lastdetect"))
    if count is None and first is not None and called:
        # Versions before 2006 give only the zone from the first detector to the last.
        last = min(last or 0.0, first)
        place = (last * scale.length_m, (first - last) * scale.length_m)
        found.append(
            Detector(
                f"{node}:{column}:1",
                link_id,
                group.own,
                called[0],
                *place,
                "presence",
                (),
                called[1:],
            )
        )
    return found
