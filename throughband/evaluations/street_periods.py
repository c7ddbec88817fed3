"""What was measured on the street in a period: travel times, controller logs or counts.

Which of them a file is, its header tells. All become means by day, place and time of day on the
local clock; a day on which that clock was changed is named, so that it can be left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np

from engine.before_after.cells import Cell, Cells
from engine.before_after.comparison import Measure
from engine.performance.arrivals import ADVANCE, against
from engine.performance.failures import cycle_occupancy
from engine.performance.intervals import edges_around, phase_intervals
from engine.performance.phase_history import phase_histories, seconds_of
from network.errors import CountError, FormatError, InsufficientDataError
from network.readers.hires_counts import DetectorRole
from network.readers.hires_events import DETECTOR_ON
from network.readers.hires_log import read_hires_log
from network.readers.text_files import text_blocks
from throughband.counts.count_tables import (
    EVENTS,
    MOST_BYTES,
    PARQUET_MAGIC,
    column_word,
    read_feed,
)
from throughband.evaluations.travel_times import TRAVELS, columns_of, travel_cells, trips_in

Kind = Literal["travel times", "controller logs", "counts"]
WAIT: Final = Measure("wait_s", "Wait for green", "s/veh", "ratio", -1)
ON_GREEN: Final = Measure("green_share", "Arrivals on green", "part", "difference", 1)
FAILURES: Final = Measure("failure_share", "Split failures", "part of greens", "difference", -1)
VOLUME: Final = Measure("volume_veh", "Vehicles", "veh per interval", "ratio", 0)
SUFFIXES: Final = (".csv", ".csv.gz", ".parquet", ".xlsx", ".txt")
LEAST_KNOWN: Final = 0.5
"""An interval of which a log covers less is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """Two periods, ready to be compared.

    Attributes
    ----------
    kind
        What was measured.
    cells
        Before and after by measure; the first one is judged.
    volume
        Vehicles before and after, or None.
    free_s
        Free travel time of a trip, mean over both periods, s; NaN for other kinds.
    clock_changes
        Dates in them on which the local clock was changed.
    findings
        What the reader must know, sentences.
    """

    kind: Kind
    cells: Mapping[Measure, tuple[Cells, Cells]]
    volume: tuple[Cells, Cells] | None
    free_s: float
    clock_changes: frozenset[date]
    findings: tuple[str, ...]


