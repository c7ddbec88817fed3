"""Read counts of many days: tidy or wide tables, Parquet, count sheets and controller logs.

Tidy: one row per time and detector, with columns such as ``time``, ``detector`` and ``count``.
Wide: the time first, then one column per detector. Times are ISO 8601; without an offset they are
those of a clock at the place. Which of these a file is, its content tells.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from network.counts import CountSeries, Quality
from network.errors import CountError, FormatError
from network.readers.counts_csv import REQUIRED
from network.readers.counts_tmc import read_tmc
from network.readers.hires_counts import DetectorRole, detector_counts
from network.readers.hires_events import DETECTOR_ON
from network.readers.hires_log import read_hires_log
from network.readers.local_time import time_zone
from network.readers.text_files import text_blocks
from network.readers.tmc_mapping import TmcMapping
from network.readers.turning_counts import join_movements, vehicle_movements
from throughband.counts.count_feed import CountFeed, Readings, feed_of, in_steps
from throughband.counts.count_readings import MOST_SERIES, Collected

MOST_BYTES = 2 << 30
MOST_COLUMNS = MOST_SERIES + 1
HIRES_STEP_S = 300

TIMES = frozenset(
    ("time", "timestamp", "datetime", "begin", "begintime", "start", "starttime", "timeutc")
)
NAMES = frozenset(
    (
        *("detector", "detectorid", "movement", "approach", "connection", "link", "name", "id"),
        *("sensor", "station", "series"),
    )
)
COUNTS = frozenset(("count", "counts", "volume", "volumeveh", "vehicles", "veh", "flow", "value"))
EVENTS = frozenset(("eventid", "eventcode"))

HISTORY = "history.csv"
"""Table in a folder of ``throughband bridge count`` that holds all counts with their dates."""

PARQUET_MAGIC = b"PAR1"
_ZIP_MAGIC = b"PK"
DELIMITERS = ",;\t|"


def read_feed(path: Path, zone: str, step_s: int | None = None) -> CountFeed:
    """Read the counts of a file.

    Parameters
    ----------
    path
        A CSV (plain or gzipped), Parquet or XLSX file.
    zone
        IANA name of the zone whose clock traffic follows.
    step_s
        Wanted length of intervals, s; None for the file's own, or 5 minutes for a log.

    Raises
    ------
    CountError
        If the file holds no counts of dated times, or they do not fit together.
    FormatError
        If it cannot be read, or the zone is unknown.
    """
    where = str(path)
    time_zone(zone, where)
    try:
        with path.open("rb") as probe:
            magic = probe.read(4)
    except (OSError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read ({error})") from error
    if magic == PARQUET_MAGIC:
        return feed_of(_parquet(path), zone, step_s, where)
    if magic.startswith(_ZIP_MAGIC):
        return in_steps(_sheet(path, zone), step_s, where)
    rows = _rows(path)
    line, header = next(rows, (1, []))
    known = [column_word(name) for name in header]
    if set(REQUIRED) <= {name.strip() for name in header}:
        raise CountError(
            f"{path}, row {line}: these counts have no dates (begin_s); a forecast needs the "
            "columns time, detector and count"
        )
    if EVENTS & set(known):
        return _log(path, zone, step_s or HIRES_STEP_S)
    place = {what: column_place(path, line, known, names) for what, names in WANTED.items()}
    if None not in place.values():
        readings = _tidy(path, rows, len(header), {k: v for k, v in place.items() if v is not None})
        return feed_of(readings, zone, step_s, where)
    if known and known[0] in TIMES | {"date"} and _is_wide(rows):
        rows = _rows(path)
        next(rows)
        return feed_of(_wide(path, rows, line, header), zone, step_s, where)
    return in_steps(_sheet(path, zone), step_s, where)


WANTED: Mapping[str, frozenset[str]] = {"time": TIMES, "name": NAMES, "count": COUNTS}


def column_word(name: str) -> str:
    """Return the name of a column without what people write differently."""
    return name.strip().lower().replace("_", "").replace(" ", "")


def column_place(path: Path, line: int, known: Sequence[str], names: frozenset[str]) -> int | None:
    """Return the column that one of some names heads, or None; `known` are `column_word`s."""
    found = [at for at, name in enumerate(known) if name in names]
    if len(found) > 1:
        told = " and ".join(repr(known[at]) for at in found[:3])
        # A wide table may have detectors called so; a tidy one has one column of each.
        return None if known[0] in TIMES and len(known) > 6 else _ambiguous(path, line, told)
    return found[0] if found else None


def _ambiguous(path: Path, line: int, told: str) -> int:
    raise CountError(f"{path}, row {line}: the columns {told} mean the same; allowed is one")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file that are not empty, with their numbers."""
    blocks = text_blocks(path, MOST_BYTES)
    first = next(blocks, None)
    if first is None:
        raise FormatError(f"{path}: empty; expected counts")
    head = first[1].split("\n", 1)[0]
    mark = max(DELIMITERS, key=head.count)

    def lines() -> Iterator[str]:
        yield from io.StringIO(first[1], newline="")
        for _, text in blocks:
            yield from io.StringIO(text, newline="")

    reader = csv.reader(lines(), strict=True, delimiter=mark)
    try:
        for cells in reader:
            if len(cells) > MOST_COLUMNS:
                raise FormatError(
                    f"{path}, row {reader.line_num}: found {len(cells)} columns; allowed are "
                    f"{MOST_COLUMNS}"
                )
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise FormatError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error


