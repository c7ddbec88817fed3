"""Circles of vehicles that wait for one another, and vehicles played by themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.knots import alone, circles
from network.errors import FormatError
from throughband.setting import open_setting


def test_a_circle_is_found_from_whoever_stands_behind_it() -> None:
    ahead = {"queued": "d", "d": "b", "b": "c", "c": "d", "free": "gone"}
    assert circles(ahead) == (("b", "c", "d"),)


def test_two_circles_are_told_apart() -> None:
    ahead = {"z": "y", "y": "z", "a": "b", "b": "a", "x": "y"}
    assert circles(ahead) == (("a", "b"), ("y", "z"))


def test_a_queue_is_no_circle() -> None:
    assert circles({"c": "b", "b": "a"}) == ()


@pytest.mark.sumo
def test_four_vehicles_of_cologne3_lock_without_any_signal() -> None:
    """Between two nodes 11 m apart; who comes 20 s later than due meets the three others."""
    case = open_setting("cologne3").case
    knot = ("147505_416_0", "84488_390_0", "172377_426_0", "82062_389_0")
    found = alone(case, knot, (0.0, 20.0), 1)
    assert found["82062_389_0"] == (20.0,)
    assert not any(found[name] for name in knot[:3])


def test_a_vehicle_that_is_not_there_by_its_name_is_refused(tmp_path: Path) -> None:
    routes = tmp_path / "x.rou.xml"
    routes.write_text('<routes><vehicle id="a" depart="1"/></routes>', encoding="utf-8")
    case = replace(open_setting("cologne1").case, route_files=(routes,))
    with pytest.raises(FormatError, match="'b' is not in"):
        alone(case, ("a", "b"), (0.0,), 1)
