"""Buses of the transit benchmark: every five minutes on each line, and none that cannot arrive."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.adaptive_transit import HEADWAY_S, with_buses
from engine.validate.simulator import SimulationCase


def test_every_line_has_a_bus_every_five_minutes(tmp_path: Path) -> None:
    case = SimulationCase(tmp_path / "x.sumocfg", tmp_path / "x.net.xml", (), (), 0, 3600)
    more, ways = with_buses(case, (("a", "b"), ("c", "d")), tmp_path)
    buses = ElementTree.parse(more.route_files[-1]).getroot().findall("vehicle")
    assert set(ways) == {bus.attrib["id"] for bus in buses}
    due_s = [float(bus.attrib["depart"]) for bus in buses]
    assert due_s == sorted(due_s)
    for links in (("a", "b"), ("c", "d")):
        line = [float(b.attrib["depart"]) for b in buses if ways[b.attrib["id"]] == links]
        assert {b - a for a, b in pairwise(line)} == {HEADWAY_S}
        assert max(line) < case.end_s - HEADWAY_S
