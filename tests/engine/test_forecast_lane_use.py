"""Lanes that drivers changed, lanes that are closed, and detectors that miscount."""

import numpy as np
import pytest

from engine.forecast.lane_use import LaneWatch, lanes_of
from network.errors import CountError
from tests.throughband.reports_street import street_network

USUAL = np.array([10.0, 20.0, 30.0, 30.0])
"""Two lanes of one movement, and two others."""


def watched(rows, doubted=0, steps=12):
    watch = LaneWatch([[0, 1]], 4, 300)
    doubts = np.arange(4) == doubted
    for counted in [*rows] * (1 if len(rows) > 1 else steps):
        believed = watch.update(np.array(counted, dtype=float), USUAL, doubts)
    return watch, bool(believed[doubted])


def test_a_lane_whose_traffic_uses_the_other_one_is_believed():
    assert watched([(3, 27, 30, 30)])[1]
    assert watched([(16, 14, 30, 30)])[1]


def test_a_lane_that_counts_twice_is_not_believed():
    assert not watched([(10, 44, 30, 30)], 1)[1]


def test_a_lane_that_lost_most_of_its_count_is_not_believed():
    assert not watched([(10, 5, 30, 30)], 1)[1]


def test_less_traffic_everywhere_is_not_a_fault_of_a_lane():
    assert watched([(2, 12, 15, 15)])[1]


def test_a_silent_lane_is_closed_if_the_other_one_takes_its_traffic():
    watch, believed = watched([(10, 20, 30, 30)] * 6 + [(0, 30, 30, 30)] * 4)
    assert believed
    assert watch.closed_sure[0] > 0.8
    assert watch.silent_for[0] == 4


def test_a_silent_lane_is_dead_if_the_other_one_goes_on_as_usual():
    watch, believed = watched([(10, 20, 30, 30)] * 6 + [(0, 20, 30, 30)] * 6)
    assert not believed
    assert watch.closed_sure[0] < 0.5


def test_a_whole_movement_that_falls_silent_is_not_explained_by_lanes():
    watch, believed = watched([(10, 20, 30, 30)] * 6 + [(0, 0, 30, 30)] * 4)
    assert not believed
    assert watch.closed_sure[0] < 0.5


def test_nobody_in_doubt_changes_nothing():
    watch = LaneWatch([[0, 1]], 4, 300)
    assert not watch.update(USUAL, USUAL, np.zeros(4, dtype=bool)).any()


def test_lanes_of_a_movement_are_known_by_their_connections():
    network = street_network(("A",))
    assert lanes_of(network, [c.connection_id for c in network.connections]) == []


def test_counts_of_other_lengths_are_refused():
    with pytest.raises(CountError, match="one per detector"):
        LaneWatch([], 4, 300).update(USUAL[:2], USUAL, np.zeros(4, dtype=bool))
