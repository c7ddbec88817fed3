"""The high-resolution log of signal controllers: what happened, to the tenth of a second.

One event per row: time, device, event code, parameter. Codes are those of Sturdevant and others,
"Indiana Traffic Signal Hi Resolution Data Logger Enumerations" (Purdue University, 2012,
doi:10.4231/K4RN35SH), with the additions of its 2019 edition; codes of vendors above 200 are
carried along. Headers of the common exports are known (``TimeStamp, DeviceId, EventId,
Parameter``; ``SignalID, Timestamp, EventCode, EventParam``; ``locationIdentifier, ...``).

Times are local in nearly every export, so the reader must be told the zone. A time that happens
twice in a night belongs to the second pass once its device's times step back by a minute or more;
a time that never happened is refused, since a controller's clock cannot have shown it.
"""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path

import numpy as np
import numpy.typing as npt

from network.errors import FormatError
from network.files import replace_file
from network.readers.hires_events import HiresEvents
from network.readers.hires_rows import HEADER, LogRows, columns_of, misread, rows_of, table_of
from network.readers.local_time import time_zone, to_local, to_utc
from network.readers.text_files import text_blocks

MOST_BYTES = 4 << 30
MOST_EVENTS = 50_000_000
STEP_BACK_S = 60.0
"""Lines a few seconds out of order are common; the end of daylight saving is an hour."""


def read_hires_log(path: Path, zone: str, *, device: str = "") -> HiresEvents:
    """Read a controller log.

    Parameters
    ----------
    path
        CSV, plain or gzipped, one header row. Columns beyond the four are ignored and listed.
    zone
        IANA name of the time zone of its times; those that carry an offset of their own keep it.
    device
        Name of the controller, for a log without a column that names it.

    Returns
    -------
    HiresEvents
        Sorted by time, rows of equal time as in the file; rows that repeat an earlier one to the
        letter are left out and counted in the findings.

    Raises
    ------
    FormatError
        If the file cannot be read, or a time, code or parameter in it is none; the message names
        row (the header is row 1) and column.
    """
    path = Path(path)
    place = time_zone(zone, str(path))
    columns: dict[str, int] = {}
    width, rows, notes = 0, 0, list[str]()
    names: dict[str, int] = {} if not device else {device: 0}
    parts: list[LogRows] = []
    for line, text in text_blocks(path, MOST_BYTES):
        table, lines = table_of(path, line, text)
        if not columns and table:
            columns, notes = columns_of(path, lines[0], table[0], device)
            width, table, lines = len(table[0]), table[1:], lines[1:]
        if table:
            parts.append(rows_of(path, table, lines, columns, width, names))
            rows += len(table)
            if rows > MOST_EVENTS:
                raise FormatError(f"{path}: holds more than {MOST_EVENTS} events")
    if not parts:
        raise FormatError(f"{path}: holds no events; expected at least one row below the header")
    return _assemble(path, parts, tuple(names), place, notes)


def write_hires_log(path: Path, events: HiresEvents, zone: str = "UTC") -> None:
    """Write a controller log; the file is replaced whole or not at all.

    Parameters
    ----------
    path
        Where to; gzipped if its name ends in ``.gz``. Equal events give equal bytes.
    events
        What to write. `read_hires_log` with the same zone gives the same back, save events
        that repeat each other.
    zone
        IANA name of the zone in which times are written.

    Raises
    ------
    FormatError
        If the file cannot be written, a name holds line breaks or the like, or the night on
        which clocks are set back cannot be told apart in that zone; UTC always can.
    """
    path = Path(path)
    place = time_zone(zone, str(path))
    local = to_local(events.time_utc, place)
    back = to_utc(local, events.device, place, STEP_BACK_S).utc
    if (back != events.time_utc).any():
        first = events.time_utc[np.flatnonzero(back != events.time_utc)[0]]
        raise FormatError(
            f"{path}: the event at {first} UTC falls into the hour that happens twice in {zone} "
            "and could not be told from the other pass; write it in UTC"
        )
    for name in events.devices:
        if not name.isprintable() or name != name.strip():
            raise FormatError(f"{path}: cannot hold the device name {name!r}")
    stamps = np.char.replace(np.datetime_as_string(local, unit="us"), "T", " ")
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    devices = [events.devices[index] for index in events.device.tolist()]
    writer.writerows(
        zip(stamps.tolist(), devices, events.code.tolist(), events.parameter.tolist(), strict=True)
    )
    try:
        if path.suffix == ".gz":
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                part = Path(folder) / path.name
                part.write_bytes(gzip.compress(out.getvalue().encode(), mtime=0))
                part.replace(path)
        else:
            replace_file(path, out.getvalue())
    except OSError as error:
        raise FormatError(f"{path}: cannot be written ({error.strerror or error})") from error