def read_periods(
    before: Path,
    after: Path,
    zone: ZoneInfo,
    step_s: int,
    roles: Sequence[DetectorRole] = (),
    counts: Sequence[Path] = (),
) -> Periods:
    """Read two periods.

    Parameters
    ----------
    before, after
        A file each, or a folder of them.
    zone
        Whose clock traffic follows.
    step_s
        Length of the intervals that are compared, s; divides a day.
    roles
        What detectors of controller logs are for.
    counts
        Files of counts that cover both periods, for traffic volume.

    Raises
    ------
    FormatError
        If a file cannot be read.
    CountError
        If counts in it are none.
    InsufficientDataError
        If the periods are of different kinds, or hold nothing.
    """
    files = [files_of(before), files_of(after)]
    kinds = {kind_of(file): file for part in files for file in part}
    if len(kinds) > 1:
        told = ", ".join(f"{file.name} holds {kind}" for kind, file in kinds.items())
        raise InsufficientDataError(f"{told}; allowed is one kind before and after")
    (kind,) = kinds
    findings: list[str] = []
    free_s = math.nan
    volume = None
    if kind == "travel times":
        cells, free_s = travel_cells([trips_in(part, zone, step_s) for part in files], findings)
    elif kind == "controller logs":
        cells, volume = _log_cells(files, zone, step_s, roles, findings)
    else:
        parts = [Cells.of(_counted(part, zone, step_s, findings)) for part in files]
        cells = {VOLUME: (parts[0], parts[1])}
    first = next(iter(cells.values()))
    if counts and kind != "counts":
        volume = _split(list(_counted(counts, zone, step_s, findings)), first)
    days = {day for part in first for day in part.days}
    return Periods(
        kind, cells, volume, free_s, frozenset(day for day in days if clock_changed(day, zone)),
        tuple(findings),
    )  # fmt: skip


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a file, or the files of a folder by name.

    Raises
    ------
    FormatError
        If there is none.
    """
    if not path.exists():
        raise FormatError(f"{path}: does not exist; name a file, or a folder of them")
    if not path.is_dir():
        return (path,)
    found = sorted(file for file in path.iterdir() if file.name.lower().endswith(SUFFIXES))
    if not found:
        raise FormatError(f"{path}: holds no file named {', '.join('*' + s for s in SUFFIXES)}")
    return tuple(found)


def kind_of(path: Path) -> Kind:
    """Tell what a file holds by its header."""
    try:
        with path.open("rb") as probe:
            magic = probe.read(4)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror or error})") from error
    if magic == PARQUET_MAGIC or magic.startswith(b"PK"):
        return "counts"
    head = next(text_blocks(path, MOST_BYTES), (0, ""))[1].split("\n", 1)[0]
    words = {column_word(name) for name in columns_of(head)}
    if words & EVENTS:
        return "controller logs"
    return "travel times" if words & TRAVELS else "counts"


def clock_changed(day: date, zone: ZoneInfo) -> bool:
    """Tell whether the local clock was changed on a date."""
    noons = [
        datetime.combine(day + timedelta(days=late), time(), zone).utcoffset() for late in (0, 1)
    ]
    return noons[0] != noons[1]


def _counted(
    files: Iterable[Path], zone: ZoneInfo, step_s: int, findings: list[str]
) -> Iterator[Cell]:
    for file in files:
        feed = read_feed(file, zone.key, None)
        findings.extend(f"{file.name}: {finding}" for finding in feed.findings)
        if step_s % feed.step_s:
            raise CountError(
                f"{file}: counts of {feed.step_s} s do not give intervals of {step_s} s; "
                "--interval must be a multiple"
            )
        begin = feed.start.timestamp()
        parts = step_s // feed.step_s
        sums: dict[tuple[date, str, int], list[float]] = {}
        for row in range(len(feed.counts)):
            local = datetime.fromtimestamp(begin + row * feed.step_s, UTC).astimezone(zone)
            second = (local.hour * 3600 + local.minute * 60 + local.second) // step_s * step_s
            for name, value in zip(feed.names, feed.counts[row].tolist(), strict=True):
                sums.setdefault((local.date(), name, second), []).append(value)
        for (day, name, second), values in sums.items():
            if len(values) == parts and not any(math.isnan(value) for value in values):
                yield Cell(day, name, second, sum(values))


def _split(cells: Sequence[Cell], periods: tuple[Cells, Cells]) -> tuple[Cells, Cells]:
    """Give counts to the period whose days they lie in."""
    bounds = [
        (part.days[0], part.days[-1]) if part.days else (date.max, date.min) for part in periods
    ]
    first, second = (
        Cells.of(cell for cell in cells if low <= cell.day <= high) for low, high in bounds
    )
    return first, second


def _log_cells(
    periods: Sequence[Sequence[Path]],
    zone: ZoneInfo,
    step_s: int,
    roles: Sequence[DetectorRole],
    findings: list[str],
) -> tuple[dict[Measure, tuple[Cells, Cells]], tuple[Cells, Cells] | None]:
    if not roles:
        raise InsufficientDataError(
            "controller logs need --detectors: which detectors lie ahead of which phase"
        )
    found: list[dict[Measure, list[Cell]]] = []
    for files in periods:
        part: dict[Measure, list[Cell]] = {WAIT: [], ON_GREEN: [], FAILURES: [], VOLUME: []}
        for file in files:
            _log_of(file, zone, step_s, roles, part, findings)
        found.append(part)
    cells = {
        measure: (Cells.of(found[0][measure]), Cells.of(found[1][measure]))
        for measure in (WAIT, ON_GREEN, FAILURES)
        if found[0][measure] and found[1][measure]
    }
    if not cells:
        raise InsufficientDataError(
            "the logs hold no vehicle of an 'advance' or 'presence' detector in --detectors both "
            "before and after the change"
        )
    volume = None
    if found[0][VOLUME] and found[1][VOLUME]:
        volume = Cells.of(found[0][VOLUME]), Cells.of(found[1][VOLUME])
    return cells, volume


def _log_of(
    file: Path,
    zone: ZoneInfo,
    step_s: int,
    roles: Sequence[DetectorRole],
    part: Mapping[Measure, list[Cell]],
    findings: list[str],
) -> None:
    events = read_hires_log(file, zone.key)
    findings.extend(events.findings)
    for device in events.devices:
        log = events.of_device(device)
        histories = phase_histories(log, device)
        at_s = seconds_of(log.time_utc)
        edges = edges_around(float(at_s[0]), float(at_s[-1]), step_s)
        on = log.code == DETECTOR_ON
        for role in roles:
            history = histories.get(role.phase or 0)
            if role.device != device or role.function != ADVANCE or history is None:
                continue
            # One place per detector: a dead one is then missing, not a street with less traffic.
            times = np.sort(at_s[on & (log.parameter == role.channel)] + role.travel_s)
            if not times.size:
                continue
            site = f"{device}:{role.phase}:{role.channel}"
            for row in phase_intervals(
                history, against(history, times, (role.channel,)), None, edges
            ):
                if row.known_s < LEAST_KNOWN * step_s:
                    continue
                day, slot = _local(row.begin_s, zone)
                part[VOLUME].append(Cell(day, site, slot, row.arrived_veh))
                part[WAIT].append(Cell(day, site, slot, row.wait_s, row.arrived_veh))
                part[ON_GREEN].append(Cell(day, site, slot, row.green_share, row.arrived_veh))
        for phase, history in histories.items():
            occupancy = cycle_occupancy(log, history, roles)
            if occupancy is None:
                continue
            for row in phase_intervals(history, None, occupancy, edges):
                if row.known_s >= LEAST_KNOWN * step_s and row.judged > 0:
                    day, slot = _local(row.begin_s, zone)
                    share = row.failed / row.judged
                    part[FAILURES].append(Cell(day, f"{device}:{phase}", slot, share, row.judged))


def _local(time_s: float, zone: ZoneInfo) -> tuple[date, int]:
    local = datetime.fromtimestamp(time_s, UTC).astimezone(zone)
    return local.date(), local.hour * 3600 + local.minute * 60 + local.second
