"""Sums of detectors are as good as their worst part."""

from __future__ import annotations

import numpy as np
import pytest

from network.counts import CountSeries, Quality
from network.errors import CountError
from network.regrouping import regroup

N = np.nan


def counted() -> CountSeries:
    return CountSeries(
        "detector",
        ("a", "b", "c"),
        0.0,
        900,
        np.array([[1.0, 2, 3], [4, N, 6], [7, 8, 9], [1, 1, 1]]),
        np.array([[0, 0, 0], [0, 1, 0], [2, 0, 0], [0, 6, 0]]),
        np.array([[10.0, 20, 30], [0, N, 0], [0, 0, 0], [100, 100, 0]]),
    )


def test_parts_are_added_and_the_worst_flag_is_kept() -> None:
    sums = regroup(counted(), "movement", {"a": "x>y", "b": "x>y", "c": "x>z"})
    assert (sums.kind, sums.series_ids) == ("movement", ("x>y", "x>z"))
    np.testing.assert_array_equal(sums.volume_veh[:, 0], [3, N, 15, 2])
    expected = [Quality.GOOD, Quality.MISSING, Quality.SUSPECT, Quality.FILLED]
    assert sums.quality[:, 0].tolist() == [int(flag) for flag in expected]
    assert sums.occupancy_pct is not None
    np.testing.assert_array_equal(sums.occupancy_pct[:, 0], [15, N, 0, 100])


def test_what_the_table_does_not_name_is_left_out() -> None:
    sums = regroup(counted(), "approach", {"c": "x"})
    np.testing.assert_array_equal(sums.volume_veh, [[3], [6], [9], [1]])


@pytest.mark.parametrize("table", [{}, {"d": "x"}, {"a": "x", "d": "x"}])
def test_a_table_that_names_what_was_not_counted_is_refused(table: dict[str, str]) -> None:
    with pytest.raises(CountError, match="asked to add up"):
        regroup(counted(), "movement", table)
