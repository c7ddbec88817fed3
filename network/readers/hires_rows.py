"""Rows of a controller log as text, turned into columns of numbers a block at a time."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from network.errors import FormatError
from network.readers.local_time import FIRST_YEAR, LAST_YEAR

HEADER = ("TimeStamp", "DeviceId", "EventId", "Parameter")
MOST_COLUMNS = 64
LARGEST_CODE = 65_535
LARGEST_PARAMETER = 2**31 - 1
LEAST_PARAMETER = -(2**31)
"""Some vendors log -1 for none."""
_NAMES = {
    "time": {"timestamp", "datetime", "time", "eventtime"},
    "device": {
        *("deviceid", "device", "signalid", "signal", "intersectionid", "controllerid"),
        *("locationidentifier", "locationid"),
    },
    "code": {"eventid", "eventcode", "eventcodeid", "event", "code"},
    "parameter": {"parameter", "param", "eventparam", "eventparameter"},
}
_WHOLE = re.compile(r"-?\d{1,10}", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:(Z|[+-]\d\d:?\d\d))?", re.ASCII
)
_MONTH_FIRST = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d)(\.\d{1,9})?(?: ?([AaPp])[Mm])?", re.ASCII
)
_SAID_TIME = "a time such as 2024-05-13 15:00:00.1 or 5/13/2024 15:00:00.1"


@dataclass(frozen=True, slots=True)
class LogRows:
    """Columns of some rows: local time, fixed offset in minutes if given, and the rest."""

    lines: list[int]
    local: npt.NDArray[np.datetime64]
    offset_min: npt.NDArray[np.float64]
    device: npt.NDArray[np.int32]
    code: npt.NDArray[np.int64]
    parameter: npt.NDArray[np.int64]


def table_of(path: Path, line: int, text: str) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    table, lines = [], []
    try:
        for cells in reader:
            if cells:
                table.append(cells)
                lines.append(line + reader.line_num - 1)
    except csv.Error as error:
        where = line + reader.line_num - 1
        raise FormatError(f"{path}, row {where}: not readable CSV ({error})") from error
    return table, lines


def columns_of(
    path: Path, line: int, header: list[str], device: str
) -> tuple[dict[str, int], list[str]]:
    if len(header) > MOST_COLUMNS:
        raise FormatError(
            f"{path}, row {line}: found {len(header)} columns; allowed are {MOST_COLUMNS}"
        )
    found: dict[str, int] = {}
    ignored = []
    for index, name in enumerate(header):
        plain = re.sub(r"[^a-z]", "", name.lower())
        meaning = next((key for key, known in _NAMES.items() if plain in known), "")
        if meaning in found:
            raise FormatError(
                f"{path}, row {line}: the columns {header[found[meaning]]!r} and {name!r} both "
                f"hold the {meaning}; allowed is one"
            )
        if meaning:
            found[meaning] = index
        else:
            ignored.append(name)
    needed = [key for key in _NAMES if key not in found and not (key == "device" and device)]
    if needed:
        shown = ", ".join(repr(name[:40]) for name in header[:8])
        raise FormatError(
            f"{path}, row {line}: no column for the {', '.join(needed)} among {shown}; allowed "
            f"are headers such as {', '.join(HEADER)}"
        )
    return found, [f"{path}: ignored the columns {', '.join(ignored)}"] if ignored else []


def rows_of(
    path: Path,
    table: list[list[str]],
    lines: list[int],
    columns: dict[str, int],
    width: int,
    names: dict[str, int],
) -> LogRows:
    try:
        cells = list(zip(*table, strict=True))
    except ValueError:
        cells = []
    if len(cells) != width:
        short = next(i for i, row in enumerate(table) if len(row) != width)
        raise FormatError(
            f"{path}, row {lines[short]}: found {len(table[short])} columns; allowed are {width}"
        )
    local, offset_min = _times(path, lines, cells[columns["time"]])
    if "device" in columns:
        called = [name.strip() for name in cells[columns["device"]]]
        for name in dict.fromkeys(called):
            if not name or not name.isprintable():
                row = lines[called.index(name)]
                raise FormatError(
                    f"{path}, row {row}, column device: found {name!r}; allowed is "
                    "the name of a controller"
                )
            names.setdefault(name, len(names))
        device = np.array([names[name] for name in called], dtype=np.int32)
    else:
        device = np.zeros(len(table), dtype=np.int32)
    code = _whole(path, lines, "event code", cells[columns["code"]], 0, LARGEST_CODE)
    parameter = _whole(
        path, lines, "parameter", cells[columns["parameter"]], LEAST_PARAMETER, LARGEST_PARAMETER
    )
    return LogRows(lines, local, offset_min, device, code, parameter)


def _whole(
    path: Path, lines: list[int], column: str, texts: tuple[str, ...], least: int, largest: int
) -> npt.NDArray[np.int64]:
    joined = "".join(texts)
    if not (joined.isascii() and joined.isdigit() and all(texts)) or len(max(texts, key=len)) > 10:
        texts = tuple(text.strip() for text in texts)
        for line, text in zip(lines, texts, strict=True):
            if _WHOLE.fullmatch(text) is None:
                raise misread(path, line, column, text, f"a whole number {least} to {largest}")
    values = np.array(list(map(int, texts)), dtype=np.int64)
    for row in np.flatnonzero((values < least) | (values > largest))[:1]:
        allowed = f"a whole number {least} to {largest}"
        raise misread(path, lines[row], column, texts[row], allowed)
    return values


def _times(
    path: Path, lines: list[int], texts: tuple[str, ...]
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    plain: list[str] = []
    offsets: list[float] = []
    for line, text in zip(lines, texts, strict=True):
        match = _ISO.fullmatch(text.strip())
        if match is None:
            plain.append(_month_first(path, line, text.strip()))
            offsets.append(np.nan)
            continue
        day, clock, fraction, offset = match.groups()
        plain.append(f"{day}T{clock}.{(fraction or '0')[:6]}")
        offsets.append(np.nan if offset is None else _minutes(offset))
    try:
        local = np.array(plain, dtype="datetime64[us]")
    except ValueError:
        local = np.array(
            [_one_time(path, line, text) for line, text in zip(lines, plain, strict=True)]
        )
    years = local.astype("datetime64[Y]").astype(np.int64) + 1970
    odd = np.flatnonzero((years < FIRST_YEAR) | (years > LAST_YEAR))
    if odd.size:
        allowed = f"a time of the years {FIRST_YEAR} to {LAST_YEAR}"
        raise misread(path, lines[odd[0]], "time", texts[odd[0]], allowed)
    return local, np.array(offsets, dtype=np.float64)


def _month_first(path: Path, line: int, text: str) -> str:
    match = _MONTH_FIRST.fullmatch(text)
    if match is None:
        raise misread(path, line, "time", text, _SAID_TIME)
    month, day, year, hour, minute, second, fraction, half = match.groups()
    if half:
        if not 1 <= int(hour) <= 12:
            raise misread(path, line, "time", text, _SAID_TIME)
        hour = str(int(hour) % 12 + (12 if half in "Pp" else 0))
    date = f"{year}-{int(month):02}-{int(day):02}"
    return f"{date}T{int(hour):02}:{minute}:{second}{(fraction or '.0')[:7]}"


def _minutes(offset: str) -> float:
    if offset == "Z":
        return 0.0
    sign = -1.0 if offset[0] == "-" else 1.0
    return sign * (int(offset[1:3]) * 60 + int(offset[-2:]))


def _one_time(path: Path, line: int, text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "us")
    except ValueError as error:
        raise misread(path, line, "time", text.replace("T", " "), _SAID_TIME) from error


def misread(path: Path, line: int, column: str, found: str, allowed: str) -> FormatError:
    return FormatError(
        f"{path}, row {line}, column {column}: found {found[:60]!r}; allowed is {allowed}"
    )
