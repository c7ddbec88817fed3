"""Days drawn from route files: every way to write a trip is read, who left before is left out."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.forecast.drawn_days import draw_day, read_trips
from engine.validate.simulator import SimulationCase
from network.errors import FormatError

ROUTES = """<?xml version="1.0"?>
<routes>
    <vType id="car" length="4.3"/>
    <vehicle arrival="9" depart="3599.00" id="early" type="car"><route edges="a b"/></vehicle>
    <vehicle arrival="9" depart="3700.00" id="long" type="car">
        <route edges="a b c"/>
    </vehicle>
    <trip id="short" type="car" depart="3800.50" from="b" to="c"/>
</routes>
"""


def written(folder: Path, text: str = ROUTES) -> Path:
    file = folder / "hour.rou.xml"
    file.write_text(text, encoding="utf-8")
    return file


def case(file: Path) -> SimulationCase:
    return SimulationCase(file, file, (file,), (), 3600.0, 7200.0)


def test_trips_are_read_however_they_are_written(tmp_path: Path) -> None:
    found = read_trips(written(tmp_path))
    assert found.depart_s == (3599.0, 3700.0, 3800.5)
    assert found.origin == (0, 0, 1)
    assert any("vType" in line for line in found.head)


def test_a_drawn_day_holds_the_hours_trips_alone_sorted_and_whole(tmp_path: Path) -> None:
    file = written(tmp_path)
    drawn = draw_day(case(file), read_trips(file), (9.0, 9.0), 11, tmp_path / "day.rou.xml")
    root = ElementTree.parse(drawn.route_files[0]).getroot()
    trips = [element for element in root if element.tag in ("trip", "vehicle")]
    assert len(trips) > 10
    assert {element.tag for element in trips} == {"trip", "vehicle"}
    leaves = [float(element.get("depart", "nan")) for element in trips]
    assert leaves == sorted(leaves)
    assert leaves[0] >= 3600.0
    assert leaves[-1] < 3600.0 + 7200.0
    assert drawn.end_s == 3600.0 + 7200.0
    routes = [e.find("route") for e in trips if e.tag == "vehicle"]
    assert all(route is not None and route.get("edges") == "a b c" for route in routes)
    assert len({element.get("id") for element in trips}) == len(trips)


def test_a_file_without_trips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no trips"):
        read_trips(written(tmp_path, "<routes/>"))
