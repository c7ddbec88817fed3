"""Bus lines from the vehicles of SUMO's route files: where they drive, stop and how often.

Vehicles of one route with stops on the same links are a line. What a line's buses stand at a stop
differs from bus to bus; its mean and its spread are kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from network.errors import FormatError, NetworkError
from network.graph import RoadNetwork
from network.readers.xml_files import iterate_elements
from network.transit import LONGEST_DWELL_S, BusLine, BusStop, require_route

BUS_CLASSES: Final = frozenset(("bus", "coach"))
USUAL_PASSENGERS: Final = 30.0
"""In a bus whose file names none."""

USUAL_DWELL_S: Final = 20.0
USUAL_DEVIATION_S: Final = 8.0
"""Of stops that name only when a bus goes on (``until``), not how long it stands."""


@dataclass(slots=True)
class _Run:
    """What was seen of a line."""

    name: str = ""
    departures_s: list[float] = field(default_factory=list)
    headways_s: list[float] = field(default_factory=list)
    persons: list[float] = field(default_factory=list)
    dwells_s: list[list[float]] = field(default_factory=list)
    speed_mps: float = math.inf


_Key = tuple[tuple[str, ...], tuple[str, ...]]


def read_sumo_buses(
    route_files: Iterable[Path],
    additional_files: Iterable[Path],
    network: RoadNetwork,
    begin_s: float,
    end_s: float,
) -> tuple[tuple[BusLine, ...], tuple[str, ...]]:
    """Find the bus lines of a scenario.

    Parameters
    ----------
    route_files, additional_files
        Vehicles and flows; bus stops that they name.
    network
        The links.
    begin_s, end_s
        Window, s; buses that start in it count.

    Returns
    -------
    lines : tuple of BusLine
        Those that pass a signal, the first named first.
    findings : tuple of str
        What could not be read, as sentences.

    Raises
    ------
    FormatError
        If a file is damaged.
    """
    kinds: dict[str, float] = {}
    routes: dict[str, Element] = {}
    places: dict[str, str] = {}
    runs: dict[_Key, _Run] = {}
    without = 0
    for path in (*additional_files, *route_files):
        for found in iterate_elements(path, {"vType", "route", "vehicle", "flow", "busStop"}):
            if found.tag == "vType":
                if found.get("vClass") in BUS_CLASSES:
                    kinds[found.get("id", "")] = _number(found, "maxSpeed", math.inf, path)
            elif found.tag == "route":
                # The reader empties an element once it has been looked at.
                routes[found.get("id", "")] = deepcopy(found)
            elif found.tag == "busStop":
                places[found.get("id", "")] = _link(found.get("lane", ""))
            elif found.get("type") in kinds:
                route = found.find("route")
                route = routes.get(found.get("route", "")) if route is None else route
                if route is None:
                    without += 1
                    continue
                _note(
                    found, route, places, kinds[found.get("type", "")], runs, (begin_s, end_s), path
                )
    lines: list[BusLine] = []
    findings: list[str] = []
    if without:
        findings.append(f"{without} buses name no route, only where from and where to; left out")
    for (links, stops), run in runs.items():
        if not run.departures_s and not run.headways_s:
            continue
        name = run.name or f"bus {len(lines) + 1}"
        while any(name == line.line_id for line in lines):
            name += "'"
        try:
            line = _line_of(name, links, stops, run, end_s - begin_s)
            require_route(line, network)
        except NetworkError as error:
            findings.append(f"{error}; left out")
            continue
        if any(f"{a}>{b}" in network.movements for a, b in pairwise(links)):
            lines.append(line)
    return tuple(lines), tuple(findings)


def _note(
    found: Element,
    route: Element,
    places: Mapping[str, str],
    speed_mps: float,
    runs: dict[_Key, _Run],
    window_s: tuple[float, float],
    path: Path,
) -> None:
    """Add a vehicle or a flow to what was seen of its line."""
    halts = [*route.findall("stop"), *found.findall("stop")]
    links = [
        places.get(halt.get("busStop", ""), "") or halt.get("edge") or _link(halt.get("lane", ""))
        for halt in halts
    ]
    key = tuple(route.get("edges", "").split()), tuple(links)
    run = runs.setdefault(key, _Run(dwells_s=[[] for _ in links]))
    run.name = run.name or found.get("line", "")
    run.speed_mps = min(run.speed_mps, speed_mps)
    begin_s, end_s = window_s
    if found.tag == "flow":
        first_s, last_s = _number(found, "begin", 0.0, path), _number(found, "end", end_s, path)
        lasting_s = min(last_s, end_s) - max(first_s, begin_s)
        count = _buses(found, last_s - first_s, path)
        if not count > 0 or not lasting_s > 0:
            return
        run.headways_s.append((last_s - first_s) / count)
    else:
        at_s = _number(found, "depart", math.nan, path)
        if not begin_s <= at_s < end_s:
            return
        run.departures_s.append(at_s)
    run.persons.append(_number(found, "personNumber", 0.0, path))
    for halt, dwells_s in zip(halts, run.dwells_s, strict=True):
        if halt.get("duration") is not None:
            dwells_s.append(_number(halt, "duration", 0.0, path))


def _buses(flow: Element, lasting_s: float, path: Path) -> float:
    """Return how many vehicles a flow has."""
    if flow.get("period") is not None:
        return lasting_s / max(_number(flow, "period", 0.0, path), 1e-9)
    if flow.get("vehsPerHour") is not None:
        return lasting_s / 3600.0 * _number(flow, "vehsPerHour", 0.0, path)
    if flow.get("probability") is not None:
        return lasting_s * _number(flow, "probability", 0.0, path)
    return _number(flow, "number", 0.0, path)


def _line_of(
    name: str, links: tuple[str, ...], stops: tuple[str, ...], run: _Run, window_s: float
) -> BusLine:
    # Some buses in a window tell their headway by the time between the first and the last.
    flow_vps = sum(1.0 / headway_s for headway_s in run.headways_s)
    if len(run.departures_s) > 1 and max(run.departures_s) > min(run.departures_s):
        span_s = max(run.departures_s) - min(run.departures_s)
        flow_vps += (len(run.departures_s) - 1) / span_s
    elif run.departures_s:
        flow_vps += len(run.departures_s) / window_s
    known = [persons for persons in run.persons if persons > 0]
    halts = tuple(
        BusStop(link, *_dwell(dwells_s)) for link, dwells_s in zip(stops, run.dwells_s, strict=True)
    )
    return BusLine(
        name,
        links,
        round(1.0 / flow_vps, 3),
        round(float(np.mean(known)), 3) if known else USUAL_PASSENGERS,
        halts,
        run.speed_mps,
    )


def _dwell(dwells_s: list[float]) -> tuple[float, float]:
    if not dwells_s:
        return USUAL_DWELL_S, USUAL_DEVIATION_S
    spread_s = float(np.std(dwells_s, ddof=1)) if len(dwells_s) > 1 else 0.0
    return (
        round(min(float(np.mean(dwells_s)), LONGEST_DWELL_S), 3),
        round(min(spread_s, LONGEST_DWELL_S), 3),
    )


def _link(lane: str) -> str:
    return lane.rpartition("_")[0]


def _number(found: Element, key: str, usual: float, path: Path) -> float:
    text = found.get(key)
    if text is None:
        return usual
    try:
        return float(text)
    except ValueError as error:
        what = f"{found.tag} {found.get('id', '')!r}" if found.get("id") else found.tag
        raise FormatError(
            f"{path}, {what}: {key} {text!r}; allowed for buses are numbers"
        ) from error
