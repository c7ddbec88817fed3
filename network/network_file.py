"""Road networks on disk: signals to read, streets in tables.

Durations and lengths are in s and m; a shape lists x and y of its points in turn. A connection
names its foes by their rows in the table of connections, counted from 0; a foe that is no
connection of the network is given by name. Connections and movements that are named in the usual
way, after what they join, leave their name empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from network.documents import DocumentForm, read_document, without_collection, write_document
from network.errors import FormatError, TopologyError
from network.fields import Fields, place_in, shown
from network.graph import Connection, Link, Movement, RoadNetwork, Signal, movement_id
from network.signal_document import FARTHEST_M, read_signal, signal_document
from network.tables import (
    Column,
    are_lists,
    are_numbers,
    are_text,
    are_whole,
    number_column,
    rows_of,
    table_of,
    text_column,
    whole_column,
    wholes_column,
)

NETWORK_FORM = DocumentForm("throughband.network", "network file", 1, FormatError)

LONGEST_M = 1e7
FASTEST_MPS = 1e3
MOST_LANES = 100
MOST_GROUPS = 1000
MOST_ROWS = 10_000_000
"""Limits against slips of the pen, not opinions on streets."""

_KEYS = ("format", "version", "name", "signals", "links", "connections", "movements")


def _hold_shapes(cells: Sequence[Any]) -> bool:
    return (
        are_lists(cells)
        and not any(len(cell) % 2 for cell in cells)
        and are_numbers(list(chain.from_iterable(cells)), -FARTHEST_M, FARTHEST_M)
    )


def _hold_foes(cells: Sequence[Any]) -> bool:
    if not are_lists(cells):
        return False
    foes = list(chain.from_iterable(cells))
    names = [foe for foe in foes if type(foe) is str]
    return (
        are_whole([foe for foe in foes if type(foe) is not str], 0, MOST_ROWS)
        and all(names)
        and are_text(names)
        and all(len(set(cell)) == len(cell) for cell in cells)
    )


_FOES_ALLOWED = "are rows of connections, or names of others, each once"
LINK_COLUMNS = (
    text_column("link_id"),
    text_column("from_node"),
    text_column("to_node"),
    number_column("length_m", 1e-6, LONGEST_M),
    number_column("speed_mps", 1e-6, FASTEST_MPS),
    whole_column("lanes", 1, MOST_LANES),
    wholes_column("general_lanes", 0, MOST_LANES - 1),
    Column("shape_m", f"are x and y in turn, up to {FARTHEST_M:g} m", _hold_shapes),
)
CONNECTION_COLUMNS = (
    text_column("connection_id", empty=True),
    text_column("from_link"),
    whole_column("from_lane", 0, MOST_LANES - 1),
    text_column("to_link"),
    whole_column("to_lane", 0, MOST_LANES - 1),
    text_column("via_lane", empty=True),
    text_column("turn", empty=True),
    number_column("length_m", 0, LONGEST_M),
    number_column("speed_mps", 1e-6, FASTEST_MPS),
    number_column("wait_m", 0, LONGEST_M),
    wholes_column("groups", 0, MOST_GROUPS - 1),
    Column("foes", _FOES_ALLOWED, _hold_foes),
    Column("yields_to", _FOES_ALLOWED, _hold_foes),
)
MOVEMENT_COLUMNS = (
    text_column("signal_id"),
    text_column("movement_id", empty=True),
    text_column("from_link"),
    text_column("to_link"),
    text_column("turn", empty=True),
    wholes_column("connections", 0, MOST_ROWS),
)


def write_network(path: Path, network: RoadNetwork) -> None:
    """Write a network; equal networks give equal bytes.

    Parameters
    ----------
    path
        Where to; gzipped if it ends on ``.gz``.
    network
        What to write. `read_network` gives the same back.

    Raises
    ------
    FormatError
        If a name in it is not printable text, a connection of a signal is not one of the
        network, or the file cannot be written.
    """
    path = Path(path)
    with without_collection():
        body = _body(network)
        # What could not be read back must not be written.
        head = {"format": NETWORK_FORM.name, "version": NETWORK_FORM.version}
        if _network({**head, **body}, str(path)) != network:
            raise FormatError(
                f"{path}: network {network.name!r} cannot be written; a signal's connections are "
                "not those of the network"
            )
        write_document(path, NETWORK_FORM, body)


def read_network(path: Path) -> RoadNetwork:
    """Read a network.

    Parameters
    ----------
    path
        A file made by `write_network`, of this version or an older one, gzipped or not.

    Returns
    -------
    RoadNetwork

    Raises
    ------
    FormatError
        If the file is missing, damaged, of a newer version, or its parts do not fit together.
    """
    path = Path(path)
    with without_collection():
        return _network(read_document(path, NETWORK_FORM), str(path))


def _body(network: RoadNetwork) -> dict[str, object]:
    row_of = {c.connection_id: row for row, c in enumerate(network.connections)}
    return {
        "name": network.name,
        "signals": [signal_document(signal) for signal in network.signals.values()],
        "links": table_of(LINK_COLUMNS, (_link_row(link) for link in network.links.values())),
        "connections": table_of(
            CONNECTION_COLUMNS, (_connection_row(c, row_of) for c in network.connections)
        ),
        "movements": table_of(
            MOVEMENT_COLUMNS,
            (
                [
                    signal.signal_id,
                    _unless_usual(movement),
                    movement.from_link,
                    movement.to_link,
                    movement.turn,
                    [row_of.get(c.connection_id, -1) for c in movement.connections],
                ]
                for signal in network.signals.values()
                for movement in signal.movements
            ),
        ),
    }


def _link_row(link: Link) -> list[object]:
    return [
        link.link_id,
        link.from_node,
        link.to_node,
        float(link.length_m),
        float(link.speed_mps),
        link.lanes,
        list(link.general_lanes),
        [float(value_m) for point in link.shape_m for value_m in point],
    ]


def _connection_row(connection: Connection, row_of: Mapping[str, int]) -> list[object]:
    usual = connection_id(
        connection.from_link, connection.from_lane, connection.to_link, connection.to_lane
    )
    return [
        "" if connection.connection_id == usual else connection.connection_id,
        connection.from_link,
        connection.from_lane,
        connection.to_link,
        connection.to_lane,
        connection.via_lane,
        connection.turn,
        float(connection.length_m),
        float(connection.speed_mps),
        float(connection.wait_m),
        list(connection.groups),
        _references(connection.foes, row_of),
        _references(connection.yields_to, row_of),
    ]


def _unless_usual(movement: Movement) -> str:
    usual = movement_id(movement.from_link, movement.to_link)
    return "" if movement.movement_id == usual else movement.movement_id


def connection_id(from_link: str, from_lane: int, to_link: str, to_lane: int) -> str:
    """Name the connection from one lane to another in the usual way."""
    return f"{from_link}_{from_lane}>{to_link}_{to_lane}"


def _references(names: Iterable[str], row_of: Mapping[str, int]) -> list[int | str]:
    rows = [row_of.get(name, name) for name in names]
    return [
        *sorted(row for row in rows if isinstance(row, int)),
        *sorted(row for row in rows if isinstance(row, str)),
    ]


def _network(document: Mapping[str, Any], where: str) -> RoadNetwork:
    found = Fields.of(document, place_in(where), FormatError, _KEYS)
    links = _links(found.values["links"], where)
    connections = _connections(found.values["connections"], links, where)
    movements = _movements(found.values["movements"], connections, where)
    signals: dict[str, Signal] = {}
    for at, item in enumerate(found.items("signals")):
        signal = read_signal(item, f"{where}, signal {at}", movements)
        if signal.signal_id in signals:
            raise FormatError(f"{where}: signal {signal.signal_id!r} appears twice")
        signals[signal.signal_id] = signal
    unknown = sorted(movements.keys() - signals.keys())
    if unknown:
        raise FormatError(f"{where}: movements name the unknown signal {unknown[0]!r}")
    try:
        return RoadNetwork(found.text("name", empty=True), links, signals, connections)
    except TopologyError as error:
        raise FormatError(f"{where}: {error}") from error


def _once(names: Sequence[str], what: str, where: str) -> None:
    seen: set[str] = set()
    for row, name in enumerate(names):
        if name in seen:
            raise FormatError(f"{where}, row {row}: {what} {name!r} appears twice")
        seen.add(name)


def _links(table: object, where: str) -> dict[str, Link]:
    where = f"{where}, links"
    rows = rows_of(table, LINK_COLUMNS, where, FormatError)
    _once([row[0] for row in rows], "link", where)
    for number, row in enumerate(rows):
        if any(lane >= row[5] for lane in row[6]):
            raise FormatError(
                f"{where}, row {number}, column general_lanes: found {row[6]}; allowed are lanes "
                f"0 to {row[5] - 1}"
            )
    return {
        link_id: Link(
            link_id,
            from_node,
            to_node,
            float(length_m),
            float(speed_mps),
            lanes,
            tuple(general),
            tuple(zip(map(float, shape[::2]), map(float, shape[1::2]), strict=True)),
        )
        for link_id, from_node, to_node, length_m, speed_mps, lanes, general, shape in rows
    }


def _connections(table: object, links: Mapping[str, Link], where: str) -> tuple[Connection, ...]:
    where = f"{where}, connections"
    rows = rows_of(table, CONNECTION_COLUMNS, where, FormatError)
    names = [row[0] or connection_id(*row[1:5]) for row in rows]
    _once(names, "connection", where)
    for number, row in enumerate(rows):
        for link, lane in ((row[1], row[2]), (row[3], row[4])):
            if link not in links or lane >= links[link].lanes:
                raise FormatError(
                    f"{where}, row {number}: lane {lane} of link {shown(link)} does not exist"
                )

    def named(references: list[Any], number: int) -> frozenset[str]:
        try:
            return frozenset(names[r] if type(r) is int else r for r in references)
        except IndexError:
            raise FormatError(
                f"{where}, row {number}: found foes {shown(references)}; allowed are rows 0 to "
                f"{len(names) - 1}"
            ) from None

    return tuple(
        Connection(
            names[number],
            row[1],
            row[2],
            row[3],
            row[4],
            row[5],
            row[6],
            float(row[7]),
            float(row[8]),
            float(row[9]),
            tuple(row[10]),
            named(row[11], number),
            named(row[12], number),
        )
        for number, row in enumerate(rows)
    )


def _movements(
    table: object, connections: Sequence[Connection], where: str
) -> dict[str, list[Movement]]:
    where = f"{where}, movements"
    rows = rows_of(table, MOVEMENT_COLUMNS, where, FormatError)
    names = [row[1] or movement_id(row[2], row[3]) for row in rows]
    _once(names, "movement", where)
    found: dict[str, list[Movement]] = {}
    taken: set[int] = set()
    for number, (signal_id, _, from_link, to_link, turn, members) in enumerate(rows):
        for member in members:
            if not member < len(connections) or member in taken:
                raise FormatError(
                    f"{where}, row {number}: found connection {member}; allowed are rows 0 to "
                    f"{len(connections) - 1}, each in one movement"
                )
            ends = connections[member].from_link, connections[member].to_link
            if ends != (from_link, to_link):
                raise FormatError(
                    f"{where}, row {number}: connection {member} leads from {ends[0]!r} to "
                    f"{ends[1]!r}, the movement from {from_link!r} to {to_link!r}"
                )
        taken.update(members)
        parts = tuple(connections[member] for member in members)
        found.setdefault(signal_id, []).append(
            Movement(names[number], signal_id, from_link, to_link, turn, parts)
        )
    return found
