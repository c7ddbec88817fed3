"""Travel times of trips in two periods, read from tables and made into means to be compared."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from engine.before_after.cells import Cell, Cells
from engine.before_after.comparison import Measure
from network.errors import FormatError
from network.readers.text_files import text_blocks
from throughband.counts.count_tables import MOST_BYTES, NAMES, TIMES, column_word

TRAVEL_TIME: Final = Measure("travel_time_s", "Travel time", "s", "ratio", -1)
CONGESTION: Final = Measure("congestion_index", "Congestion index", "", "ratio", -1)
SPEED: Final = Measure("speed_kmh", "Speed", "km/h", "ratio", 1)

FREE_PERCENTILE: Final = 15.0
"""Travel time that the fastest 15 % of all trips undercut: free travel, where nobody names it."""
LONGEST_TRAVEL_S: Final = 6 * 3600.0

TRAVELS: Final = frozenset(("traveltime", "traveltimes", "tts", "durations", "duration", "tt"))
FREE: Final = frozenset(("freetraveltime", "freetraveltimes", "freeflow", "freeflows", "frees"))
LENGTH: Final = frozenset(("lengthm", "length", "distancem", "distance"))
TRIPS: Final = frozenset(("vehicles", "trips", "count", "samples", "probes", "n"))
PLACES: Final = NAMES | {"route", "segment", "corridor", "site"}
MOMENTS: Final = TIMES | {"departure", "departed", "start", "begin"}


@dataclass(frozen=True, slots=True)
class Trip:
    """One row of travel times: a trip, or the mean of some."""

    day: date
    slot_s: int
    site: str
    travel_s: float
    free_s: float
    length_m: float
    trips: float


def columns_of(line: str) -> list[str]:
    """Return the cells of a line of a table, whichever mark parts them."""
    mark = max(",;\t|", key=line.count)
    return next(csv.reader([line.rstrip("\r\n")], delimiter=mark), [])


def trips_in(files: Iterable[Path], zone: ZoneInfo, step_s: int) -> list[Trip]:
    """Return the rows of files of travel times.

    Parameters
    ----------
    files
        Tables, CSV.
    zone, step_s
        Whose clock traffic follows, and the intervals that trips are laid in, s.

    Raises
    ------
    FormatError
        If a column is missing, or a row is not what it should be.
    """
    return [trip for file in files for trip in _trips_of(file, zone, step_s)]


def _trips_of(path: Path, zone: ZoneInfo, step_s: int) -> Iterator[Trip]:
    text = "".join(part for _, part in text_blocks(path, MOST_BYTES))
    head = text.split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t|", key=head.count), strict=True
    )
    try:
        header = [column_word(name) for name in next(reader, [])]
        place = {
            meaning: _column(path, header, names, meaning)
            for meaning, names in (
                ("time", MOMENTS), ("travel time", TRAVELS), ("place", PLACES), ("free", FREE),
                ("length", LENGTH), ("trips", TRIPS),
            )
        }  # fmt: skip
        if place["time"] is None:
            raise FormatError(f"{path}, row 1: no column of times; allowed are time or departure")
        for cells in reader:
            if not cells:
                continue
            where = f"{path}, row {reader.line_num}"
            if len(cells) != len(header):
                raise FormatError(f"{where}: found {len(cells)} columns; allowed are {len(header)}")
            day, slot = _moment(where, cells[place["time"]], zone, step_s)

            def number(meaning: str, least: float, most: float, where: str = where,
                       cells: list[str] = cells) -> float:  # fmt: skip
                at = place[meaning]
                return math.nan if at is None else _number(where, meaning, cells[at], least, most)

            travel_s = number("travel time", 0.1, LONGEST_TRAVEL_S)
            trips = number("trips", 0.0, 1e6)
            at = place["place"]
            yield Trip(
                day, slot, cells[at].strip() if at is not None else "all", travel_s,
                number("free", 0.1, LONGEST_TRAVEL_S), number("length", 1.0, 1e6),
                1.0 if math.isnan(trips) else trips,
            )  # fmt: skip
    except csv.Error as error:
        raise FormatError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error


def _column(path: Path, header: Sequence[str], names: frozenset[str], what: str) -> int | None:
    found = [at for at, name in enumerate(header) if name in names]
    if len(found) > 1:
        told = " and ".join(repr(header[at]) for at in found[:3])
        raise FormatError(f"{path}, row 1: {told} both hold the {what}; allowed is one column")
    return found[0] if found else None


def _number(where: str, what: str, text: str, least: float, most: float) -> float:
    if not text.strip():
        return math.nan
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not least <= found <= most:
        raise FormatError(
            f"{where}: found the {what} {text[:40]!r}; allowed are {least:g} to {most:g}"
        )
    return found


def _moment(where: str, text: str, zone: ZoneInfo, step_s: int) -> tuple[date, int]:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise FormatError(
            f"{where}: found the time {text[:40]!r}; allowed is ISO 8601, such as 2031-03-03T07:15"
        ) from error
    local = found.astimezone(zone) if found.tzinfo else found
    second = local.hour * 3600 + local.minute * 60 + local.second
    return local.date(), second // step_s * step_s


def travel_cells(
    periods: Sequence[list[Trip]], findings: list[str]
) -> tuple[dict[Measure, tuple[Cells, Cells]], float]:
    """Make means of trips; free travel times come from both periods, so they are the same.

    Parameters
    ----------
    periods
        Trips before and after.
    findings
        What the reader must know is added here.

    Returns
    -------
    cells : dict
        Before and after, by measure.
    free_s : float
        Free travel time of a trip, mean over both periods, s.
    """
    by_site: dict[str, list[Trip]] = {}
    for trips in periods:
        for trip in trips:
            if not math.isnan(trip.travel_s):
                by_site.setdefault(trip.site, []).append(trip)
    free: dict[str, float] = {}
    for site, trips in by_site.items():
        named = [trip.free_s for trip in trips if not math.isnan(trip.free_s)]
        usual = np.percentile([trip.travel_s for trip in trips], FREE_PERCENTILE)
        free[site] = float(np.median(named)) if named else float(usual)
    if not any(not math.isnan(trip.free_s) for trips in by_site.values() for trip in trips):
        findings.append(
            f"free travel times were not given: the {FREE_PERCENTILE:.0f}th percentile of all "
            "travel times of a place, before and after, stands for them"
        )
    cells: dict[Measure, tuple[Cells, Cells]] = {}

    def lay(measure: Measure, value: Mapping[int, list[Cell]]) -> None:
        cells[measure] = (Cells.of(value[0]), Cells.of(value[1]))

    def made(values: Sequence[list[float]]) -> dict[int, list[Cell]]:
        return {
            at: [
                Cell(t.day, t.site, t.slot_s, value, t.trips)
                for t, value in zip(trips, values[at], strict=True)
            ]
            for at, trips in enumerate(periods)
        }

    lay(TRAVEL_TIME, made([[t.travel_s for t in trips] for trips in periods]))
    over = [[t.travel_s / free.get(t.site, math.nan) for t in trips] for trips in periods]
    lay(CONGESTION, made(over))
    if all(not math.isnan(t.length_m) for trips in periods for t in trips):
        lay(SPEED, made([[3.6 * t.length_m / t.travel_s for t in trips] for trips in periods]))
    else:
        findings.append("lengths were not given (length_m): speeds cannot be told")
    weight = {site: sum(t.trips for t in trips) for site, trips in by_site.items()}
    total = sum(weight.values())
    mean = sum(free[site] * weight[site] for site in free) / total if total else math.nan
    return cells, mean
