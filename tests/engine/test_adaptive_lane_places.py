"""Whose stop lane the lane of a vehicle is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.adaptive.control import Feeder
from engine.adaptive.lane_places import LanePlaces
from tests.engine.adaptive_views import crossing

FEEDER = Feeder("behind_0", 100.0, 10.0, 200.0, (0, 1))
FIRST, SECOND = crossing("x"), replace(crossing("y"), feeders=(FEEDER,))


def test_lanes_of_no_site_have_no_number() -> None:
    found = LanePlaces([FIRST]).numbers(["main_0", "elsewhere_0", "side_0"])
    assert found[1] == -1
    assert len({*found.tolist()}) == 3


def test_rows_count_over_all_sites() -> None:
    places = LanePlaces([FIRST, SECOND])
    assert places.first_lane.tolist() == [0, 2, 4]
    assert places.first_exit.tolist() == [0, 2, 4]
    assert places.first_way.tolist() == [0, 3, 6]


def test_a_vehicle_is_as_far_from_its_stop_line_as_its_lane_has_left() -> None:
    places = LanePlaces([FIRST])
    numbers = places.numbers(["side_0", "elsewhere_0", "main_0"])
    lane, at_m, vehicle = places.assign(numbers, np.array([150.0, 7.0, 210.0]))
    assert lane.tolist() == [1, 0]
    assert at_m.tolist() == [50.0, 0.0]
    assert vehicle.tolist() == [0, 2]


def test_who_may_choose_takes_the_emptiest_lane_and_the_nearest_chooses_first() -> None:
    places = LanePlaces([SECOND])
    numbers = places.numbers(["main_0", "behind_0", "behind_0", "behind_0"])
    lane, at_m, _ = places.assign(numbers, np.array([100.0, 20.0, 80.0, 50.0]))
    assert lane.tolist() == [0, 1, 1, 0]
    assert at_m.tolist() == [100.0, 280.0, 220.0, 250.0]
