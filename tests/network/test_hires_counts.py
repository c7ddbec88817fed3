"""Detector events become counts and occupancy; the atspm project's own figures agree."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from network.counts import CountSeries, Quality
from network.errors import CountError, FormatError
from network.readers.hires_counts import (
    DetectorRole,
    detector_counts,
    movements_of,
    read_detector_roles,
)
from network.readers.hires_events import HiresEvents
from network.readers.hires_log import read_hires_log
from network.regrouping import regroup
from tests.network.damaged_counts import survives
from tests.network.streets import SHARED_DATA

OREGON = SHARED_DATA / "atspm_hires_oregon"
PACIFIC = ZoneInfo("America/Los_Angeles")
MIDNIGHT = datetime(2024, 5, 13, tzinfo=UTC)
LOOP = DetectorRole("d", 5, 2, "stopbar count", "a>b")
ROLES = "DeviceId,Phase,Function,Parameter,Movement\n"


@cache
def oregon() -> HiresEvents:
    if not OREGON.exists():
        pytest.skip("the shared data beside the repository are absent")
    return read_hires_log(OREGON / "hires_events.csv.gz", "America/Los_Angeles")


def expected(name: str) -> Iterator[dict[str, str]]:
    with (OREGON / "expected" / name).open() as stream:
        yield from csv.DictReader(stream)


def events(*rows: tuple[float, int, int]) -> HiresEvents:
    """Seconds after midnight, code, parameter."""
    at = [
        np.datetime64("2024-05-13", "us") + np.timedelta64(round(s * 1e6), "us") for s, _, _ in rows
    ]
    zero = np.zeros(len(rows), dtype=np.int32)
    return HiresEvents(("d",), np.array(at), zero, [c for _, c, _ in rows], [p for _, _, p in rows])


def counted(*rows: tuple[float, int, int], interval_s: int = 60) -> CountSeries:
    return detector_counts(events(*rows), [LOOP], interval_s, MIDNIGHT)


def test_counts_of_the_oregon_log_are_those_of_the_source_project() -> None:
    log = oregon()
    table = {
        (datetime.fromisoformat(row["TimeStamp"]), row["DeviceId"], row["Detector"]): float(
            row["Total"]
        )
        for row in expected("actuations.csv")
    }
    roles = [DetectorRole(device, int(channel), None, "any") for _, device, channel in table]
    counts = detector_counts(log, roles, 900, datetime(2024, 5, 13, tzinfo=PACIFIC))
    assert (counts.start_s, counts.intervals) == (15 * 3600, 12)
    assert len(table) == 1235
    # Exact: a count is a whole number on both sides.
    for (begin, device, channel), total in table.items():
        row = (begin.hour * 3600 + begin.minute * 60 - 15 * 3600) // 900
        assert counts.volume_veh[row, counts.series_ids.index(f"{device}:{channel}")] == total
    # Nothing beyond: whatever the source does not list was not counted.
    assert np.nansum(counts.volume_veh) == sum(table.values())


def test_the_oregon_detectors_have_their_roles() -> None:
    oregon()
    roles = read_detector_roles(OREGON / "detector_config.csv")
    assert len(roles) == 74
    assert roles[0] == DetectorRole("227", 3, 2, "advance")
    assert movements_of(roles) == {}


def test_on_events_are_counted_and_the_time_between_on_and_off_is_occupied() -> None:
    counts = counted((0, 1, 2), (10, 82, 5), (16, 81, 5), (59, 82, 5), (63, 81, 5), (119, 1, 2))
    np.testing.assert_array_equal(counts.volume_veh[:, 0], [2, 0])
    assert counts.occupancy_pct is not None
    np.testing.assert_allclose(counts.occupancy_pct[:, 0], [100 * 7 / 60, 100 * 3 / 60])
    assert (counts.kind, counts.series_ids) == ("detector", ("d:5",))


def test_a_detector_on_at_the_ends_of_the_log_is_occupied_there() -> None:
    counts = counted((0, 1, 2), (30, 81, 5), (90, 82, 5), (120, 1, 2))
    assert counts.occupancy_pct is not None
    np.testing.assert_allclose(counts.occupancy_pct[:2, 0], [50, 50])
    np.testing.assert_array_equal(counts.volume_veh[:2, 0], [0, 1])


def test_repeated_on_events_count_and_keep_it_occupied() -> None:
    counts = counted((0, 82, 5), (10, 82, 5), (30, 81, 5), (59, 1, 2))
    assert counts.volume_veh[0, 0] == 2
    assert counts.occupancy_pct is not None
    np.testing.assert_allclose(counts.occupancy_pct[0, 0], 50)


def test_an_event_on_an_edge_belongs_to_the_interval_it_begins() -> None:
    counts = counted((0, 1, 2), (60, 82, 5), (120, 82, 5), (121, 1, 2))
    np.testing.assert_array_equal(counts.volume_veh[:, 0], [0, 1, 1])
    log = events((0, 1, 2), (60, 82, 5), (120, 82, 5))
    cut = detector_counts(
        log, [LOOP], 60, MIDNIGHT, MIDNIGHT, datetime(2024, 5, 13, 0, 2, tzinfo=UTC)
    )
    np.testing.assert_array_equal(cut.volume_veh[:, 0], [0, 1])


def test_silence_is_missing_and_a_partly_covered_interval_is_suspect() -> None:
    counts = counted((200, 82, 5), (210, 81, 5), (1000, 82, 5), interval_s=300)
    assert counts.quality[:, 0].tolist() == [
        *(Quality.SUSPECT, Quality.MISSING, Quality.MISSING, Quality.SUSPECT),
    ]
    assert np.isnan(counts.volume_veh[1:3, 0]).all()
    never = detector_counts(events((0, 1, 2)), [LOOP], 60, MIDNIGHT)
    other = detector_counts(events((0, 1, 2)), [DetectorRole("x", 1, 1, "count")], 60, MIDNIGHT)
    assert (never.quality == Quality.MISSING).all()
    assert (other.quality == Quality.MISSING).all()


def test_a_failed_detector_is_suspect_until_it_is_restored() -> None:
    rows = [(s, 82, 5) for s in range(0, 240, 10)]
    counts = counted(*sorted([*rows, (65.0, 87, 5), (130.0, 83, 5), (70.0, 84, 6)]))
    good, suspect = int(Quality.GOOD), int(Quality.SUSPECT)
    assert counts.quality[:, 0].tolist() == [good, suspect, suspect, good]


def test_counts_of_detectors_become_counts_of_movements() -> None:
    roles = [
        LOOP,
        DetectorRole("d", 6, 2, "stopbar count", "a>b"),
        DetectorRole("d", 7, 2, "advance", "a>b"),
    ]
    log = events((0, 82, 5), (1, 82, 6), (2, 82, 7), (59, 1, 2))
    sums = regroup(detector_counts(log, roles, 60, MIDNIGHT), "movement", movements_of(roles))
    assert (sums.series_ids, sums.volume_veh.tolist()) == (("a>b",), [[2.0]])


@pytest.mark.parametrize("interval_s", [0, -1, 1.5])
def test_an_interval_that_is_none_is_refused(interval_s: int) -> None:
    with pytest.raises(CountError, match="interval is"):
        detector_counts(events((0, 82, 5)), [LOOP], interval_s, MIDNIGHT)


def test_windows_without_zone_end_or_reason_are_refused() -> None:
    log = events((0, 82, 5))
    with pytest.raises(CountError, match="no time zone"):
        detector_counts(log, [LOOP], 60, MIDNIGHT.replace(tzinfo=None))
    with pytest.raises(CountError, match="0 intervals"):
        detector_counts(log, [LOOP], 60, MIDNIGHT, MIDNIGHT, MIDNIGHT)
    with pytest.raises(CountError, match="allowed are 1 interval"):
        detector_counts(log, [LOOP], 1, MIDNIGHT, MIDNIGHT, datetime(2090, 1, 1, tzinfo=UTC))
    with pytest.raises(CountError, match="at least one detector"):
        detector_counts(log, [], 60, MIDNIGHT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: no column for the device"),
        (ROLES, "names no detector"),
        (ROLES + "227,2,Advance\n", "row 2: found 3 columns; allowed are 5"),
        (ROLES + "227,2,Advance,x,\n", "row 2, column channel: found 'x'"),
        (ROLES + "227,2,Advance,0,\n", "row 2, column channel: found '0'"),
        (ROLES + "227,99,Advance,1,\n", "row 2, column phase: found '99'"),
        (ROLES + ",2,Advance,1,\n", "row 2, column device: found ''"),
        (ROLES + "227,2,,1,\n", "row 2, column function: found ''"),
        (ROLES + "227,2,Count,1,\n227,2,count,1,\n", "row 3: found detector '227:1' of phase 2"),
        (ROLES + '"227', "not readable CSV"),
    ],
)
def test_bad_detector_tables_name_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "detectors.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as error:
        read_detector_roles(path)
    assert str(path) in str(error.value)


def test_damaged_detector_tables_are_read_or_refused(tmp_path: Path) -> None:
    text = ROLES + "".join(f"227,{i % 8 + 1},Advance,{i},a>b\n" for i in range(1, 40))
    assert survives(read_detector_roles, text.encode(), tmp_path / "d.csv", 200) > 50


@pytest.mark.slow
def test_many_damaged_detector_tables_are_read_or_refused(tmp_path: Path) -> None:
    text = ROLES + "".join(f"227,{i % 8 + 1},Advance,{i},a>b\n" for i in range(1, 40))
    assert survives(read_detector_roles, text.encode(), tmp_path / "d.csv", 10_000, 7) > 3000
