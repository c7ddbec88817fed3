"""Counts: validated on construction, cut and converted without surprises."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from network.counts import CountSeries, Quality
from network.errors import CountError
from tests.strategies import connection, network_of, signal_of


def series(**changes: object) -> CountSeries:
    values: dict[str, object] = {
        "kind": "movement",
        "series_ids": ("a>b", "c>d"),
        "start_s": 25200.0,
        "interval_s": 900,
        "volume_veh": [[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]],
        "quality": [[0, 0], [0, 1], [0, 2]],
    }
    return CountSeries(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "lane"}, "kind 'lane'"),
        ({"series_ids": ()}, "at least one series"),
        ({"series_ids": ("a>b", "a>b")}, "'a>b' counted twice"),
        ({"series_ids": ("a>b", "")}, "with a name"),
        ({"series_ids": ("a>b",)}, r"shape \[3, 2\]"),
        ({"start_s": float("nan")}, "start at nan s"),
        ({"start_s": -1.0}, "start at -1.0 s"),
        ({"interval_s": 0}, "interval is 0 s"),
        ({"interval_s": 900.0}, "whole seconds"),
        ({"volume_veh": np.zeros((0, 2)), "quality": np.zeros((0, 2))}, "at least one interval"),
        ({"volume_veh": np.zeros(2)}, "shape"),
        ({"volume_veh": [["x", "y"]]}, "not an array of numbers"),
        ({"volume_veh": [[1, -2], [3, np.nan], [5, 6]]}, r"'c>d' at 25200 s .* is negative"),
        ({"volume_veh": [[1, np.inf], [3, np.nan], [5, 6]]}, "is negative or infinite"),
        ({"volume_veh": [[1, np.nan], [3, np.nan], [5, 6]]}, "holds no number"),
        ({"volume_veh": [[1, 2], [3, 4], [5, 6]]}, "flagged missing"),
        ({"quality": [[0, 0], [0, 1], [0, 7]]}, "unknown quality 7"),
        ({"quality": [[0, 0], [0, 1], [0, 0.5]]}, "unknown quality 0.5"),
        ({"quality": [[0, 0], [0, 1]]}, r"quality has shape \[2, 2\]"),
        ({"occupancy_pct": np.full((3, 2), 101.0)}, "occupancy outside 0 to 100; so do 5 more"),
        ({"occupancy_pct": np.zeros((2, 2))}, "occupancy has shape"),
    ],
)
def test_a_wrong_series_is_refused_with_the_reason(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(CountError, match=message):
        series(**changes)


def test_a_suspect_count_may_or_may_not_hold_a_number() -> None:
    flags = [[0, int(Quality.STUCK)], [0, int(Quality.STUCK)], [0, int(Quality.FILLED)]]
    assert series(quality=flags).quality[1, 1] == Quality.STUCK


def test_flow_is_scaled_to_the_hour_and_keeps_gaps() -> None:
    np.testing.assert_array_equal(series().flow_vph(), [[4, 8], [12, np.nan], [20, 24]])


def test_a_slice_takes_intervals_by_their_beginning() -> None:
    part = series(occupancy_pct=np.full((3, 2), 9.0)).slice(25200.5, 27000.5)
    assert (part.start_s, part.intervals, part.end_s) == (26100.0, 2, 27900.0)
    np.testing.assert_array_equal(part.volume_veh, [[3, np.nan], [5, 6]])
    assert part.occupancy_pct is not None
    assert part.occupancy_pct.shape == (2, 2)


def test_an_empty_slice_is_an_error() -> None:
    with pytest.raises(CountError, match="no interval begins between 0 s and 25200 s"):
        series().slice(0, 25200)


def test_select_orders_as_asked_and_names_what_was_not_counted() -> None:
    assert series().select(["c>d"]).volume_veh[0, 0] == 2
    with pytest.raises(CountError, match="'x', 'y', 'z' and 1 more: not among the counted"):
        series().select(["x", "y", "z", "a>b", "q"])


def test_unknown_names_are_listed_up_to_three_and_counted() -> None:
    network = network_of(signal_of((connection(0, frozenset(), frozenset()),), None, None))  # type: ignore[arg-type]
    counted = CountSeries.from_volumes("movement", ("in0>out0",), 0, 60, [[1]])
    counted.require_known(network)
    CountSeries.from_volumes("approach", ("in0",), 0, 60, [[1]]).require_known(network)
    unknown = CountSeries.from_volumes("movement", list("abcde"), 0, 60, [[1] * 5])
    with pytest.raises(CountError, match=r"'a', 'b', 'c' and 2 more: no signalized movement"):
        unknown.require_known(network)
    with pytest.raises(CountError, match="no link of network 'test'"):
        CountSeries.from_volumes("approach", ("x",), 0, 60, [[1]]).require_known(network)


def test_arrays_are_copied_and_read_only_even_after_a_pickle() -> None:
    volume = np.ones((1, 1))
    counted = CountSeries.from_volumes("approach", ("a",), 0.0, 60, volume)
    volume[0, 0] = 9
    assert counted.volume_veh[0, 0] == 1
    for copy in (counted, pickle.loads(pickle.dumps(counted))):
        assert not copy.volume_veh.flags.writeable
        assert not copy.quality.flags.writeable
