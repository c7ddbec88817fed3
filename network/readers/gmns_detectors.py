"""Detectors of a GMNS folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from network.inventory_signals import Detector
from network.readers.gmns_extras import read_extras
from network.readers.gmns_phases import MOST_PHASES
from network.readers.gmns_streets import Streets
from network.readers.gmns_tables import Row, Table
from network.readers.gmns_units import Units

KINDS: Final = ("presence", "pulse", "count")


def read_detectors(
    tables: Mapping[str, Table], units: Units, streets: Streets, controllers: Mapping[str, Row]
) -> tuple[Detector, ...]:
    """Read the signal_detector table.

    Parameters
    ----------
    tables, units, streets
        What was read before.
    controllers
        Rows of the controllers by name.

    Returns
    -------
    tuple[Detector, ...]
        Zones lie upstream where front and back are negative, as in the sample of the
        specification, or where the back is the greater of the two.

    Raises
    ------
    FormatError
        If a row names what does not exist.
    """
    nodes = frozenset(node.node_id for node in streets.nodes)
    return tuple(
        _detector(row, nodes, units, streets, controllers) for row in tables["signal_detector"]
    )


def _detector(
    row: Row, nodes: frozenset[str], units: Units, streets: Streets, controllers: Mapping[str, Row]
) -> Detector:
    row.need_known("controller_id", controllers, "controller")
    name = row.need_known("link_id", streets.ways, "link that carries traffic")
    link = streets.way(name, row.need_known("ref_node_id", nodes, "node"), True)
    if link is None:
        raise row.fault("ref_node_id", f"the node at the end of link {name}")
    lanes = streets.lanes[link.link_id]
    numbers = row.numbers("opt_lanes", 0, 64)
    if not set(numbers) <= set(lanes.stop.values()):
        raise row.fault("opt_lanes", f"lanes of the link: {sorted(lanes.stop.values())}")
    unit = units.short_m
    at = row.number("det_zone_lr", -1e6, 1e6, unit)
    front = row.decimal("det_zone_front", -1e6, 1e6, unit)
    back = row.decimal("det_zone_back", -1e6, 1e6, unit)
    if front is None or back is None:
        row.note("det_zone_front", "a zone without front or back; a point at det_zone_lr taken")
        front_m, length_m = abs(at or 0.0), 0.0
    elif back <= front:
        # Upstream is negative here, as in the sample of the specification.
        front_m, length_m = float(-front), float(front - back)
    else:
        front_m, length_m = float(front), float(back - front)
    kind = row.text("det_type").lower()
    if kind and kind not in KINDS:
        row.note("det_type", f"found {kind[:20]!r}; known are {', '.join(KINDS)}")
    return Detector(
        row.text("detector_id"),
        link.link_id,
        numbers or lanes.between(row, "start_lane", "end_lane", False),
        row.need_whole("signal_phase_num", 0, MOST_PHASES) or None,
        front_m,
        length_m,
        kind if kind in KINDS else "",
        **read_extras(row, Detector),
    )