def _assemble(
    path: Path, parts: list[LogRows], devices: tuple[str, ...], place: tzinfo, notes: list[str]
) -> HiresEvents:
    local = np.concatenate([part.local for part in parts])
    device = np.concatenate([part.device for part in parts])
    offset_min = np.concatenate([part.offset_min for part in parts])
    code = np.concatenate([part.code for part in parts])
    parameter = np.concatenate([part.parameter for part in parts])
    fixed = ~np.isnan(offset_min)
    times = to_utc(local, device, place, STEP_BACK_S)
    lost = np.flatnonzero(times.missing & ~fixed)
    if lost.size:
        raise misread(
            path,
            _line(parts, int(lost[0])),
            "time",
            str(local[lost[0]]).replace("T", " "),
            f"a time that exists in {place}: clocks skipped this one, so the zone must be another",
        )
    utc = times.utc
    shift_us = (offset_min[fixed] * 60_000_000).astype(np.int64)
    utc[fixed] = local[fixed] - shift_us.astype("timedelta64[us]")
    notes.extend(_twice(path, place, times.twice & ~fixed, times.second, device, devices))
    late = int((np.diff(utc) < np.timedelta64(0)).sum())
    if late:
        notes.append(f"{path}: {late} rows come before the row above them; they were sorted")
        order = np.argsort(utc, kind="stable")
        utc, device, code, parameter = utc[order], device[order], code[order], parameter[order]
    first = _first_of_equals(utc, device, code, parameter)
    repeats = int(first.size - first.sum())
    if repeats:
        notes.append(f"{path}: {repeats} rows repeat an earlier one and were left out")
    return HiresEvents(
        devices, utc[first], device[first], code[first], parameter[first], tuple(notes)
    )


def _line(parts: list[LogRows], row: int) -> int:
    for part in parts:
        if row < len(part.lines):
            return part.lines[row]
        row -= len(part.lines)
    raise AssertionError("the row is one of the parts'")


def _twice(
    path: Path,
    place: tzinfo,
    twice: npt.NDArray[np.bool_],
    second: npt.NDArray[np.bool_],
    device: npt.NDArray[np.int32],
    devices: tuple[str, ...],
) -> Iterator[str]:
    for index in np.unique(device[twice]):
        rows = twice & (device == index)
        if not second[rows].any():
            yield (
                f"{path}: {int(rows.sum())} events of device {devices[index]!r} fall into the hour "
                f"that happens twice in {place}, and never step back; they were read as its first "
                "pass"
            )


def _first_of_equals(
    utc: npt.NDArray[np.datetime64],
    device: npt.NDArray[np.int32],
    code: npt.NDArray[np.int64],
    parameter: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    order = np.lexsort((np.arange(utc.size), parameter, code, device, utc))
    keys = (utc[order], device[order], code[order], parameter[order])
    same = np.ones(max(utc.size - 1, 0), dtype=np.bool_)
    for key in keys:
        same &= key[1:] == key[:-1]
    first = np.ones(utc.size, dtype=np.bool_)
    first[order[1:][same]] = False
    return first
