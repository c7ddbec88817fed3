"""What may go wrong on a street: a closed link, a broken-down vehicle, an event, dead detectors.

Where it strikes is read off one plain day (a counting seed, the plan in force), so that every
controller meets the same trouble at the busiest places, whatever the network.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ElementTree, SubElement
from xml.sax.saxutils import quoteattr

import networkx as nx
import numpy as np
import sumolib

from benchmarks.suite.jobs import TROUBLE, Fault
from benchmarks.suite.scenes import rewritten
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run
from network.counts import CountSeries, Quality
from network.errors import InsufficientDataError
from network.readers.xml_files import iterate_elements
from scenarios.scenario import Scenario
from throughband.counts.demand import COUNTING_SEEDS

INCIDENT_S: Final = 900.0
INCIDENT_FROM_STOP_LINE_M: Final = 60.0
EVENT_ORIGINS: Final = 5


@dataclass(frozen=True, slots=True)
class Use:
    """How a link was used over a plain day: vehicles that entered, began and ended there."""

    link: str
    entered: int
    began: int
    ended: int


def disturb(scenario: Scenario, fault: Fault, folder: Path) -> Scenario:
    """Return the scenario with something going wrong in it.

    Parameters
    ----------
    scenario
        The plain one.
    fault
        A closed link, an incident or a special event.
    folder
        For the new files.

    Raises
    ------
    InsufficientDataError
        If the street has no place for it.
    SimulationError
        If the plain day cannot be played.
    """
    folder.mkdir(parents=True, exist_ok=True)
    use = _plain_day(scenario)
    net = sumolib.net.readNet(str(scenario.net_file))
    window_s = scenario.end_s - scenario.begin_s
    middle_s = (scenario.begin_s + window_s / 3.0, scenario.begin_s + window_s * 2.0 / 3.0)
    if fault.kind == "closed-link":
        file = folder / "closed.add.xml"
        around = _with_a_way_around(net)
        links = _inner(use, net, int(fault.amount), scenario, around)
        _write_closed(file, links, [edge.getID() for edge in net.getEdges()], middle_s)
        return rewritten(scenario, folder, options={}, additional=[file])
    if fault.kind == "incident":
        file = folder / "incident.rou.xml"
        _write_incidents(file, _inner(use, net, int(fault.amount), scenario), net, middle_s[0])
    else:
        file = folder / "event.rou.xml"
        _write_event(file, use, net, fault.amount, middle_s, scenario)
    return rewritten(scenario, folder, options={}, routes=[file])


def deadened(day: CountSeries, share: float, seed: int = 1) -> CountSeries:
    """Return counts in which a share of the series is missing from begin to end.

    Parameters
    ----------
    day
        What was counted.
    share
        Of the series, rounded up to one at least.
    seed
        Which of them; the same on every day of a street.
    """
    series = day.volume_veh.shape[1]
    dead = np.random.default_rng(seed).permutation(series)[: max(1, round(share * series))]
    volume, flags = day.volume_veh.copy(), day.quality.copy()
    volume[:, dead] = np.nan
    flags[:, dead] = Quality.MISSING
    return replace(day, volume_veh=volume, quality=flags)


def _plain_day(scenario: Scenario) -> list[Use]:
    case = SimulationCase(
        scenario.config_file,
        scenario.net_file,
        scenario.route_files,
        scenario.additional_files,
        scenario.begin_s,
        scenario.end_s,
    )
    with tempfile.TemporaryDirectory(prefix="throughband-") as scratch:
        asked, told = Path(scratch) / "edges.add.xml", Path(scratch) / "edges.xml"
        asked.write_text(
            f'<additional><edgeData id="use" file={quoteattr(str(told))} excludeEmpty="true"/>'
            "</additional>",
            encoding="utf-8",
        )
        run(case, COUNTING_SEEDS[0], [asked], emissions=False)
        return [
            Use(
                edge.attrib["id"],
                int(edge.get("entered", "0")),
                int(edge.get("departed", "0")),
                int(edge.get("arrived", "0")),
            )
            for edge in iterate_elements(told, {"edge"})
        ]


def _with_a_way_around(net: Any) -> frozenset[str]:
    """Return the links that can be closed: whoever comes to one can go on as without it."""
    ways = nx.DiGraph()
    for edge in net.getEdges():
        ways.add_edges_from((edge.getID(), onward.getID()) for onward in edge.getOutgoing())
    found = set()
    for edge in net.getEdges():
        before = [one.getID() for one in edge.getIncoming()]
        after = {one.getID() for one in edge.getOutgoing()}
        if not before or not after:
            continue
        rest = nx.restricted_view(ways, [edge.getID()], [])
        if all(after <= {one, *nx.descendants(rest, one)} for one in before):
            found.add(edge.getID())
    return frozenset(found)


def _inner(
    use: Sequence[Use],
    net: Any,
    count: int,
    scenario: Scenario,
    among: frozenset[str] | None = None,
) -> list[str]:
    """Return the busiest links on which nobody begins or ends and that lead on from others."""
    found = [
        one.link
        for one in sorted(use, key=lambda one: (-one.entered, one.link))
        if one.began == one.ended == 0
        and net.hasEdge(one.link)
        and net.getEdge(one.link).getIncoming()
        and (among is None or one.link in among)
    ]
    if len(found) < count:
        raise InsufficientDataError(
            f"{scenario.name}: {count} links wanted on which no trip begins or ends"
            + (" and which have a way around" if among is not None else "")
            + f", {len(found)} found"
        )
    return found[:count]


def _write_closed(
    file: Path, links: Sequence[str], everywhere: Sequence[str], between_s: tuple[float, float]
) -> None:
    root = Element("additional")
    rerouter = SubElement(
        root, "rerouter", {"id": f"{TROUBLE}closed", "edges": " ".join(everywhere)}
    )
    times = {"begin": f"{between_s[0]:g}", "end": f"{between_s[1]:g}"}
    interval = SubElement(rerouter, "interval", times)
    for link in links:
        SubElement(interval, "closingReroute", {"id": link})
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _write_incidents(file: Path, links: Sequence[str], net: Any, begin_s: float) -> None:
    root = Element("routes")
    for link in links:
        lanes = [lane for lane in net.getEdge(link).getLanes() if lane.allows("passenger")]
        lane = lanes[0] if lanes else net.getEdge(link).getLanes()[0]
        place_m = max(lane.getLength() - INCIDENT_FROM_STOP_LINE_M, lane.getLength() / 2.0)
        vehicle = SubElement(
            root,
            "vehicle",
            {
                "id": f"{TROUBLE}{link}",
                "depart": f"{begin_s:g}",
                "departLane": str(lane.getIndex()),
                "departPos": "stop",
                "departSpeed": "0",
            },
        )
        SubElement(vehicle, "route", {"edges": link})
        where = {"lane": lane.getID(), "endPos": f"{place_m:.2f}", "duration": f"{INCIDENT_S:g}"}
        SubElement(vehicle, "stop", where)
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _write_event(
    file: Path,
    use: Sequence[Use],
    net: Any,
    share: float,
    between_s: tuple[float, float],
    scenario: Scenario,
) -> None:
    """Send extra traffic from the busiest origins to the busiest destination."""
    goals = sorted((one for one in use if one.ended), key=lambda one: (-one.ended, one.link))
    starts = sorted((one for one in use if one.began), key=lambda one: (-one.began, one.link))
    began = sum(one.began for one in use)
    for goal in goals:
        ways = [one for one in starts if one.link != goal.link and _leads(net, one.link, goal.link)]
        ways = ways[:EVENT_ORIGINS]
        if ways:
            break
    else:
        raise InsufficientDataError(f"{scenario.name}: no two places to send extra traffic between")
    part = (between_s[1] - between_s[0]) / (scenario.end_s - scenario.begin_s)
    extra = max(1, round(share * began * part))
    whole = sum(one.began for one in ways)
    root = Element("routes")
    for one in ways:
        SubElement(
            root,
            "flow",
            {
                "id": f"event-{one.link}",
                "from": one.link,
                "to": goal.link,
                "begin": f"{between_s[0]:g}",
                "end": f"{between_s[1]:g}",
                "number": str(max(1, math.ceil(extra * one.began / whole))),
                "departLane": "best",
                "departSpeed": "max",
            },
        )
    ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _leads(net: Any, origin: str, goal: str) -> bool:
    if not (net.hasEdge(origin) and net.hasEdge(goal)):
        return False
    path, _ = net.getShortestPath(net.getEdge(origin), net.getEdge(goal), vClass="passenger")
    return path is not None
