"""Files of counts: how they are told apart, and what is refused."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from network.errors import CountError, FormatError
from tests.throughband.drawn_counts import (
    DETECTORS,
    SLOTS,
    ZONE,
    drawn,
    quarter_hours,
    write_tidy,
    write_wide,
)
from throughband.counts.count_tables import read_feed

REFUSED_WITHIN_S = 1.0


def long_line(path: Path) -> None:
    path.write_text("time," + ",".join(f"c{n}" for n in range(300_000)))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "cannot be read"),
    "empty": (lambda path: path.write_text(""), "empty"),
    "nul": (lambda path: path.write_bytes(b"time,detector,count\n\0"), "NUL byte"),
    "noise": (lambda path: path.write_bytes(b"\xff\xfe\x80" * 900), "not text"),
    "columns": (long_line, "longer than"),
    "ragged": (lambda path: path.write_text("time,a\n2031-03-03T00:00,1,2\n"), "found 3 columns"),
    "twice": (lambda path: path.write_text("time,a,a\n2031-03-03T00:00,1,2\n"), "appears twice"),
    "words": (lambda path: path.write_text("time,a\n2031-03-03T00:00,many\n"), "count 'many'"),
    "dates": (
        lambda path: path.write_text("time,detector,count\nyesterday,a,1\n"), "time 'yesterday'",
    ),
    "undated": (
        lambda path: path.write_text("begin_s,interval_s,movement,volume_veh\n0,900,a,1\n"),
        "no dates",
    ),
    "gzip": (lambda path: path.write_bytes(b"\x1f\x8b\x08\x00broken"), "damaged gzip"),
    "zip": (lambda path: path.write_bytes(b"PK\x03\x04broken"), "not a readable workbook"),
    "quotes": (lambda path: path.write_text('time,a\n"2031-03-03T00:00"x,1\n'), "readable CSV"),
    "year": (lambda path: path.write_text("time,a\n0031-03-03T00:00,1\n"), "year 31"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_lie_are_refused_at_once(name: str, tmp_path: Path) -> None:
    damage, said = BROKEN[name]
    path = tmp_path / "counts.csv"
    damage(path)
    begun = time.perf_counter()
    with pytest.raises((CountError, FormatError), match=re.escape(said)) as error:
        read_feed(path, "UTC")
    assert time.perf_counter() - begun < REFUSED_WITHIN_S
    assert "counts.csv" in str(error.value)


def test_times_with_and_without_offset_do_not_mix(tmp_path: Path) -> None:
    rows = [("2031-03-03T00:00", "a", "1"), ("2031-03-03T00:15+10:00", "a", "1")]
    with pytest.raises(CountError, match=r"row 3.*either all"):
        read_feed(write_tidy(tmp_path / "a.csv", rows), "UTC")


def test_wide_and_tidy_tables_say_the_same(tmp_path: Path) -> None:
    counts = drawn(1)
    counts[3, 1] = np.nan
    wide = read_feed(write_wide(tmp_path / "wide.csv", counts), ZONE)
    rows = [
        (moment, f"d{n}", "" if np.isnan(counts[row, n]) else f"{counts[row, n]:g}")
        for n in range(DETECTORS)
        for row, moment in enumerate(quarter_hours(SLOTS))
    ]
    tidy = read_feed(write_tidy(tmp_path / "tidy.csv", rows), ZONE)
    assert wide.names == tidy.names
    assert wide.start == tidy.start
    np.testing.assert_array_equal(wide.counts, tidy.counts)


def test_times_with_an_offset_need_no_zone_of_their_own(tmp_path: Path) -> None:
    rows = [(f"2031-03-03T0{hour}:00Z", "a", "1") for hour in range(3)]
    feed = read_feed(write_tidy(tmp_path / "a.csv", rows), ZONE)
    assert feed.start == datetime(2031, 3, 3, tzinfo=UTC)
    assert feed.step_s == 3600


def test_a_count_sheet_gives_its_movements(tmp_path: Path) -> None:
    path = tmp_path / "4th and Main.csv"
    rows = [f"2031-03-03 0{7 + k // 4}:{k % 4 * 15:02d},{k},{10 + k},{k}" for k in range(8)]
    path.write_text("\n".join(["Start,NBL,NBT,NBR", *rows]) + "\n")
    feed = read_feed(path, "America/Phoenix")
    assert feed.step_s == 900
    assert feed.counts[:, 1].tolist() == [float(10 + k) for k in range(8)]


def test_a_controller_log_gives_its_channels(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    events = [f"2031-03-03 07:{minute:02d}:05.0,7,82,3" for minute in range(20)]
    path.write_text("\n".join(["TimeStamp,DeviceId,EventId,Parameter", *events]) + "\n")
    feed = read_feed(path, "America/Phoenix", 300)
    assert feed.names == ("7:3",)
    assert feed.counts[:, 0].tolist() == [5, 5, 5, 5]
    assert feed.start == datetime(2031, 3, 3, 14, tzinfo=UTC)


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    counts = drawn(1)
    csv_file = write_wide(tmp_path / "a.csv", counts)
    frame = pd.read_csv(csv_file)
    frame["time"] = pd.to_datetime(frame["time"])
    frame.to_parquet(tmp_path / "a.parquet")
    left, right = (read_feed(tmp_path / name, ZONE) for name in ("a.csv", "a.parquet"))
    assert left.start == right.start
    np.testing.assert_array_equal(left.counts, right.counts)


def test_an_unknown_zone_is_refused_by_the_reader(tmp_path: Path) -> None:
    path = write_tidy(tmp_path / "a.csv", [("2031-03-03T00:00", "a", "1")])
    with pytest.raises(FormatError, match="Mars/Base"):
        read_feed(path, "Mars/Base")
