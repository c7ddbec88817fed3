"""SUMO networks (``net.xml``, plain or gzipped) through sumolib."""

from __future__ import annotations

import xml.sax
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sumolib

from network.errors import FormatError, NetworkError, TopologyError
from network.graph import Connection, Link, Movement, RoadNetwork, Signal
from network.phasing import Phasing
from network.readers.sumo_program import SumoProgram, interpret, read_programs
from network.readers.xml_files import iterate_elements

GENERAL_TRAFFIC = "passenger"
SHORTEST_LANE_M = 0.1


def read_sumo_network(
    net_file: Path, additional_files: Iterable[Path] = (), name: str = ""
) -> RoadNetwork:
    """Read a SUMO network with the signal programs in force.

    Parameters
    ----------
    net_file
        ``*.net.xml`` or ``*.net.xml.gz``.
    additional_files
        Further SUMO files; a signal program there replaces the one in the network, as in SUMO.
    name
        What to call the network; the file's own name by default.

    Returns
    -------
    RoadNetwork
        Signals whose program is not understood are there, with the reason in ``left_alone``.

    Raises
    ------
    FormatError
        If a file is missing, damaged, or not a SUMO network.
    """
    net_file = Path(net_file)
    _require_network(net_file)
    files = [net_file, *additional_files]
    programs = read_programs(files)
    switched = frozenset(
        element.get("junctionID", "")
        for file in files
        for element in iterate_elements(file, {"wautJunction"})
    )
    try:
        # What sumolib reads without complaint may still lack ends, lanes or shapes.
        return _read(net_file, programs, switched, name)
    except (xml.sax.SAXException, OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{net_file}: cannot be read ({error})") from error
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise FormatError(f"{net_file}: not a readable SUMO network ({error!r})") from error


def _read(
    net_file: Path, programs: dict[str, SumoProgram], switched: frozenset[str], name: str
) -> RoadNetwork:
    net = sumolib.net.readNet(str(net_file), withInternal=True)
    links = {
        edge.getID(): _link(edge)
        for edge in net.getEdges(withInternal=False)
        if not edge.isSpecial()
    }
    if not links:
        raise FormatError(f"{net_file}: holds no roads; expected a SUMO network with edges")
    rules = {node.getID(): _right_of_way(node) for node in net.getNodes()}
    connections = tuple(
        _connection(net, raw, rules[raw.getFrom().getToNode().getID()]) for raw in _raw(net, links)
    )
    by_signal: dict[str, list[tuple[Connection, Any]]] = {signal: [] for signal in programs}
    for connection, raw in zip(connections, _raw(net, links), strict=True):
        if raw.getTLSID():
            by_signal.setdefault(raw.getTLSID(), []).append((connection, raw))
    signals = {
        signal_id: _signal(signal_id, members, programs.get(signal_id), switched)
        for signal_id, members in by_signal.items()
    }
    return RoadNetwork(name or net_file.name.split(".")[0], links, signals, connections)


def _require_network(net_file: Path) -> None:
    for element in iterate_elements(net_file, {"net", "edge", "junction"}):
        if element.tag == "net" or element.get("id"):
            return
    raise FormatError(f"{net_file}: not a SUMO network; expected a <net> with edges and junctions")


def _raw(net: Any, links: dict[str, Link]) -> Iterable[Any]:
    return (
        connection
        for edge in net.getEdges(withInternal=False)
        for outgoing in edge.getOutgoing().values()
        for connection in outgoing
        if edge.getID() in links and connection.getTo().getID() in links
    )


def _link(edge: Any) -> Link:
    lanes = edge.getLanes()
    return Link(
        edge.getID(),
        edge.getFromNode().getID(),
        edge.getToNode().getID(),
        max(edge.getLength(), SHORTEST_LANE_M),
        edge.getSpeed(),
        len(lanes),
        tuple(i for i, lane in enumerate(lanes) if lane.allows(GENERAL_TRAFFIC)),
        tuple((float(point[0]), float(point[1])) for point in edge.getShape()),
    )


def _name(connection: Any) -> str:
    return f"{connection.getFromLane().getID()}>{connection.getToLane().getID()}"


def _right_of_way(node: Any) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return each connection's foes at a node, and those of them it yields to."""
    ordered = [
        connection
        for lane_id in node._incLanes
        for edge in node.getIncoming()
        if not edge.isSpecial() and lane_id.rpartition("_")[0] == edge.getID()
        for connection in edge.getLane(int(lane_id.rpartition("_")[2])).getOutgoing()
        if connection.getTo().getFunction() != "walkingarea"
    ]
    table: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for mine, connection in enumerate(ordered):
        foes = node._foes.get(mine, "")
        response = node._prohibits.get(mine, "")
        table[_name(connection)] = (
            frozenset(
                _name(o) for i, o in enumerate(ordered) if foes[-1 - i : len(foes) - i] == "1"
            ),
            frozenset(
                _name(o)
                for i, o in enumerate(ordered)
                if response[-1 - i : len(response) - i] == "1"
            ),
        )
    return table


def _connection(
    net: Any, raw: Any, right_of_way: dict[str, tuple[frozenset[str], frozenset[str]]]
) -> Connection:
    name = _name(raw)
    foes, yields_to = right_of_way.get(name, (frozenset(), frozenset()))
    length_m, speed_mps, wait_m = _way_across(net, raw)
    groups = [raw.getTLLinkIndex()] if raw.getTLSID() else []
    if groups and raw.getTLLinkIndex2() not in (-1, None):
        groups.append(raw.getTLLinkIndex2())
    return Connection(
        name,
        raw.getFrom().getID(),
        raw.getFromLane().getIndex(),
        raw.getTo().getID(),
        raw.getToLane().getIndex(),
        raw.getViaLaneID() or "",
        raw.getDirection(),
        length_m,
        speed_mps,
        wait_m,
        tuple(groups),
        foes,
        yields_to,
    )


def _way_across(net: Any, raw: Any) -> tuple[float, float, float]:
    """Length and speed inside the node, and how far in a yielding driver waits."""
    parts_m: list[float] = []
    speed_mps = raw.getFrom().getSpeed()
    via = raw.getViaLaneID()
    seen: set[str] = set()
    while via and via not in seen:
        seen.add(via)
        try:
            lane = net.getLane(via)
        except (KeyError, IndexError):
            break
        parts_m.append(lane.getLength())
        speed_mps = min(speed_mps, lane.getSpeed())
        onward = lane.getOutgoing()
        via = onward[0].getViaLaneID() if onward else ""
    return sum(parts_m), max(speed_mps, 0.1), parts_m[0] if len(parts_m) > 1 else 0.0


def _signal(
    signal_id: str,
    members: list[tuple[Connection, Any]],
    program: SumoProgram | None,
    switched: frozenset[str],
) -> Signal:
    grouped: dict[str, list[Connection]] = {}
    for connection, _ in members:
        grouped.setdefault(connection.movement_id, []).append(connection)
    movements = tuple(
        Movement(
            name,
            signal_id,
            parts[0].from_link,
            parts[0].to_link,
            parts[0].turn,
            tuple(sorted(parts, key=lambda c: c.connection_id)),
        )
        for name, parts in sorted(grouped.items())
    )
    points = [raw.getFromLane().getShape()[-1] for _, raw in members]
    x_m = sum(point[0] for point in points) / len(points) if points else 0.0
    y_m = sum(point[1] for point in points) / len(points) if points else 0.0
    phasing: Phasing | None = None
    plan = None
    exact = False
    reason = ""
    try:
        if program is None:
            raise NetworkError("the network gives it no program")
        if signal_id in switched:
            raise NetworkError("a time switch (WAUT) changes its program during the day")
        listened = {group for m in movements for c in m.connections for group in c.groups}
        width = len(program.pictures[0].aspects) if program.pictures else 0
        phasing, plan, exact = interpret(program, frozenset(range(width)) - listened)
        _require_fit(signal_id, movements, phasing)
    except NetworkError as error:
        phasing, plan, reason = None, None, str(error)
    if not reason and not movements:
        reason = "it controls no vehicle movement"
    return Signal(
        signal_id,
        x_m,
        y_m,
        movements,
        phasing,
        plan,
        exact,
        program.program_id if program else "",
        reason,
    )


def _require_fit(signal_id: str, movements: tuple[Movement, ...], phasing: Phasing) -> None:
    for movement in movements:
        for connection in movement.connections:
            for group in connection.groups:
                if group >= phasing.group_count:
                    raise TopologyError(
                        f"connection {connection.connection_id} listens to signal group {group}, "
                        f"the program of {signal_id} has {phasing.group_count}"
                    )
