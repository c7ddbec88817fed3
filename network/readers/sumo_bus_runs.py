"""The single buses of known lines in SUMO's route files: when each starts and where it stops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from network.errors import FormatError
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from network.transit import BusLine


@dataclass(frozen=True, slots=True)
class BusRun:
    """One bus.

    Attributes
    ----------
    vehicle_id
        Its name in SUMO.
    line
        The line it runs on.
    depart_s
        When it starts, s.
    halts_m
        Where it stops, in the order of the line's stops: distance of its front from the beginning
        of the stop's link, m.
    """

    vehicle_id: str
    line: BusLine
    depart_s: float
    halts_m: tuple[float, ...]


def read_bus_runs(
    route_files: Iterable[Path],
    additional_files: Iterable[Path],
    lines: Sequence[BusLine],
    network: RoadNetwork,
    begin_s: float,
    end_s: float,
) -> tuple[BusRun, ...]:
    """Find the buses of lines.

    Parameters
    ----------
    route_files, additional_files
        Vehicles; bus stops that they name. Flows are not read, for their vehicles have no names
        before they start.
    lines
        A vehicle with the route and the stops of a line runs on it.
    network
        The links.
    begin_s, end_s
        Window, s; buses that start in it count.

    Returns
    -------
    tuple of BusRun
        In order of departure.

    Raises
    ------
    FormatError
        If a file is damaged.
    """
    known = {(line.route, tuple(stop.link for stop in line.stops)): line for line in lines}
    routes: dict[str, Element] = {}
    places: dict[str, tuple[str, float]] = {}
    runs: list[BusRun] = []
    for path in (*additional_files, *route_files):
        for found in iterate_elements(path, {"route", "vehicle", "busStop"}):
            if found.tag == "route":
                # The reader empties an element once it has been looked at.
                routes[found.get("id", "")] = deepcopy(found)
            elif found.tag == "busStop":
                places[found.get("id", "")] = _place(found, network, path)
            else:
                route = found.find("route")
                route = routes.get(found.get("route", "")) if route is None else route
                if route is None:
                    continue
                halts = [
                    places.get(halt.get("busStop", "")) or _place(halt, network, path)
                    for halt in (*route.findall("stop"), *found.findall("stop"))
                ]
                edges = tuple(route.get("edges", "").split())
                line = known.get((edges, tuple(link for link, _ in halts)))
                if line is None:
                    continue
                depart_s = _number(found.get("depart", ""), found, path)
                if begin_s <= depart_s < end_s:
                    at_m = tuple(place_m for _, place_m in halts)
                    runs.append(BusRun(found.get("id", ""), line, depart_s, at_m))
    return tuple(sorted(runs, key=lambda run: (run.depart_s, run.vehicle_id)))


def _place(halt: Element, network: RoadNetwork, path: Path) -> tuple[str, float]:
    """Return the link of a stop and where its end lies on it, m; SUMO counts back below 0."""
    link_id = halt.get("edge") or halt.get("lane", "").rpartition("_")[0]
    length_m = network.links[link_id].length_m if link_id in network.links else 0.0
    text = halt.get("endPos")
    at_m = length_m if text is None else _number(text, halt, path)
    return link_id, at_m + length_m if at_m < 0.0 else at_m


def _number(text: str, found: Element, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise FormatError(
            f"{path}, {found.tag} {found.get('id', '')!r}: found {text!r}; allowed for buses are "
            "numbers"
        ) from error
