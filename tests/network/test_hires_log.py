"""Controller logs: every header and time form, bad rows by place, and back as written."""

from __future__ import annotations

import gzip
import pickle
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import FormatError
from network.readers import hires_log
from network.readers.hires_events import HiresEvents
from network.readers.hires_log import read_hires_log, write_hires_log
from tests.network.damaged_counts import survives
from tests.network.streets import SHARED_DATA

HEADER = "TimeStamp,DeviceId,EventId,Parameter\n"
ROW = "2024-05-13 15:00:00.1,227,82,5\n"
OREGON = SHARED_DATA / "atspm_hires_oregon" / "hires_events.csv.gz"
PACIFIC = "America/Los_Angeles"


def log(path: Path, text: str, zone: str = "UTC", device: str = "") -> HiresEvents:
    path = path / "log.csv"
    path.write_text(text, newline="")
    return read_hires_log(path, zone, device=device)


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROW,
        "SignalID,Timestamp,EventCode,EventParam\n227,2024-05-13T15:00:00.1000000,82,5\n",
        "locationIdentifier,timestamp,eventCode,eventParam\r\n227,2024-05-13T15:00:00.1Z,82,5\r\n",
        "Timestamp,SignalId,EventCodeID,EventParam\n5/13/2024 15:00:00.1,227,82,5\n",
        "Timestamp,Signal,Event Code,Event Param\n5/13/2024 3:00:00.1 PM,227,82,5\n",
        '\ufeff"TimeStamp","DeviceId","EventId","Parameter"\n'
        '"2024-05-13 15:00:00.1"," 227","82","5"',
        "TimeStamp,DeviceId,EventId,Parameter\n2024-05-13 08:00:00.1-07:00,227,82,5\n",
    ],
)
def test_headers_and_times_of_the_common_exports_are_known(tmp_path: Path, text: str) -> None:
    events = log(tmp_path, text)
    assert events.devices == ("227",)
    assert str(events.time_utc[0]) == "2024-05-13T15:00:00.100000"
    assert (int(events.code[0]), int(events.parameter[0])) == (82, 5)


def test_a_log_of_one_device_may_be_named_and_extra_columns_are_listed(tmp_path: Path) -> None:
    text = "Timestamp,EventCode,EventParam,Note\n2024-05-13 15:00:00,1,2,x\n"
    events = log(tmp_path, text, device="x7")
    assert events.devices == ("x7",)
    assert "ignored the columns Note" in events.findings[0]
    with pytest.raises(FormatError, match="no column for the device among 'Timestamp'"):
        log(tmp_path, text)


