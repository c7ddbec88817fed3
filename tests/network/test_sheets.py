"""Tables from hostile workbooks and CSV files: read, or refused in time."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import openpyxl
import pytest

from network.errors import FormatError
from network.readers.sheets import read_sheet
from tests.network.damaged_counts import survives


def book(path: Path) -> Path:
    made = openpyxl.Workbook()
    made.active.append(["Time", "NBL", None, 3.5])  # type: ignore[union-attr]
    made.save(path)
    return path


def altered(path: Path, part: str, old: bytes, new: bytes) -> Path:
    """Rewrite one part of a workbook."""
    with zipfile.ZipFile(path) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return path


PAGE = "xl/worksheets/sheet1.xml"


def test_cells_keep_their_kind_and_row_number(tmp_path: Path) -> None:
    sheet = read_sheet(book(tmp_path / "b.xlsx"))
    assert (sheet.name, sheet.rows, sheet.numbers) == ("Sheet", (("Time", "NBL", None, 3.5),), (1,))
    path = tmp_path / "c.csv"
    path.write_bytes('\ufeffa;"b\nc"; \r\n\r\nd;;e\r\n'.encode("utf-16-le"))
    sheet = read_sheet(path)
    assert sheet.rows == (("a", "b\nc"), (), ("d", None, "e"))
    assert sheet.numbers == (2, 3, 4)


def test_several_worksheets_must_be_told_apart(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.append([1])  # type: ignore[union-attr]
    made.create_sheet("Two").append([2])
    made.save(tmp_path / "b.xlsx")
    with pytest.raises(FormatError, match="no worksheet is named; it has 'Sheet', 'Two'"):
        read_sheet(tmp_path / "b.xlsx")
    with pytest.raises(FormatError, match="worksheet 'Three' is not in it"):
        read_sheet(tmp_path / "b.xlsx", "Three")
    assert read_sheet(tmp_path / "b.xlsx", "Two").rows == ((2,),)


def test_entities_in_a_workbook_are_refused(tmp_path: Path) -> None:
    path = altered(
        book(tmp_path / "b.xlsx"),
        PAGE,
        b"<worksheet",
        b'<!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/hostname">]><worksheet',
    )
    with pytest.raises(FormatError, match="declares XML entities"):
        read_sheet(path)


@pytest.mark.parametrize(
    "filling",
    [
        b"<a>" * 2_000_000,
        b"<row/>" * 1_000_000,
        b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>' * 5000,
        b'<row r="99999999999999"><c><v>1</v></c></row>',
        b'<row><c r="ZZZZZZZ1"><v>1</v></c></row>',
        b"<row>" + b"<c><v>1</v></c>" * 300_000 + b"</row>",
        b" " * 40_000_000,
    ],
)
def test_bombs_in_a_workbook_are_refused_in_time(tmp_path: Path, filling: bytes) -> None:
    path = altered(book(tmp_path / "b.xlsx"), PAGE, b"</sheetData>", filling + b"</sheetData>")
    begin_s = time.process_time()
    with pytest.raises(FormatError, match=r"b\.xlsx"):
        read_sheet(path)
    assert time.process_time() - begin_s < 10.0


def test_a_workbook_that_would_take_long_is_refused_at_once(tmp_path: Path) -> None:
    noise = b"".join(b"<row><c><v>%d</v></c></row>" % (i * 7919 % 99991) for i in range(200_000))
    path = altered(book(tmp_path / "b.xlsx"), PAGE, b"</sheetData>", noise + b"</sheetData>")
    begin_s = time.process_time()
    with pytest.raises(FormatError, match="XML tags; allowed are 300000; save the sheet as CSV"):
        read_sheet(path)
    assert time.process_time() - begin_s < 10.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0" + b"x" * 600, r"an old \.xls or a protected workbook"),
        (b"PK\x03\x04" + b"x" * 600, "not a readable workbook"),
        (b"\xff\xfe\x00", "not text"),
        (b"a,b\n\xff\n", "row 2: not text in UTF-8; save it as 'CSV UTF-8'"),
        (b'a,b\n"x', "not readable CSV"),
        (b"\n\n,,\n", "holds no filled cell"),
        (b"a\n" * 200_001, "row 200001: the table goes beyond"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message):
        read_sheet(path)


def test_files_that_cannot_be_opened_are_format_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path, Path("a\0b")):
        with pytest.raises(FormatError, match="cannot be read"):
            read_sheet(path)


def test_damage_inside_a_workbook_is_read_or_refused(tmp_path: Path) -> None:
    source = book(tmp_path / "b.xlsx")
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}

    def reads(damaged: Path) -> object:
        path = tmp_path / "d.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
            for name, content in parts.items():
                target.writestr(name, damaged.read_bytes() if name == part else content)
        return read_sheet(path)

    for part in parts:
        survives(reads, parts[part], tmp_path / "d.xlsx", 25)
