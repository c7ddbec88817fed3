"""A table that grows is read once, line by line, whatever is written into it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from network.errors import FormatError, ThroughbandError
from throughband.counts.count_tables import HISTORY
from throughband.counts.growing_counts import GrowingCounts

HEAD = "time,detector,count\n"


def append(path: Path, text: str) -> None:
    with path.open("a", newline="") as stream:
        stream.write(text)


def seconds(time: datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "us")


def test_each_row_is_returned_once(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(HEAD + "2031-03-03T07:00Z,a,1\n2031-03-03T07:00Z,b,2\n")
    source = GrowingCounts(path, "UTC")
    first = source.new()
    assert first is not None
    assert first.value.tolist() == [1.0, 2.0]
    assert source.new() is None
    append(path, "2031-03-03T07:15Z,b,5\n")
    second = source.new()
    assert second is not None
    assert second.names == ("b",)
    assert second.value.tolist() == [5.0]


def test_a_line_that_is_still_being_written_waits(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(HEAD + "2031-03-03T07:00Z,a,1")
    source = GrowingCounts(path, "UTC")
    assert source.new() is None
    append(path, "2\n")
    found = source.new()
    assert found is not None
    assert found.value.tolist() == [12.0]
    assert source.unread == 0


def test_lines_that_cannot_be_read_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(
        HEAD.encode() + b"yesterday,a,1\n2031-03-03T07:00Z,a\n\xff\xfe,a,1\n"
        b"2031-03-03T07:00Z,a,many\n2031-03-03T07:00Z,a,3\n"
    )
    source = GrowingCounts(path, "UTC")
    found = source.new()
    assert found is not None
    assert found.value.tolist() == [3.0]
    assert source.unread == 4
    assert "row 5" in source.last_unread


def test_a_file_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(HEAD + "2031-03-03T07:00Z,a,1\n2031-03-03T07:15Z,a,2\n")
    source = GrowingCounts(path, "UTC")
    source.new()
    path.write_text(HEAD + "2031-03-03T07:30Z,a,3\n")
    found = source.new()
    assert found is not None
    assert found.value.tolist() == [3.0]


def test_a_wide_table_grows_too(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text("time;a;b\n2031-03-03T07:00Z;1;\n")
    found = GrowingCounts(path, "UTC").new()
    assert found is not None
    assert found.names == ("a", "b")
    assert found.value[0] == 1.0
    assert np.isnan(found.value[1])


def test_a_folder_of_the_bridge_is_read_at_its_history(tmp_path: Path) -> None:
    (tmp_path / HISTORY).write_text("time,movement,count\n2031-03-03T07:00:00+00:00,n>s,4\n")
    found = GrowingCounts(tmp_path, "UTC").new()
    assert found is not None
    assert found.names == ("n>s",)


def test_an_hour_that_comes_twice_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(HEAD)
    source = GrowingCounts(path, "Europe/Berlin")
    used: datetime | None = None
    # The clock goes from 3:00 back to 2:00 on 26 October 2031.
    for hour, wall in ((0, "02:00"), (0, "02:30"), (1, "02:00"), (1, "02:30")):
        append(path, f"2031-10-26T{wall},a,1\n")
        found = source.new(used)
        assert found is not None
        used = datetime(2031, 10, 26, hour, int(wall[3:]), tzinfo=UTC)
        assert found.time[0] == seconds(used)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("what,else\n1,2\n", "time, detector and count"),
        ("time,a,a\n2031-03-03T07:00Z,1,2\n", "twice"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(ThroughbandError, match=says):
        GrowingCounts(path, "UTC").new()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"absent\.csv: cannot be read"):
        GrowingCounts(tmp_path / "absent.csv", "UTC").new()