def test_rows_are_sorted_and_exact_repeats_left_out_with_a_word(tmp_path: Path) -> None:
    later = "2024-05-13 15:00:01,227,1,2\n"
    events = log(tmp_path, HEADER + later + ROW + later + ROW)
    assert events.code.tolist() == [82, 1]
    assert "2 rows come before the row above" in events.findings[0]
    assert "2 rows repeat an earlier one" in events.findings[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no events"),
        (HEADER, "holds no events"),
        ("a,b\n", "row 1: no column for the time, device, code, parameter among 'a', 'b'"),
        ("Time," + HEADER, "row 1: the columns 'Time' and 'TimeStamp' both hold the time"),
        (HEADER + ROW + "2024-05-13 15:00:00.1,227,82\n", "row 3: found 3 columns; allowed are 4"),
        (HEADER + "\n" + ROW + "now,227,82,5\n", "row 4, column time: found 'now'"),
        (HEADER + "NaT,227,82,5\n", "row 2, column time: found 'NaT'"),
        (HEADER + "2024-02-30 15:00:00,227,82,5\n", "row 2, column time: found '2024-02-30 15"),
        (HEADER + "2024-05-13 25:00:00,227,82,5\n", "column time"),
        (HEADER + "13/5/2024 15:00:00,227,82,5\n", "column time"),
        (HEADER + "5/13/2024 13:00:00 PM,227,82,5\n", "column time"),
        (HEADER + "0001-01-01 00:00:00,227,82,5\n", "allowed is a time of the years 1980 to 2100"),
        (HEADER + "2024-05-13 15:00:00,,82,5\n", "row 2, column device: found ''"),
        (HEADER + "2024-05-13 15:00:00,227,8.5,5\n", "row 2, column event code: found '8.5'"),
        (HEADER + "2024-05-13 15:00:00,227,-1,5\n", "row 2, column event code: found '-1'"),
        (HEADER + "2024-05-13 15:00:00,227,70000,5\n", "whole number 0 to 65535"),
        (HEADER + "2024-05-13 15:00:00,227,82,\n", "row 2, column parameter: found ''"),
        (HEADER + "2024-05-13 15:00:00,227,82,1_0\n", "column parameter: found '1_0'"),
        (HEADER + "2024-05-13 15:00:00,227,82,٣\n", "column parameter"),
        (HEADER + "2024-05-13 15:00:00,227,82,9999999999\n", "column parameter"),
        (HEADER + "2024-05-13 15:00:00,227,82," + "9" * 5000 + "\n", "column parameter"),
        (HEADER + ROW + '"2024,227,82,5\n', "not readable CSV"),
        (HEADER + ROW + "2024-05-13\0,227,82,5\n", "row 3: holds a NUL byte"),
        (",".join(f"c{i}" for i in range(100_000)), "found 100000 columns; allowed are 64"),
        ("x" * 3_000_000, "longer than 1048576 bytes"),
    ],
)
def test_bad_input_names_row_column_found_and_allowed(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(FormatError, match=message) as error:
        log(tmp_path, text)
    assert str(tmp_path / "log.csv") in str(error.value)
    assert len(str(error.value)) < 1000


def test_rows_are_numbered_across_blocks(tmp_path: Path) -> None:
    text = HEADER + ROW * 60_000 + "2024-05-13 15:00:00,227,x,5\n"
    with pytest.raises(FormatError, match="row 60002, column event code: found 'x'"):
        log(tmp_path, text)


def test_files_that_are_no_logs_are_format_errors(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    with pytest.raises(FormatError, match="cannot be read"):
        read_hires_log(path, "UTC")
    path.write_bytes(gzip.compress((HEADER + ROW * 1000).encode())[:-20])
    with pytest.raises(FormatError, match="damaged gzip data"):
        read_hires_log(path, "UTC")
    path.write_bytes(HEADER.encode() + b"2024\xff,1,2,3\n")
    with pytest.raises(FormatError, match="row 2: not text in UTF-8"):
        read_hires_log(path, "UTC")
    with pytest.raises(FormatError, match="cannot be read"):
        read_hires_log(tmp_path, "UTC")


def test_a_gzip_bomb_is_refused_soon(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(HEADER.encode() + ROW.encode() * 1_000_000, 9))
    begin_s = time.process_time()
    with pytest.raises(FormatError, match="unpacks to more than 100 times its size"):
        read_hires_log(path, "UTC")
    assert time.process_time() - begin_s < 10.0


def test_a_night_with_an_hour_twice_is_told_by_order(tmp_path: Path) -> None:
    rows = ["01:59:59", "01:00:00", "02:00:00"]
    text = HEADER + "".join(f"2024-11-03 {row},227,1,2\n" for row in rows)
    events = log(tmp_path, text, PACIFIC)
    assert [str(stamp)[11:19] for stamp in events.time_utc] == ["08:59:59", "09:00:00", "10:00:00"]
    assert not events.findings
    once = log(tmp_path, HEADER + "2024-11-03 01:30:00,227,1,2\n", PACIFIC)
    assert "happens twice in America/Los_Angeles" in once.findings[0]


def test_an_hour_that_never_happened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"row 3, column time: found '2024-03-10 02:30.*skipped"):
        log(tmp_path, HEADER + ROW + "2024-03-10 02:30:00,227,1,2\n", PACIFIC)


@st.composite
def event_logs(draw: st.DrawFn) -> HiresEvents:
    size = draw(st.integers(1, 30))
    times = np.sort(
        draw(st.lists(st.integers(0, 10**6), min_size=size, max_size=size, unique=True))
    )
    begin = np.datetime64("2024-11-03T05:00", "us")
    numbers = st.lists(st.integers(-1, 2**31 - 1), min_size=size, max_size=size)
    return HiresEvents(
        ("a", 'b "x", y'),
        begin + times * np.timedelta64(100, "ms"),
        np.array(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))),
        np.array(draw(st.lists(st.integers(0, 65535), min_size=size, max_size=size))),
        np.array(draw(numbers)),
    )


