"""Tidy CSV of counts: everything comes back, everything malformed is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network.counts import CountSeries, Quality
from network.errors import CountError
from network.readers.counts_csv import (
    KINDS,
    read_count_days_csv,
    read_counts_csv,
    write_count_days_csv,
    write_counts_csv,
)

HEADER = "begin_s,interval_s,movement,volume_veh\n"
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(str.isprintable)


@st.composite
def count_series(draw: st.DrawFn) -> CountSeries:
    ids = sorted(draw(st.sets(names, min_size=1, max_size=4)))
    rows = draw(st.integers(1, 4))
    volume = np.full((rows, len(ids)), np.nan)
    quality = np.full(volume.shape, int(Quality.MISSING), dtype=np.uint8)
    for cell in np.ndindex(*volume.shape):
        flag = draw(st.sampled_from(Quality))
        quality[cell] = flag
        if flag in (Quality.GOOD, Quality.FILLED) or (
            flag is not Quality.MISSING and draw(st.booleans())
        ):
            volume[cell] = draw(st.floats(0, 1e9))
    occupancy = np.full(volume.shape, 12.5) if draw(st.booleans()) else None
    kind = draw(st.sampled_from(KINDS))
    start_s = float(draw(st.integers(0, 86400)))
    return CountSeries(kind, tuple(ids), start_s, 300, volume, quality, occupancy)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(counts=count_series())
def test_counts_come_back_as_written(counts: CountSeries, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    write_counts_csv(path, counts)
    back = read_counts_csv(path)
    assert (back.kind, back.series_ids, back.start_s, back.interval_s) == (
        counts.kind,
        counts.series_ids,
        counts.start_s,
        counts.interval_s,
    )
    np.testing.assert_array_equal(back.volume_veh, counts.volume_veh)
    np.testing.assert_array_equal(back.quality, counts.quality)
    assert (back.occupancy_pct is None) == (counts.occupancy_pct is None)
    assert list(tmp_path.iterdir()) == [path]


def test_days_come_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    volumes = np.random.default_rng(1).poisson(9.0, (3, 4, 2)).astype(float)
    volumes[1, 2, 0] = np.nan
    days = [CountSeries.from_volumes("connection", ("a", "b"), 600.0, 300, v) for v in volumes]
    write_count_days_csv(path, days)
    back = read_count_days_csv(path)
    assert len(back) == 3
    for day, was in zip(back, days, strict=True):
        assert (day.series_ids, day.start_s, day.interval_s) == (("a", "b"), 600.0, 300)
        np.testing.assert_array_equal(day.volume_veh, was.volume_veh)
        np.testing.assert_array_equal(day.quality, was.quality)
    with pytest.raises(CountError, match="3 days; allowed here is one"):
        read_counts_csv(path)


def test_days_of_other_series_are_not_written_together(tmp_path: Path) -> None:
    first = CountSeries.from_volumes("movement", ("a",), 0.0, 300, [[1.0]])
    other = CountSeries.from_volumes("movement", ("b",), 0.0, 300, [[1.0]])
    with pytest.raises(CountError, match="day 2 has other series or intervals than day 1"):
        write_count_days_csv(tmp_path / "counts.csv", (first, other))
    assert not list(tmp_path.iterdir())


def test_a_day_lacks_what_it_has_no_row_for(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("day," + HEADER + "7,0,300,a,1\n7,300,300,a,2\n2,0,300,a,3\n")
    second, seventh = read_count_days_csv(path)
    np.testing.assert_array_equal(second.volume_veh[:, 0], [3.0, np.nan])
    np.testing.assert_array_equal(seventh.volume_veh[:, 0], [1.0, 2.0])


@pytest.mark.parametrize("day", ["0", "1.5", "", "monday"])
def test_a_day_is_a_whole_number_from_one(tmp_path: Path, day: str) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("day," + HEADER + f"{day},0,300,a,1\n")
    with pytest.raises(CountError, match=r"row 2, column day: .*a whole number from 1"):
        read_counts_csv(path)


def test_one_row_for_a_series_on_a_day(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("day," + HEADER + "1,0,300,a,1\n2,0,300,a,1\n2,0,300,a,2\n")
    with pytest.raises(CountError, match=r"'a' at 0 s on day 2 again.*row 3 has it"):
        read_count_days_csv(path)


def test_rows_in_any_order_and_holes_are_flagged_missing(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(HEADER + "1800,900,b,4\n0,900,a,1\n\n900,900,b,2.5\n")
    counts = read_counts_csv(path)
    assert counts.series_ids == ("a", "b")
    np.testing.assert_array_equal(counts.volume_veh, [[1, np.nan], [np.nan, 2.5], [np.nan, 4]])
    np.testing.assert_array_equal(counts.quality, [[0, 1], [1, 0], [1, 0]])


def test_a_byte_order_mark_and_reordered_columns_are_read(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(
        b"\xef\xbb\xbfquality,volume_veh,approach,interval_s,begin_s\r\nstuck,7,x,60,0\r\n"
    )
    counts = read_counts_csv(path)
    assert (counts.kind, counts.quality[0, 0]) == ("approach", Quality.STUCK)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: found the columns none"),
        (HEADER, "holds no counts"),
        (HEADER.replace("volume_veh", "volume"), "allowed are begin_s, interval_s, volume_veh"),
        (HEADER.replace("\n", ",color\n"), "color"),
        (HEADER.replace("\n", ",approach\n"), "one of movement, approach, connection"),
        (HEADER.replace("\n", ",begin_s\n"), "each once"),
        (HEADER + "0,900,a\n", "row 2: found 3 columns; allowed are 4"),
        (HEADER + "x,900,a,1\n", "row 2, column begin_s: found 'x'"),
        (HEADER + "-900,900,a,1\n", "column begin_s: found '-900'"),
        (HEADER + "0,0,a,1\n", "column interval_s: found '0'; allowed is whole seconds from 1"),
        (HEADER + "0,7.5,a,1\n", "column interval_s: found '7.5'"),
        (HEADER + "0,900,,1\n", "column movement: found ''"),
        (HEADER + "0,900,a,-1\n", "column volume_veh: found '-1'"),
        (HEADER + "0,900,a,nan\n", "column volume_veh: found 'nan'"),
        (HEADER + "0,900,a,inf\n", "column volume_veh: found 'inf'"),
        (HEADER + "0,900,a,1_0\n", "column volume_veh: found '1_0'"),
        (HEADER + "0,900,a,\n", "leave out the row of a missing count"),
        (HEADER + "0,900,a,1\n0,900,a,2\n", "row 3, column movement: found 'a' at 0 s again"),
        (HEADER + "0,900,a,1\n450,900,a,2\n", "row 3, column begin_s: found '450'"),
        (HEADER + "0,900,a,1\n900,300,a,2\n", "row 3, column interval_s: found '300'"),
        (HEADER + "0,1,a,1\n1e12,1,a,2\n", "allowed are 20000000 counts"),
        (HEADER + "0,1,a,1\n1e308,1,a,2\n", "allowed are 20000000 counts"),
        (HEADER.replace("\n", ",quality\n") + "0,900,a,1,fine\n", "column quality: found 'fine'"),
        (HEADER.replace("\n", ",quality\n") + "0,900,a,1,missing\n", "an empty cell"),
        (HEADER.replace("\n", ",quality\n") + "0,900,a,,good\n", "column volume_veh: found ''"),
        (HEADER.replace("\n", ",occupancy_pct\n") + "0,900,a,1,101\n", "allowed is 0 to 100"),
        (HEADER + '0,900,"a,1\n', "not readable CSV"),
    ],
)
def test_bad_input_names_row_column_found_and_allowed(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(CountError, match=message) as error:
        read_counts_csv(path)
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read_or_written_are_count_errors(tmp_path: Path) -> None:
    with pytest.raises(CountError, match="cannot be read"):
        read_counts_csv(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CountError, match="not text in UTF-8"):
        read_counts_csv(tmp_path / "latin.csv")
    counts = CountSeries.from_volumes("movement", ("a",), 0, 60, [[1]])
    with pytest.raises(CountError, match="cannot be written"):
        write_counts_csv(tmp_path / "no" / "counts.csv", counts)
    with pytest.raises(CountError, match="allowed is printable text"):
        write_counts_csv(
            tmp_path / "counts.csv", CountSeries.from_volumes("movement", ("a\r",), 0, 60, [[1]])
        )
    assert [path.name for path in tmp_path.iterdir()] == ["latin.csv"]