def _tidy(
    path: Path, rows: Iterator[tuple[int, list[str]]], width: int, place: Mapping[str, int]
) -> Readings:
    found = Collected(path)
    time, name, count = place["time"], place["name"], place["count"]
    for line, cells in rows:
        if len(cells) != width:
            raise FormatError(
                f"{path}, row {line}: found {len(cells)} columns; allowed are {width}"
            )
        series = found.series(line, cells[name].strip())
        found.add(line, found.stamp(line, cells[time]), series, cells[count])
    return found.readings()


def _is_wide(rows: Iterator[tuple[int, list[str]]]) -> bool:
    """Tell whether the first column holds dates with times."""
    _, cells = next(rows, (0, [""]))
    text = cells[0].strip()
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return len(text) > len("2031-03-03")


def _wide(
    path: Path, rows: Iterator[tuple[int, list[str]]], line: int, header: Sequence[str]
) -> Readings:
    found = Collected(path)
    names = [name.strip() for name in header[1:]]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CountError(f"{path}, row {line}: the column {twice[:40]!r} appears twice")
    series = [found.series(line, name) for name in names]
    for number, cells in rows:
        if len(cells) != len(header):
            raise FormatError(
                f"{path}, row {number}: found {len(cells)} columns; allowed are {len(header)}"
            )
        micro = found.stamp(number, cells[0])
        for at, text in zip(series, cells[1:], strict=True):
            found.add(number, micro, at, text)
    return found.readings()


def _parquet(path: Path) -> Readings:
    """Read a tidy or wide Parquet table by way of pandas."""
    try:
        import pandas as pd

        frame: Any = pd.read_parquet(path)
    except ImportError as error:
        raise CountError(
            f"{path}: Parquet is read with pandas and pyarrow, which are not installed; install "
            "them, or save the counts as CSV"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path}: not a readable Parquet file ({str(error)[:120]})") from error
    if isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis("time").reset_index()
    known = [column_word(str(name)) for name in frame.columns]
    place = {what: column_place(path, 1, known, names) for what, names in WANTED.items()}
    if place["time"] is None:
        raise CountError(f"{path}: no column of times; allowed are {', '.join(sorted(TIMES))}")
    when = frame.columns[place["time"]]
    if place["name"] is None or place["count"] is None:
        frame = frame.melt(id_vars=[when], var_name="detector", value_name="count")
        name, count = "detector", "count"
    else:
        name, count = frame.columns[place["name"]], frame.columns[place["count"]]
    try:
        stamps = pd.to_datetime(frame[when], format="ISO8601")
        aware = stamps.dt.tz is not None
        plain = stamps.dt.tz_convert("UTC").dt.tz_localize(None) if aware else stamps
        value = pd.to_numeric(frame[count]).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError, AttributeError) as error:
        raise CountError(f"{path}: times or counts are none ({str(error)[:120]})") from error
    if plain.isna().any() or frame[name].isna().any():
        raise CountError(f"{path}: holds rows without a time or a detector")
    codes, names = pd.factorize(frame[name].astype(str))
    return Readings(
        tuple(str(one) for one in names),
        plain.to_numpy().astype("datetime64[us]"),
        aware,
        codes.astype(np.int64),
        value,
        np.arange(1, len(frame) + 1),
    )


def _sheet(path: Path, zone: str) -> CountFeed:
    """Read a turning-movement sheet; its movements are named by intersection."""
    read = read_tmc(path, TmcMapping(zone=zone))
    wanted = {
        (place, turn): f"{place} {turn}".strip() for place, turn in vehicle_movements(read.counts)
    }
    if not wanted:
        raise CountError(f"{path}: no column counts vehicles of a movement")
    midnight = min(one.begins_utc[0] for one in read.counts)
    return _from_series(join_movements(read.counts, wanted, midnight), midnight, read.findings)


def _log(path: Path, zone: str, step_s: int) -> CountFeed:
    """Count the actuations of every detector channel of a controller log."""
    events = read_hires_log(path, zone)
    on = events.code == DETECTOR_ON
    pairs = sorted(set(zip(events.device[on].tolist(), events.parameter[on].tolist(), strict=True)))
    roles = [DetectorRole(events.devices[d], channel, None, "count") for d, channel in pairs]
    if not roles:
        raise CountError(f"{path}: a log without any detector-on event (code {DETECTOR_ON})")
    first_s = (events.time_utc[0] - np.datetime64(0, "s")) // np.timedelta64(1, "D") * 86_400
    midnight = datetime.fromtimestamp(int(first_s), UTC)
    counts = detector_counts(events, roles, step_s, midnight)
    return _from_series(counts, midnight, events.findings)


def _from_series(counts: CountSeries, midnight: datetime, findings: Sequence[str]) -> CountFeed:
    usable = counts.quality == Quality.GOOD
    return CountFeed(
        counts.series_ids,
        midnight + timedelta(seconds=counts.start_s),
        counts.interval_s,
        np.where(usable, counts.volume_veh, np.nan),
        counts.quality,
        tuple(findings),
    )