@given(events=event_logs(), zone=st.sampled_from(["UTC", PACIFIC, "Asia/Kathmandu"]))
def test_events_come_back_as_written(events: HiresEvents, zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("log.csv", "log.csv.gz"):
            path = Path(folder) / name
            try:
                write_hires_log(path, events, zone)
            except FormatError as error:
                refusal = str(error)
            else:
                refusal = ""
            assert path.exists() == (not refusal)
            if refusal:
                assert "happens twice" in refusal
                continue
            back = read_hires_log(path, zone)
            assert [p.name for p in Path(folder).glob(f"*{name}*")] == [name]
            names = [back.devices[index] for index in back.device]
            assert names == [events.devices[index] for index in events.device]
            for array in ("time_utc", "code", "parameter"):
                np.testing.assert_array_equal(getattr(back, array), getattr(events, array))


def test_writing_fails_whole(tmp_path: Path) -> None:
    events = HiresEvents(("a",), np.array(["2024-01-01"], dtype="M8[us]"), [0], [1], [2])
    with pytest.raises(FormatError, match="cannot be written"):
        write_hires_log(tmp_path / "none" / "log.csv.gz", events)
    wrong = HiresEvents(("a\nb",), events.time_utc, [0], [1], [2])
    with pytest.raises(FormatError, match="cannot hold the device name"):
        write_hires_log(tmp_path / "log.csv", wrong)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": [1]}, "names no device"),
        ({"code": [1, 2]}, "code has shape"),
        ({"code": [-1]}, "codes must be 0"),
        ({"devices": ("a", "a")}, "must be given and differ"),
        ({"time_utc": np.array(["NaT"], dtype="M8[us]")}, "never decrease"),
    ],
)
def test_contradicting_events_are_refused(changes: dict[str, object], message: str) -> None:
    values: dict[str, object] = {
        "devices": ("a",),
        "time_utc": np.array(["2024-01-01"], dtype="M8[us]"),
        **{"device": [0], "code": [1], "parameter": [2]},
    }
    with pytest.raises(FormatError, match=message):
        HiresEvents(**{**values, **changes})  # type: ignore[arg-type]


def test_events_are_read_only_also_after_pickling(tmp_path: Path) -> None:
    events = log(tmp_path, HEADER + ROW)
    for one in (events, pickle.loads(pickle.dumps(events)), events.of_device("227")):
        with pytest.raises(ValueError, match="read-only"):
            one.code[0] = 1
    with pytest.raises(FormatError, match="no events of device '9'; the log has 227"):
        events.of_device("9")


def damage_base() -> bytes:
    rows = [f"2024-05-13 15:00:{i:02}.{i % 10},{227 + i % 2},{80 + i % 9},{i}\n" for i in range(60)]
    return (HEADER + "".join(rows)).encode()


@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_logs_are_read_or_refused(tmp_path: Path, zipped: bool) -> None:
    content = gzip.compress(damage_base()) if zipped else damage_base()
    path = tmp_path / "log.csv"
    assert survives(lambda p: read_hires_log(p, PACIFIC), content, path, 200) > 80


@pytest.mark.slow
def test_many_damaged_logs_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    assert survives(lambda p: read_hires_log(p, PACIFIC), damage_base(), path, 10_000, 7) > 3000


def test_a_quarter_of_a_million_events_read_within_seconds() -> None:
    if not OREGON.exists():
        pytest.skip("the shared data beside the repository are absent")
    begin_s = time.process_time()
    events = hires_log.read_hires_log(OREGON, PACIFIC)
    # A second on an idle core; the suite may share its machine.
    assert time.process_time() - begin_s < 10.0
    assert len(events) == 245_917
    assert "496 rows repeat an earlier one" in events.findings[0]
