"""Read a network with its signals from a folder of GMNS tables.

The General Modeling Network Specification describes a network as CSV tables: nodes, links, lanes,
pockets on segments of links, movements, crosswalks, controllers, timing plans, phases and
detectors. Versions 0.92 to 0.96 are read, and the older way of naming a movement's phase by
controller and number. `network.readers.gmns_phases` documents how phases find their controllers,
`network.readers.gmns_lanes` how lanes are numbered, `network.readers.gmns_plans` how clearances
become yellow and red.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from network.graph import movement_id
from network.inventory import Inventory, Turn, TurnKind
from network.readers.gmns_extras import read_extras
from network.readers.gmns_phases import Target
from network.readers.gmns_signals import read_signals
from network.readers.gmns_streets import Streets, read_streets
from network.readers.gmns_tables import Findings, Row, Table, read_tables
from network.readers.gmns_units import read_units

KINDS = {
    "left": TurnKind.LEFT,
    "right": TurnKind.RIGHT,
    "thru": TurnKind.THROUGH,
    "uturn": TurnKind.U_TURN,
    "merge": TurnKind.THROUGH,
    "diverge": TurnKind.THROUGH,
}
"""The types of movements; merging and diverging traffic goes on ahead."""


def read_gmns(folder: Path) -> Inventory:
    """Read a GMNS folder.

    Parameters
    ----------
    folder
        A folder with at least ``node.csv`` and ``link.csv``.

    Returns
    -------
    Inventory
        Movements between the same two links are one turn. Links open to both directions are two,
        the second one named ``<link>_back``. Links that people cross the street on are crossings.
        Findings say what was ignored, assumed or cannot be.

    Raises
    ------
    FormatError
        If a table is missing, cannot be read, contradicts itself or names what does not exist;
        the message names file, row, column, what was found and what is allowed.
    """
    folder = Path(folder)
    findings = Findings()
    tables = read_tables(folder, findings)
    units = read_units(folder, tables["config"], findings)
    streets = read_streets(tables, units, findings)
    turns, targets = _turns(tables["movement"], streets, findings)
    signals = read_signals(tables, units, streets, turns, targets, findings)
    served = {
        name: replace(
            turn,
            protected_phases=signals.turn_phases.get(name, ((), ()))[0],
            permitted_phases=signals.turn_phases.get(name, ((), ()))[1],
            right_on_red=True if name in signals.right_on_red else turn.right_on_red,
        )
        for name, turn in turns.items()
    }
    crossings = tuple(
        replace(crossing, phases=signals.crossing_phases.get(name, ()))
        for name, crossing in streets.crosswalks.items()
    )
    return Inventory(
        units.name,
        streets.nodes,
        tuple(streets.links.values()),
        tuple(served.values()),
        crossings,
        signals.controllers,
        signals.detectors,
        findings.sentences(),
    )


@dataclass(slots=True)
class _Turn:
    """A turn while the movements that make it up are read."""

    node: str
    from_link: str
    to_link: str
    kind: TurnKind
    lanes: set[int] = field(default_factory=set)
    to_lanes: set[int] = field(default_factory=set)
    saturation_vph: float | None = None
    right_on_red: bool | None = None
    extras: dict[str, Any] = field(default_factory=dict)


def _turns(
    table: Table, streets: Streets, findings: Findings
) -> tuple[dict[str, Turn], dict[tuple[str, str], Target]]:
    """Read the movement table; return turns, and what a signal phase may name."""
    if not table.rows:
        findings.say("movement.csv is missing or empty: no turns are known")
    nodes = {node.node_id for node in streets.nodes}
    made: dict[str, _Turn] = {}
    targets: dict[tuple[str, str], Target] = {
        ("link_id", name): Target(name, crossing.node_id, True)
        for name, crossing in streets.crosswalks.items()
    }
    for row in table:
        movement, node = row.text("mvmt_id"), row.need_known("node_id", nodes, "node")
        turn = _movement(row, node, streets, made)
        name = "" if turn is None else movement_id(turn.from_link, turn.to_link)
        targets["mvmt_id", movement] = Target(name, node if name else "", False)
    return {name: _finished(turn) for name, turn in made.items()}, targets


def _movement(row: Row, node: str, streets: Streets, made: dict[str, _Turn]) -> _Turn | None:
    """Add one movement to the turn it belongs to."""
    kind = KINDS.get(row.need("type").lower())
    if kind is None:
        raise row.fault("type", ", ".join(KINDS))
    ends = []
    for column, inbound in (("ib_link_id", True), ("ob_link_id", False)):
        name = row.need_known(column, streets.ways, "link that carries traffic")
        way = streets.way(name, node, inbound)
        if way is None:
            found = f"link {name} does not {'end' if inbound else 'begin'} at node {node}"
            row.note(column, f"{found}; the movement is left out")
            return None
        ends.append(way.link_id)
    from_link, to_link = ends
    lanes = streets.lanes[from_link].between(row, "start_ib_lane", "end_ib_lane", False)
    if not lanes:
        row.note("start_ib_lane", "no lanes given")
    to_lanes = tuple(
        row.numbers("opt_to_lanes", 0, 64)
        or streets.lanes[to_link].between(row, "start_ob_lane", "end_ob_lane", True)
    )
    turn = made.setdefault(movement_id(from_link, to_link), _Turn(node, from_link, to_link, kind))
    if turn.kind is not kind:
        row.note("type", "another type than an earlier movement between the same links; ignored")
    turn.lanes |= set(lanes)
    turn.to_lanes |= set(to_lanes)
    capacity = row.number("capacity", 0, 1e6)
    if capacity is not None:
        turn.saturation_vph = (turn.saturation_vph or 0.0) + capacity
    if row.text("ctrl_type").lower() == "signal_with_rtor" and kind is TurnKind.RIGHT:
        turn.right_on_red = True
    for name, value in read_extras(row, Turn).items():
        turn.extras.setdefault(name, value)
    return turn


def _finished(turn: _Turn) -> Turn:
    values: Mapping[str, Any] = {"right_on_red": turn.right_on_red, **turn.extras}
    return Turn(
        movement_id(turn.from_link, turn.to_link),
        turn.node,
        turn.from_link,
        turn.to_link,
        turn.kind,
        tuple(sorted(turn.lanes)),
        tuple(sorted(turn.to_lanes)),
        saturation_vph=turn.saturation_vph,
        **values,
    )
