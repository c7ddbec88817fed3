from __future__ import annotations

import importlib.util
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from network.errors import FormatError
from network.readers.hires_events import HiresEvents
from network.readers.hires_log import read_hires_log
from network.writers.hires_log import HiresLogFile, write_hires_parquet

BEGIN = np.datetime64("2026-05-04T07:00:00", "us")


def events(*seconds: float, code: int = 82) -> HiresEvents:
    count = len(seconds)
    times = BEGIN + (np.array(seconds) * 1e6).astype("timedelta64[us]")
    return HiresEvents(
        ("north", "south, 2nd"),
        times,
        np.arange(count) % 2,
        np.full(count, code),
        np.arange(count) + 1,
    )


def same(one: HiresEvents, other: HiresEvents) -> bool:
    def rows(log: HiresEvents) -> list[tuple[object, ...]]:
        names = [log.devices[at] for at in log.device.tolist()]
        times = log.time_utc.tolist()
        return list(zip(times, names, log.code.tolist(), log.parameter.tolist(), strict=True))

    return rows(one) == rows(other)


@pytest.mark.parametrize("zone", ["UTC", "America/Phoenix", "Europe/Berlin"])
def test_what_is_written_in_parts_is_read_as_a_whole(tmp_path: Path, zone: str) -> None:
    path = tmp_path / "log.csv"
    with HiresLogFile(path, zone) as log:
        log.append(events(0.1, 0.2))
        log.append(events())
        log.append(events(0.2, 3.123456))
    with HiresLogFile(path, zone) as log:
        log.append(events(7.0))
    assert same(read_hires_log(path, zone), events_of_all())
    assert path.read_text().count("TimeStamp") == 1


def events_of_all() -> HiresEvents:
    parts = [events(0.1, 0.2), events(0.2, 3.123456), events(7.0)]
    return HiresEvents(
        parts[0].devices,
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("time_utc", "device", "code", "parameter")
        ),
    )


def test_events_before_the_last_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with HiresLogFile(path) as log:
        log.append(events(5.0))
        before = path.read_bytes()
        with pytest.raises(FormatError, match="comes after"):
            log.append(events(4.0))
    assert path.read_bytes() == before


def test_a_line_cut_off_by_a_crash_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with HiresLogFile(path) as log:
        log.append(events(1.0, 2.0))
    path.write_bytes(path.read_bytes()[:-3])
    with HiresLogFile(path) as log:
        log.append(events(3.0))
    assert read_hires_log(path, "UTC").time_utc.tolist() == [
        datetime(2026, 5, 4, 7, 0, 1, tzinfo=UTC).replace(tzinfo=None),
        datetime(2026, 5, 4, 7, 0, 3, tzinfo=UTC).replace(tzinfo=None),
    ]


def test_another_file_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time,count\n1,2\n")
    with pytest.raises(FormatError, match="begins with 'time,count'"):
        HiresLogFile(path)
    assert path.read_text() == "time,count\n1,2\n"


def test_a_name_that_would_break_lines_is_refused(tmp_path: Path) -> None:
    bad = HiresEvents(("a\nb",), [BEGIN], [0], [1], [2])  # type: ignore[arg-type]
    with HiresLogFile(tmp_path / "log.csv") as log, pytest.raises(FormatError, match="device name"):
        log.append(bad)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be written"):
        HiresLogFile(tmp_path / "nowhere" / "log.csv")


def test_parquet_holds_the_same_or_says_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    there = all(importlib.util.find_spec(name) for name in ("pandas", "pyarrow"))
    if not there:
        with pytest.raises(FormatError, match="pandas and pyarrow"):
            write_hires_parquet(path, events(0.1))
        assert list(tmp_path.iterdir()) == []
        return
    import pandas as pd

    write_hires_parquet(path, events(0.1, 3.123456), "America/Phoenix")
    frame = pd.read_parquet(path)
    assert list(frame.columns) == ["TimeStamp", "DeviceId", "EventId", "Parameter"]
    assert frame["TimeStamp"].iloc[1] == pd.Timestamp("2026-05-04 00:00:03.123456")
    assert frame["DeviceId"].tolist() == ["north", "south, 2nd"]
