"""Which detector counts what: a small CSV file, or a scenario's own order."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from network.counts import KINDS, Kind
from network.errors import CountError
from network.graph import RoadNetwork

MOST_BYTES: Final = 4 << 20
MOST_DETECTOR: Final = 255
"""Largest detector number of NTCIP 1202."""


@dataclass(frozen=True, slots=True)
class DetectorMap:
    """Which detector counts what.

    Attributes
    ----------
    kind
        What the series are.
    places
        By signal and detector number, the series.
    """

    kind: Kind
    places: Mapping[str, Mapping[int, str]]


def read_detector_map(path: Path) -> DetectorMap:
    """Read a map.

    Parameters
    ----------
    path
        CSV with the columns ``signal``, ``detector`` and one of ``movement``, ``approach``,
        ``connection`` and ``detector_id``; several detectors may count the same.

    Raises
    ------
    CountError
        If the file cannot be read, a column is missing, or a row is malformed or repeats
        another; the message names the row (the header is row 1).
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(MOST_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CountError(f"{path}: cannot be read ({reason})") from error
    if len(text) > MOST_BYTES:
        raise CountError(f"{path}: longer than {MOST_BYTES} characters")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    places: dict[str, dict[int, str]] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        kind = _kind(path, header)
        for cells in reader:
            if cells:
                _take(f"{path}, row {reader.line_num}", header, kind, cells, places)
    except csv.Error as error:
        raise CountError(f"{path}, row {reader.line_num}: not readable CSV ({error})") from error
    if not places:
        raise CountError(f"{path}: names no detector; expected at least one row below the header")
    return DetectorMap(kind, places)


def scenario_map(network: RoadNetwork) -> DetectorMap:
    """Return the map of ``throughband street``: detector n counts the n-th connection."""
    return DetectorMap(
        "connection",
        {
            signal.signal_id: {
                number: connection.connection_id
                for number, connection in enumerate(signal.connections, start=1)
            }
            for signal in network.signals.values()
            if signal.connections
        },
    )


def _column(kind: str) -> str:
    """Return the column that names a series of a kind."""
    return "detector_id" if kind == "detector" else kind


def _kind(path: Path, header: list[str]) -> Kind:
    kinds = [kind for kind in KINDS if _column(kind) in header]
    allowed = {"signal", "detector", *map(_column, kinds)}
    if len(kinds) != 1 or set(header) != allowed or len(header) != len(allowed):
        raise CountError(
            f"{path}, row 1: found the columns {', '.join(header) or 'none'}; allowed are signal, "
            f"detector and one of {', '.join(map(_column, KINDS))}"
        )
    return kinds[0]


def _take(
    where: str, header: list[str], kind: str, cells: list[str], places: dict[str, dict[int, str]]
) -> None:
    if len(cells) != len(header):
        raise CountError(f"{where}: found {len(cells)} columns; allowed are {len(header)}")
    cell = dict(zip(header, (text.strip() for text in cells), strict=True))
    signal, number, series = cell["signal"], cell["detector"], cell[_column(kind)]
    for name, text in (("signal", signal), (_column(kind), series)):
        if not text or not text.isprintable():
            raise CountError(f"{where}, column {name}: found {text[:60]!r}; allowed is a name")
    plain = number.isascii() and number.isdigit() and len(number) <= 3
    if not plain or not 1 <= int(number) <= MOST_DETECTOR:
        raise CountError(
            f"{where}, column detector: found {number[:60]!r}; allowed are 1 to {MOST_DETECTOR}"
        )
    found = places.setdefault(signal, {})
    if int(number) in found:
        raise CountError(f"{where}: detector {number} of signal {signal!r} is named again")
    found[int(number)] = series
