"""Readings on a grid: what is flagged, sorted, added up or refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from network.counts import Quality
from network.errors import CountError
from tests.throughband.drawn_counts import (
    SLOTS,
    ZONE,
    a_feed,
    drawn,
    quarter_hours,
    write_tidy,
)
from throughband.counts.count_feed import CountFeed, in_steps, without_empty
from throughband.counts.count_tables import read_feed


def test_a_time_off_the_grid_is_refused_with_its_row(tmp_path: Path) -> None:
    rows = [(moment, "a", "1") for moment in [*quarter_hours(4), "2031-03-03T01:07"]]
    with pytest.raises(CountError, match=r"row 6: the time .* is not on the grid of 900 s"):
        read_feed(write_tidy(tmp_path / "a.csv", rows), "UTC")


def test_a_gap_of_a_century_is_refused_before_memory_is(tmp_path: Path) -> None:
    moments = ["1985-01-01T00:00", "1985-01-01T00:01", "1985-01-01T00:02", "2099-01-01T00:00"]
    rows = [(moment, "a", "1") for moment in moments]
    with pytest.raises(CountError, match="allowed are 40000000 counts"):
        read_feed(write_tidy(tmp_path / "a.csv", rows), "UTC")


def test_readings_of_one_time_are_no_series(tmp_path: Path) -> None:
    path = write_tidy(tmp_path / "a.csv", [("2031-03-03T00:00", "a", "1")])
    with pytest.raises(CountError, match="holds 1 time"):
        read_feed(path, "UTC")


def test_negative_and_impossible_counts_are_flagged(tmp_path: Path) -> None:
    values = ["5", "-1", "1e9", "inf", "nan", ""]
    rows = list(zip(quarter_hours(6), "aaaaaa", values, strict=True))
    feed = read_feed(write_tidy(tmp_path / "a.csv", rows), "UTC")
    assert feed.quality[:, 0].tolist() == [0, 5, 5, 5, 1, 1]
    assert np.isnan(feed.counts[1:]).all()
    assert any("1 counts are negative" in finding for finding in feed.findings)


def test_rows_out_of_order_are_sorted_and_said(tmp_path: Path) -> None:
    moments = quarter_hours(4)
    rows = [(moments[i], "a", str(i)) for i in (2, 0, 1, 3)]
    feed = read_feed(write_tidy(tmp_path / "a.csv", rows), "UTC")
    assert feed.counts[:, 0].tolist() == [0, 1, 2, 3]
    assert any("out of order" in finding for finding in feed.findings)


def test_rows_that_come_twice_count_once_unless_they_differ(tmp_path: Path) -> None:
    moments = quarter_hours(3)
    rows = [(moments[i], "a", count) for i, count in ((0, "4"), (0, "4"), (1, "5"), (1, "6"))]
    feed = read_feed(write_tidy(tmp_path / "a.csv", [*rows, (moments[2], "a", "7")]), "UTC")
    assert feed.quality[:, 0].tolist() == [Quality.GOOD, Quality.SUSPECT, Quality.GOOD]
    assert feed.counts[[0, 2], 0].tolist() == [4, 7]
    assert any("2 rows came twice, 1 of them" in finding for finding in feed.findings)


def test_an_hour_that_the_clock_skips_is_left_out(tmp_path: Path) -> None:
    begin = datetime(2006, 10, 29, 1, 0)  # noqa: DTZ001
    rows = [(moment, "a", "1") for moment in quarter_hours(16, begin)]
    feed = read_feed(write_tidy(tmp_path / "a.csv", rows), ZONE)
    assert len(feed.counts) == 12
    assert any("the clock of Australia/Melbourne skips" in one for one in feed.findings)


def test_an_hour_that_comes_twice_is_told_apart_by_its_order(tmp_path: Path) -> None:
    begin = datetime(2007, 3, 25, 2, 0)  # noqa: DTZ001
    twice = [*quarter_hours(4, begin), *quarter_hours(8, begin)]
    rows = [(moment, "a", str(i)) for i, moment in enumerate(twice)]
    feed = read_feed(write_tidy(tmp_path / "a.csv", rows), ZONE)
    assert feed.counts[:, 0].tolist() == list(range(12))


def test_detectors_without_any_count_are_left_out_and_said() -> None:
    counts = drawn(2)
    counts[:, 2] = np.nan
    feed = without_empty(a_feed(counts))
    assert feed.names == ("d0", "d1", "d3", "d4", "d5")
    assert feed.findings == ("left out without a single count: d2",)


def test_a_feed_that_never_counted_is_refused() -> None:
    with pytest.raises(CountError, match="none of the 2 detectors"):
        without_empty(a_feed(np.full((SLOTS, 2), np.nan)))


def test_longer_steps_add_up_and_lack_what_a_part_lacks() -> None:
    counts = np.arange(12, dtype=float)[:, None]
    counts[5] = np.nan
    feed = in_steps(a_feed(counts), 3600, "a.csv")
    assert feed.counts[[0, 2], 0].tolist() == [0 + 1 + 2 + 3, 8 + 9 + 10 + 11]
    assert feed.quality[:, 0].tolist() == [Quality.GOOD, Quality.MISSING, Quality.GOOD]


def test_longer_steps_begin_on_whole_ones() -> None:
    feed = a_feed(np.ones((7, 1)))
    late = CountFeed(
        feed.names, feed.start + timedelta(minutes=30), 900, feed.counts, feed.quality, ()
    )
    found = in_steps(late, 3600, "a.csv")
    assert found.start == feed.start
    assert np.isnan(found.counts[0, 0])
    assert found.counts[1, 0] == 4
