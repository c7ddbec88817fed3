"""Simulated loops count what drives over them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from engine.validate.counting import DetectorSite, count
from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run
from network.errors import SimulationError
from scenarios.scenario import load_scenario

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def case() -> SimulationCase:
    s = load_scenario("cologne1", 25200, 25800)
    return SimulationCase(s.config_file, s.net_file, s.route_files, (), s.begin_s, s.end_s)


@pytest.fixture(scope="module")
def stop_lines(case: SimulationCase) -> dict[str, tuple[str, str]]:
    """Internal lanes behind the stop lines, with the edges they join."""
    links = ElementTree.parse(case.net_file).getroot().iter("connection")
    return {
        link.attrib["via"]: (link.attrib["from"], link.attrib["to"])
        for link in links
        if "tl" in link.attrib
    }


def test_loops_behind_stop_lines_count_what_the_routes_say(
    case: SimulationCase, stop_lines: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    case = replace(case, end_s=29400)  # everyone has arrived: no one stands on a junction
    sites = [DetectorSite(f"turn | {lane}", lane, 0.1) for lane in stop_lines]
    counted = count(case, sites, 1, 300)
    assert counted.measures.running == 0
    routes_file = tmp_path / "routes.xml"
    options = {
        "vehroute-output": str(routes_file),
        "vehroute-output.exit-times": "true",
        "vehroute-output.write-unfinished": "true",
    }
    run(case, 1, emissions=False, options=options)
    turns: dict[tuple[str, str], int] = dict.fromkeys(stop_lines.values(), 0)
    for route in ElementTree.parse(routes_file).getroot().iter("route"):
        edges = route.attrib["edges"].split()
        times = [float(time) for time in route.attrib["exitTimes"].split()]
        for turn, left in zip(pairwise(edges), times, strict=False):
            if left >= 0 and turn in turns:
                turns[turn] += 1
    by_turn = dict.fromkeys(turns, 0.0)
    for turn, volume in zip(stop_lines.values(), counted.volume_veh.sum(axis=0), strict=True):
        by_turn[turn] += volume
    assert by_turn == turns
    assert sum(turns.values()) > 100
    assert counted.detector_ids == tuple(site.id for site in sites)


def test_only_whole_periods_are_returned(
    case: SimulationCase, stop_lines: dict[str, tuple[str, str]]
) -> None:
    sites = [DetectorSite(lane, lane, 0.1) for lane in stop_lines]
    whole, cut = count(case, sites, 1, 200), count(replace(case, end_s=25750), sites, 1, 200)
    np.testing.assert_array_equal(whole.begin_s, [25200, 25400, 25600])
    np.testing.assert_array_equal(cut.begin_s, [25200, 25400])
    assert (whole.dropped_s, cut.dropped_s) == (0, 150)
    np.testing.assert_array_equal(cut.volume_veh, whole.volume_veh[:2])


def test_a_loop_past_the_end_of_its_lane_lies_at_the_end(case: SimulationCase) -> None:
    root = ElementTree.parse(case.net_file).getroot()
    lane = next(c.attrib for c in root.iter("connection") if "tl" in c.attrib)
    lane_id = f"{lane['from']}_{lane['fromLane']}"
    far, end = DetectorSite("far", lane_id, 1e5), DetectorSite("end", lane_id, -0.5)
    counted = count(case, [far, end], 1, 600)
    assert counted.volume_veh[0, 0] == pytest.approx(counted.volume_veh[0, 1], abs=1)
    assert counted.volume_veh[0, 0] > 0


def test_occupancy_is_a_percentage_and_arrays_are_read_only(
    case: SimulationCase, stop_lines: dict[str, tuple[str, str]]
) -> None:
    counted = count(case, [DetectorSite(lane, lane, 0.1) for lane in stop_lines], 1, 60)
    assert counted.occupancy_pct.max() > 0
    assert np.all((counted.occupancy_pct >= 0) & (counted.occupancy_pct <= 100))
    with pytest.raises(ValueError, match="read-only"):
        counted.volume_veh[0, 0] = 1


@pytest.mark.parametrize(
    ("sites", "period_s", "words"),
    [
        ([], 60, "at least one"),
        ([DetectorSite("a", "x", 0), DetectorSite("a", "y", 0)], 60, "names that differ"),
        ([DetectorSite("a", "nowhere_0", 0)], 60, "nowhere_0"),
        ([DetectorSite("a", "x", 0)], 601, "does not fit"),
        ([DetectorSite("a", "x", 0)], 0, "does not fit"),
    ],
)
def test_impossible_requests_are_refused(
    case: SimulationCase, sites: list[DetectorSite], period_s: float, words: str
) -> None:
    with pytest.raises(SimulationError, match=words):
        count(case, sites, 1, period_s)
