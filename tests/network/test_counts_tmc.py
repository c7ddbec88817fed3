"""Count sheets: known headers, foreign ones by mapping, and bad cells by row and column."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from network.counts import Quality
from network.errors import CountError, FormatError
from network.inventory import TurnKind
from network.readers.counts_tmc import TmcFile, preview, read_tmc
from network.readers.tmc_mapping import MappedColumn, TmcMapping, read_tmc_mapping
from network.readers.turning_counts import (
    Mode,
    TurnColumn,
    TurningCounts,
    join_movements,
    vehicle_movements,
)
from tests.network.damaged_counts import survives

PHOENIX = TmcMapping(zone="America/Phoenix")
PACIFIC = TmcMapping(zone="America/Los_Angeles")
HEADER = "Date,Time,NBL,NBT\n"


def sheet(folder: Path, text: str, mapping: TmcMapping = PHOENIX) -> TmcFile:
    path = folder / "counts.csv"
    path.write_text(text, newline="")
    return read_tmc(path, mapping)


def one(found: TmcFile) -> TurningCounts:
    (counts,) = found.counts
    return counts


def labels(header: str, folder: Path) -> list[str]:
    row = ",".join(["2024-05-13", "07:00", *["1"] * (header.count(",") + 1)])
    mapping = TmcMapping(zone="UTC", interval_min=15)
    found = sheet(folder, f"Date,Time,{header}\n{row}\n", mapping)
    return [column.label for column in one(found).columns]


def workbook(path: Path, rows: list[list[Any]], title: str = "Counts") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = title
    for row in rows:
        page.append(row)
    book.save(path)
    return path


def camera_rows() -> list[list[Any]]:
    turns = ["Right", "Thru", "Left", "U-Turn", "App. Total", "Peds CW", "Peds CCW"]
    return [
        ["Study Name", "4th and Main"],
        ["Start Date: 5/13/2024"],
        [],
        ["Leg", "Main St North", *[None] * 6, "4th St East"],
        ["Direction", "Southbound", *[None] * 6, "Westbound"],
        ["Start Time", *turns, *turns, "Int. Total"],
        *[[time(16, 15 * i), *range(i, i + 15)] for i in range(4)],
        ["Grand Total", *[1] * 15],
        ["Approach %", 3],
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("NBL,NBT,NBR,NBU", ["NBL", "NBT", "NBR", "NBU"]),
        ("NB Left,NB Thru,NB Right,NB U-Turn", ["NBL", "NBT", "NBR", "NBU"]),
        ("Northbound Left,Eastbound-Through,WB_Right", ["NBL", "EBT", "WBR"]),
        ("NBLT,NBTH,NBRT,SB L,NEL,SWBT", ["NBL", "NBT", "NBR", "SBL", "NEL", "SWT"]),
        (
            "NBL Heavy,NBL Cars,NBT Trucks,NBT Bikes",
            ["NBL heavy", "NBL light", "NBT heavy", "NBT bicycle"],
        ),
        (
            "NBL,N Crosswalk,South Leg Peds,EB Peds",
            ["NBL", "N leg pedestrian", "S leg pedestrian", "W leg pedestrian"],
        ),
        ("NBL,NB Total,App. Total,net,NBT RTOR,Set,NB,Left,NBX", ["NBL"]),
    ],
)
def test_well_known_headers_are_recognized(
    tmp_path: Path, header: str, expected: list[str]
) -> None:
    assert labels(header, tmp_path) == expected


def test_a_plain_sheet_is_read_in_utc_with_its_findings(tmp_path: Path) -> None:
    found = sheet(
        tmp_path,
        "Date,Time,NBL,NBT,Total\n5/13/2024,07:00,1,2,3\n5/13/2024,07:15,,4.5,4\n"
        "5/13/2024,08:00,7,8,15\nTotal,,8,14,22\n",
    )
    counts = one(found)
    assert (counts.intersection, counts.interval_s) == ("counts", 900)
    assert counts.begins_utc[0] == datetime(2024, 5, 13, 14, tzinfo=UTC)
    np.testing.assert_array_equal(counts.counts, [[1, 2], [np.nan, 4.5], [7, 8]])
    assert counts.quality.tolist() == [[0, 0], [1, 0], [0, 0]]
    said = " ".join(found.findings)
    for part in (
        *("ignored the columns E 'Total'", "left out the rows 5 ('Total')", "no column for NBR"),
        *("2 intervals are not in the sheet, in 1 holes", "holds fractions of vehicles"),
    ):
        assert part in said


def test_a_camera_workbook_with_two_header_rows_is_understood(tmp_path: Path) -> None:
    counts = one(read_tmc(workbook(tmp_path / "c.xlsx", camera_rows()), PHOENIX))
    assert counts.intersection == "4th and Main"
    assert [column.label for column in counts.columns] == [
        *("SBR", "SBT", "SBL", "SBU", "N leg pedestrian"),
        *("WBR", "WBT", "WBL", "WBU", "E leg pedestrian"),
    ]
    # Both ways over a crosswalk are one count.
    assert counts.counts[0].tolist() == [0, 1, 2, 3, 11, 7, 8, 9, 10, 25]
    assert counts.begins_utc[-1] == datetime(2024, 5, 13, 23, 45, tzinfo=UTC)


def test_a_sheet_of_several_intersections_is_split(tmp_path: Path) -> None:
    text = (
        "DATE,TIME,INTID,NBL,NBT\n05/13/2024,0700,1,1,2\n05/13/2024,0700,2,3,4\n"
        "05/13/2024,0715,1,5,6\n05/13/2024,0715,2,7,8\n"
    )
    found = sheet(tmp_path, text)
    assert [(c.intersection, c.counts.tolist()) for c in found.counts] == [
        ("1", [[1, 2], [5, 6]]),
        ("2", [[3, 4], [7, 8]]),
    ]


def test_times_as_ranges_ends_offsets_and_workbook_values(tmp_path: Path) -> None:
    ranges = "Time,NBL\n7:00 AM - 7:05 AM,1\n"
    dated = TmcMapping(zone="UTC", date=date(2024, 5, 13))
    assert one(sheet(tmp_path, ranges, dated)).interval_s == 300
    ends = "Start Time,End Time,NBL\n2024-05-13 07:00,07:10,1\n2024-05-13T07:10:00,07:20,1\n"
    assert one(sheet(tmp_path, ends)).interval_s == 600
    offset = "Time,NBL\n2024-05-13T07:00:00-07:00,1\n2024-05-13T15:00:00Z,1\n"
    counts = one(sheet(tmp_path, offset, TmcMapping()))
    assert [begin.hour for begin in counts.begins_utc] == [14, 15]
    rows: list[list[Any]] = [["Time", "NBL"]]
    rows += [[datetime(2024, 5, 13, 7) + timedelta(minutes=30 * i), i] for i in range(3)]  # noqa: DTZ001
    book = one(read_tmc(workbook(tmp_path / "t.xlsx", rows), PHOENIX))
    assert (book.interval_s, book.begins_utc[2].hour) == (1800, 15)
    night = "Time,NBL\n23:45,1\n00:00,2\n"
    counts = one(sheet(tmp_path, night, TmcMapping(zone="UTC", date=date(2024, 5, 13))))
    assert counts.begins_utc[1] == datetime(2024, 5, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no filled cell"),
        ("a,b\n1,2\n", "no header of turning movements"),
        ("NBL,NBT\n1,2\n", "row 1: no column of times among 'NBL', 'NBT'"),
        (HEADER, "holds no counts below the header"),
        ("Date,Time,NBL,NB Left\n2024-05-13,07:00,1,2\n", "columns C and D both count NBL"),
        (HEADER + "2024-05-13,7:0O,1,2\n", r"row 2, column B \('Time'\): found '7:0O'"),
        (HEADER + "2024-05-13,24:00,1,2\n", "found '24:00'; allowed is a time of day"),
        (HEADER + "2024-05-13,,1,2\n", "row 2, column B"),
        (HEADER + "2024-13-01,07:00,1,2\n", r"row 2, column A \('Date'\): found '2024-13-01'"),
        (HEADER + "5/6/2024,07:00,1,2\n", "give date_order in a mapping"),
        (HEADER + "13/5/2024,07:00,1,2\n5/13/2024,07:15,1,2\n", "give date_order"),
        (HEADER + "1066-05-13,07:00,1,2\n", "allowed are years 1980 to 2100"),
        ("Time,NBL\n07:00,1\n07:15,1\n", "without a date"),
        (HEADER + "2024-05-13,07:00,1,2\n", "one interval does not tell its length"),
        *[
            (HEADER + f"2024-05-13,07:00,1,2\n2024-05-13,07:15,{cell},2\n", message)
            for cell, message in (
                ("-1", r"row 3, column C \('NBL'\): found '-1'; allowed is a number 0 to 100000"),
                *(("nan", "found 'nan'"), ("N/A", "found 'N/A'"), ("inf", "found 'inf'")),
                *(("1e3", "found '1e3'"), ("1_0", "found '1_0'"), ('"1,234"', "found '1,234'")),
                *(("999999", "found '999999'"), ("#REF!", "found '#REF!'"), ("٣", "found")),
            )
        ],
        *[
            (HEADER + "".join(f"2024-05-13,{clock},1,2\n" for clock in clocks.split()), message)
            for clocks, message in (
                ("07:00 07:15 07:15", "row 4, .*07:15:00, the interval of row 3 again"),
                ("07:00 07:30 07:15", "row 4, .*an interval before the one of row 3"),
                ("07:00 07:15 07:31 07:46", "row 4, .*16 min after .* is off the grid"),
                ("07:00 07:15 07:20 07:35", "row 4, .*5 min after .* overlaps it"),
                ("07:00 07:07 07:14", "found intervals of 7 min; allowed are 5, 10, 15, 30, 60"),
            )
        ],
        ("Time,NBL\n2024-05-13 07:00,1\n2024-05-13 07:15\0,1\n", "row 3: holds a NUL byte"),
        (",".join(["NBL"] * 2000), "goes beyond 256 columns"),
        ("Date,Time,NBL\n" + '"', "not readable CSV"),
    ],
)
def test_bad_input_names_row_column_found_and_allowed(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(FormatError, match=message) as error:
        sheet(tmp_path, text)
    assert str(tmp_path / "counts.csv") in str(error.value)


def test_a_zone_is_needed_for_local_times(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no time zone is given"):
        sheet(tmp_path, HEADER + "2024-05-13,07:00,1,2\n2024-05-13,07:15,1,2\n", TmcMapping())


def night(*clocks: str, day: str = "2024-11-03") -> str:
    return HEADER + "".join(f"{day},{clock},1,2\n" for clock in clocks)


def test_the_hour_that_happens_twice_is_told_by_order(tmp_path: Path) -> None:
    hours = sheet(tmp_path, night("00:00", "01:00", "01:00", "02:00"), PACIFIC)
    assert [b.hour for b in one(hours).begins_utc] == [7, 8, 9, 10]
    assert (one(hours).quality == Quality.GOOD).all()
    assert not any("twice" in finding for finding in hours.findings)


def test_a_single_pass_of_that_hour_is_suspect_and_said_so(tmp_path: Path) -> None:
    found = sheet(tmp_path, night("00:00", "01:00", "02:00", "03:00"), PACIFIC)
    assert one(found).quality[:, 0].tolist() == [0, int(Quality.SUSPECT), 0, 0]
    assert any("happens twice in America/Los_Angeles" in finding for finding in found.findings)
    assert any("1 intervals are not in the sheet" in finding for finding in found.findings)


def test_counts_in_the_hour_that_never_happens_are_refused(tmp_path: Path) -> None:
    text = night("01:00", "02:00", "03:00", "04:00", day="2024-03-10")
    with pytest.raises(FormatError, match=r"row 3, column C .*02:00, which no clock showed"):
        sheet(tmp_path, text, PACIFIC)
    skipping = TmcMapping(zone="America/Los_Angeles", skip_missing_hour=True)
    for found in (
        sheet(tmp_path, text, skipping),
        sheet(tmp_path, text.replace("02:00,1,2", "02:00,0,"), PACIFIC),
    ):
        assert [b.hour for b in one(found).begins_utc] == [9, 10, 11]
        assert any("02:00 never happened" in finding for finding in found.findings)


FOREIGN = """Zaehlung;;;;
Beginn;Nord;;Sued;
;links;Fuss;geradeaus;Rad
13.05.2024 07:00;1;2;k.A.;4
13.05.2024 07:15;5;6;7;8
Summe;6;8;7;12
13.05.2024 07:30;9;9;9;9
"""
FOREIGN_MAPPING = """
zone = "Europe/Berlin"
intersection = "K1"
skip_rows = 1
header_rows = 2
last_row = 6
missing = ["k.A."]
time_column = "Beginn"
[columns]
"Nord / links" = "SBL"
"Nord / Fuss" = "SBP"
"#4" = { movement = "NBT", intersection = "K2" }
"Rad" = { movement = "NBT", mode = "bicycle" }
"""


def test_a_mapping_file_reads_a_foreign_sheet(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(FOREIGN_MAPPING)
    mapping = read_tmc_mapping(tmp_path / "map.toml")
    found = sheet(tmp_path, FOREIGN, mapping)
    first, second = found.counts
    assert (first.intersection, [c.label for c in first.columns]) == (
        "K1",
        ["SBL", "N leg pedestrian", "NBT bicycle"],
    )
    assert (second.intersection, [c.label for c in second.columns]) == ("K2", ["NBT"])
    assert first.counts.tolist() == [[1, 2, 4], [5, 6, 8]]
    assert second.quality[:, 0].tolist() == [1, 0]
    assert first.begins_utc[0] == datetime(2024, 5, 13, 5, tzinfo=UTC)
    assert pickle.loads(pickle.dumps(mapping)) == mapping


def test_a_column_the_mapping_names_must_be_there(tmp_path: Path) -> None:
    columns = {
        "NBL": MappedColumn(TurnColumn("NB", TurnKind.LEFT)),
        "gone": MappedColumn(TurnColumn("NB", TurnKind.RIGHT)),
    }
    mapping = TmcMapping(zone="UTC", columns=columns)
    with pytest.raises(FormatError, match="no single column 'gone', which the mapping names"):
        sheet(tmp_path, HEADER + "2024-05-13,07:00,1,2\n", mapping)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zone = ", "not readable TOML"),
        ("zones = 'UTC'", "unknown key 'zones'; allowed are zone"),
        ("zone = 5", "zone is 5; allowed is a value of type str"),
        ("date = 2024-05-13T07:00:00", "date is the time 2024-05-13 07:00:00"),
        ("interval_min = true", "interval_min is True"),
        ("interval_min = 7", "interval_min is 7; allowed are 5, 10, 15, 30, 60"),
        ("date_order = 'xyz'", "date_order is 'xyz'"),
        ("header_rows = 9", "header_rows is 9; allowed is 1 to 3"),
        ("last_row = 0", "last_row is 0; allowed is 1 or more"),
        ("delimiter = ';;'", "allowed is one character"),
        ("missing = [1]", "missing holds something other than texts"),
        ("[columns]\na = 'NBX'", "column 'a' is movement 'NBX' of mode vehicle"),
        ("[columns]\na = 5", "column 'a' is 5; allowed is a movement"),
        ("[columns]\na = { movement = 'NBL', mode = 'tram' }", "has the mode 'tram'"),
        ("[columns]\na = { movement = 'NBL', mode = 'pedestrian' }", "of mode pedestrian"),
        ("[columns]\na = { movement = 5 }", "allowed are texts"),
        ("a = " + "[" * 5000, "not readable TOML"),
    ],
)
def test_bad_mappings_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as error:
        read_tmc_mapping(path)
    assert str(path) in str(error.value)


def test_a_preview_shows_columns_and_first_rows(tmp_path: Path) -> None:
    seen = preview(workbook(tmp_path / "c.xlsx", camera_rows()), PHOENIX)
    assert (seen.sheet, seen.header_row, seen.problem) == ("Counts", 6, "")
    assert seen.matched[0] == ("B 'Southbound / Right'", "SBR")
    assert "F 'Southbound / App. Total'" in seen.ignored
    assert seen.missing == ("NBL", "NBT", "NBR", "EBL", "EBT", "EBR")
    assert seen.rows[1][:3] == (8, "2024-05-13 16:15", "")
    assert seen.rows[1][3][:4] == (1, 2, 3, 4)
    assert any("left out the rows" in finding for finding in seen.findings)


def test_a_preview_tells_what_keeps_a_sheet_from_being_read(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(HEADER + "2024-05-13,07:00,1,2\n2024-05-13,07:15,x,2\n")
    seen = preview(path)
    assert seen.matched == (("C 'NBL'", "NBL"), ("D 'NBT'", "NBT"))
    assert "row 3, column C" in seen.problem


def turning(intersection: str = "A", begin: int = 7, **changes: Any) -> TurningCounts:
    values: dict[str, Any] = {
        "begins_utc": tuple(datetime(2024, 5, 13, begin, m, tzinfo=UTC) for m in (0, 15, 45)),
        "interval_s": 900,
        "zone": "UTC",
        "columns": (
            TurnColumn("NB", TurnKind.LEFT),
            TurnColumn("NB", TurnKind.LEFT, Mode.HEAVY),
            TurnColumn("SB", TurnKind.LEFT, Mode.LIGHT),
            TurnColumn("SB", TurnKind.LEFT, Mode.HEAVY),
            TurnColumn("SB", None, Mode.PEDESTRIAN),
            TurnColumn("NB", TurnKind.U_TURN),
        ),
        "counts": [[10, 1, 20, 2, 5, 1], [11, 1, 21, 2, 5, np.nan], [12, 1, 22, 2, 5, 1]],
        "quality": [[0] * 6, [0, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 0]],
    }
    return TurningCounts(intersection, **{**values, **changes})


def test_turning_counts_join_the_movements_of_a_network() -> None:
    table = {("A", "NBL"): "x>y", ("A", "NBU"): "x>y", ("B", "SBL"): "z>y", ("A", "SBL"): "w>y"}
    series = join_movements([turning(), turning("B", 8)], table)
    assert (series.kind, series.start_s, series.interval_s) == ("movement", 7 * 3600, 900)
    assert series.series_ids == ("x>y", "z>y", "w>y")
    n = np.nan
    # The vehicle column holds its heavy part already; light and heavy are added up.
    np.testing.assert_array_equal(series.volume_veh[:, 0], [11, n, n, 13, n, n, n, n])
    np.testing.assert_array_equal(series.volume_veh[:, 1], [n, n, n, n, 22, 23, n, 24])
    np.testing.assert_array_equal(series.volume_veh[:, 2], [22, 23, n, 24, n, n, n, n])
    assert series.quality[3].tolist() == [int(Quality.SUSPECT), int(Quality.MISSING), 0]
    assert vehicle_movements([turning()]) == (("A", "NBL"), ("A", "SBL"), ("A", "NBU"))


def test_counts_that_do_not_fit_together_are_not_joined() -> None:
    with pytest.raises(CountError, match="no vehicles of 'EBL' were counted at 'A'"):
        join_movements([turning()], {("A", "EBL"): "x"})
    with pytest.raises(CountError, match="counted at 'C'; counted were only A"):
        join_movements([turning()], {("C", "NBL"): "x"})
    table = {("A", "NBL"): "x", ("B", "NBL"): "y"}
    with pytest.raises(CountError, match="intervals of 300, 900 s"):
        join_movements([turning(), turning("B", interval_s=300)], table)
    off = tuple(datetime(2024, 5, 13, 7, m, tzinfo=UTC) for m in (1, 16, 31))
    with pytest.raises(CountError, match="not a multiple of 900 s"):
        join_movements([turning(), turning("B", begins_utc=off)], table)
    with pytest.raises(CountError, match="allowed is 0 s or later"):
        join_movements([turning()], {("A", "NBL"): "x"}, datetime(2024, 5, 14, tzinfo=UTC))


def test_seconds_are_counted_through_the_night_of_a_clock_change() -> None:
    begins = tuple(datetime(2024, 11, 3, 12, m, tzinfo=UTC) for m in (0, 15, 45))
    series = join_movements(
        [turning(zone="America/Los_Angeles", begins_utc=begins)], {("A", "NBL"): "x"}
    )
    # 4:00 on the clock, five hours after midnight.
    assert series.start_s == 5 * 3600


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"begins_utc": ()}, "at least one interval"),
        ({"columns": (TurnColumn("NB", TurnKind.LEFT),) * 6}, "each column once"),
        ({"interval_s": 1800}, "begins before the one at"),
        ({"counts": [[-1.0] * 6] * 3, "quality": [[0] * 6] * 3}, "is negative or infinite"),
        ({"counts": [[1.0] * 6] * 2, "quality": [[0] * 6] * 2}, "2 rows of counts for 3 intervals"),
        ({"begins_utc": tuple(datetime(2024, 5, 13, h) for h in (1, 2, 3))}, "aware UTC"),  # noqa: DTZ001
    ],
)
def test_contradicting_turning_counts_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CountError, match=message):
        turning(**changes)


def test_columns_without_sense_are_refused() -> None:
    with pytest.raises(CountError, match="heading 'XB'"):
        TurnColumn("XB", TurnKind.LEFT)
    with pytest.raises(CountError, match="of mode pedestrian with the turn"):
        TurnColumn("NB", TurnKind.LEFT, Mode.PEDESTRIAN)


def test_turning_counts_stay_read_only_when_pickled() -> None:
    with pytest.raises(ValueError, match="read-only"):
        pickle.loads(pickle.dumps(turning())).counts[0, 0] = 1


def clean() -> bytes:
    rows = [
        f"5/{13 + i // 96}/2024,{i // 4 % 24:02}:{i % 4 * 15:02},{i},{i % 7}\n" for i in range(120)
    ]
    return (HEADER + "".join(rows)).encode()


def test_damaged_sheets_are_read_or_refused(tmp_path: Path) -> None:
    assert survives(lambda p: read_tmc(p, PACIFIC), clean(), tmp_path / "c.csv", 200) > 50


def test_damaged_workbooks_are_read_or_refused(tmp_path: Path) -> None:
    book = workbook(tmp_path / "whole.xlsx", camera_rows()).read_bytes()
    assert survives(lambda p: read_tmc(p, PHOENIX), book, tmp_path / "c.xlsx", 200) > 100


def test_damaged_mappings_are_read_or_refused(tmp_path: Path) -> None:
    content = FOREIGN_MAPPING.encode()
    assert survives(read_tmc_mapping, content, tmp_path / "m.toml", 200) > 100


@pytest.mark.slow
def test_many_damaged_sheets_are_read_or_refused(tmp_path: Path) -> None:
    book = workbook(tmp_path / "whole.xlsx", camera_rows()).read_bytes()
    survives(lambda p: read_tmc(p, PACIFIC), clean(), tmp_path / "c.csv", 10_000, 7)
    survives(lambda p: read_tmc(p, PHOENIX), book, tmp_path / "c.xlsx", 10_000, 7)
    survives(read_tmc_mapping, FOREIGN_MAPPING.encode(), tmp_path / "m.toml", 10_000, 7)
