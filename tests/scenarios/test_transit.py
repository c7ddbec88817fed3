"""Buses on made-up arterials: lines over the street, and vehicles that keep to them."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from network.errors import ScenarioError
from network.graph import Link, RoadNetwork
from scenarios.layout import arterial
from scenarios.transit import DEVIATION_PART, arterial_lines, bus_vehicles

LAYOUT = arterial(8, 3)


def test_a_line_each_way_follows_the_street_and_stops_between_signals() -> None:
    east, west = arterial_lines(LAYOUT, 300.0, np.random.default_rng(1))
    roads = {link: road for road in LAYOUT.streets.roads for link in road.links}
    for line, ends in ((east, ("west", "east")), (west, ("east", "west"))):
        assert (roads[line.route[0]].tail, roads[line.route[-1]].head) == ends
        for one, other in pairwise(line.route):
            assert roads[one] is roads[other] or roads[one].head == roads[other].tail
        assert line.stops
        for stop in line.stops:
            assert {roads[stop.link].tail, roads[stop.link].head}.isdisjoint(ends)
            assert stop.deviation_s == pytest.approx(DEVIATION_PART * stop.dwell_s, abs=0.01)
    assert arterial_lines(LAYOUT, 300.0, np.random.default_rng(1)) == (east, west)


def test_an_hour_of_buses_keeps_headways_and_dwell() -> None:
    lines = arterial_lines(LAYOUT, 60.0, np.random.default_rng(1))
    links = {
        link: Link(link, "a", "b", 100.0, 13.9, 2, (0, 1), ())
        for line in lines
        for link in line.route
    }
    found = bus_vehicles(lines, RoadNetwork("toy", links, {}, ()), np.random.default_rng(2))
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert len(found) == pytest.approx(2 * 60, abs=2)
    dwells = [float(d) for _, text in found for d in re.findall(r'duration="([\d.]+)"', text)]
    planned = [stop.dwell_s for line in lines for stop in line.stops]
    assert np.mean(dwells) == pytest.approx(np.mean(planned), rel=0.05)
    assert all(0.0 <= at < 3600.0 for at, _ in found)


@pytest.mark.parametrize("headway_s", [10.0, 5000.0, float("nan")])
def test_impossible_headways_are_refused(headway_s: float) -> None:
    with pytest.raises(ScenarioError, match="headway of buses"):
        arterial_lines(LAYOUT, headway_s, np.random.default_rng(1))
