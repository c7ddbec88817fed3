"""What detectors of a SUMO simulation counted, and which lanes they lie on.

Read are the outputs of induction loops (E1), lane area detectors (E2), and of ``edgeData`` and
``laneData``, plain or gzipped. Counted are vehicles that left: those that passed a loop whole
(``nVehContrib``), left an area (``nVehLeft``), or left an edge or lane (``left``, which leaves out
those that ended their trip on it; a lane's also has those that changed to another lane), since a
count is taken at the stop line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

import numpy as np

from network.counts import CountSeries, Kind, Quality
from network.errors import CountError, FormatError
from network.graph import RoadNetwork
from network.readers.text_files import unpacked
from network.readers.xml_files import iterate_elements
from network.regrouping import regroup

DetectorKind = Literal["e1", "e2"]
MOST_CELLS = 5_000_000
MOST_BYTES = 1 << 30
UNCHECKED_TAGS = 50_000
FEWEST_BYTES_A_TAG = 24
"""Intervals have attributes; XML of bare tags only costs memory."""

_DEFINITIONS: dict[str, DetectorKind] = {
    **{"inductionLoop": "e1", "e1Detector": "e1"},
    **{"laneAreaDetector": "e2", "e2Detector": "e2"},
}
_TIME_TOLERANCE_S = 1e-3


@dataclass(frozen=True, slots=True)
class SumoDetector:
    """A detector as an additional file defines it.

    Attributes
    ----------
    detector_id
        Name.
    kind
        ``e1`` loop or ``e2`` area.
    lane_ids
        The lanes it lies on, upstream first; a loop has one.
    position_m
        Of a loop, or of the upstream end of an area, along its first lane, m; negative from the
        end of the lane. None for an area that gives only its end.
    period_s
        Length of its intervals, s; None where it reports once at the end.
    """

    detector_id: str
    kind: DetectorKind
    lane_ids: tuple[str, ...]
    position_m: float | None
    period_s: float | None


def read_sumo_detectors(paths: Iterable[Path]) -> tuple[SumoDetector, ...]:
    """Read where detectors lie.

    Parameters
    ----------
    paths
        Additional files, plain or gzipped.

    Raises
    ------
    FormatError
        If a file cannot be read, a detector lacks its lane, or two share a name.
    """
    found: dict[str, SumoDetector] = {}
    for path in paths:
        _require_plausible(Path(path))
        for element in iterate_elements(Path(path), set(_DEFINITIONS)):
            name = element.get("id", "")
            where = f"{path}: detector {name[:60]!r}"
            lanes = tuple((element.get("lanes") or element.get("lane") or "").split())
            if not name or not lanes:
                raise FormatError(f"{where}: needs an id and a lane")
            if name in found:
                raise FormatError(f"{where}: is defined twice; allowed is once")
            position = element.get("pos")
            period = element.get("period") or element.get("freq")
            found[name] = SumoDetector(
                name,
                _DEFINITIONS[element.tag],
                lanes,
                None if position is None else _number(where, "pos", position, None),
                None if period is None else _number(where, "period", period, 0.0),
            )
    return tuple(found.values())


def read_sumo_counts(path: Path) -> CountSeries:
    """Read what was counted.

    Parameters
    ----------
    path
        Output of E1, E2, ``edgeData`` or ``laneData``; one kind to a file.

    Returns
    -------
    CountSeries
        Of kind ``approach`` for ``edgeData``, of kind ``detector`` otherwise, named by detector
        or lane; occupancy in percent where the file has it. A detector without an interval that
        others have is missing there; an edge or lane is too, unless the file writes it: SUMO
        leaves out those that were empty only on request (``excludeEmpty``).

    Raises
    ------
    FormatError
        If the file cannot be read, holds no interval, or one that repeats another, is off the
        grid, negative or no number. A last interval that the end of the simulation cut short is
        left out.
    """
    path = Path(path)
    _require_plausible(path)
    rows: list[_Count] = []
    kinds: set[str] = set()
    for element in iterate_elements(path, {"interval"}):
        for kind, row in _counts(path, element):
            kinds.add(kind)
            rows.append(row)
        if len(rows) > MOST_CELLS:
            raise FormatError(f"{path}: holds more than {MOST_CELLS} counts")
    if not rows:
        raise FormatError(
            f"{path}: holds no counts; allowed are intervals of induction loops, lane area "
            "detectors, edgeData or laneData"
        )
    if len(kinds) > 1:
        raise FormatError(f"{path}: holds counts of {' and '.join(sorted(kinds))}; allowed is one")
    return _series(path, "approach" if kinds == {"edge"} else "detector", rows)


def approach_counts(
    counts: CountSeries, detectors: Iterable[SumoDetector], network: RoadNetwork
) -> CountSeries:
    """Add up the detectors of each link.

    Parameters
    ----------
    counts
        By detector, as `read_sumo_counts` gives them.
    detectors
        Where they lie; those that were not counted are passed over.
    network
        For lanes and links.

    Returns
    -------
    CountSeries
        Of kind ``approach``. A link of which a lane open to general traffic has no detector is
        suspect throughout, as its sum lacks that lane.

    Raises
    ------
    CountError
        If two counted detectors lie on one lane, so that vehicles would be counted twice, or a
        counted one has no definition or lies on no lane of the network.
    """
    lane_of = {
        f"{link.link_id}_{number}": (link.link_id, number)
        for link in network.links.values()
        for number in range(link.lanes)
    }
    placed = {detector.detector_id: detector for detector in detectors}
    series_of: dict[str, str] = {}
    covered: dict[str, dict[int, str]] = {}
    for name in counts.series_ids:
        if name not in placed:
            raise CountError(f"detector {name!r} was counted and is defined nowhere")
        # An area over several lanes counts at its downstream end.
        lane = placed[name].lane_ids[-1]
        if lane not in lane_of:
            raise CountError(
                f"detector {name!r} lies on {lane!r}, which is no lane of network {network.name!r}"
            )
        link, number = lane_of[lane]
        before = covered.setdefault(link, {}).setdefault(number, name)
        if before != name:
            raise CountError(
                f"detectors {before!r} and {name!r} both lie on lane {lane!r} and would count "
                "twice; select one of them"
            )
        series_of[name] = link
    sums = regroup(counts, "approach", series_of)
    quality = sums.quality.copy()
    for column, link in enumerate(sums.series_ids):
        if not set(network.links[link].general_lanes) <= set(covered[link]):
            good = quality[:, column] == Quality.GOOD
            quality[good, column] = Quality.SUSPECT
    return CountSeries(
        "approach",
        sums.series_ids,
        sums.start_s,
        sums.interval_s,
        sums.volume_veh,
        quality,
        sums.occupancy_pct,
    )


def _require_plausible(path: Path) -> None:
    """Refuse bombs before a parser builds anything of them."""
    tags = size = 0
    for piece in unpacked(path, MOST_BYTES):
        tags, size = tags + piece.count(b"<"), size + len(piece)
        if tags > UNCHECKED_TAGS and size < tags * FEWEST_BYTES_A_TAG:
            raise FormatError(
                f"{path}: holds {tags} tags in its first {size} bytes, which no detector file does"
            )


@dataclass(frozen=True, slots=True)
class _Count:
    name: str
    begin_s: float
    end_s: float
    volume_veh: float
    occupancy_pct: float


def _counts(path: Path, element: Element) -> Iterable[tuple[str, _Count]]:
    begin, end = element.get("begin", ""), element.get("end", "")
    where = f"{path}: interval of {begin[:20]!r}"
    begin_s = _number(where, "begin", begin, 0.0)
    end_s = _number(where, "end", end, 0.0)
    if end_s <= begin_s:
        raise FormatError(f"{where}: ends at {end_s:g} s; allowed is later than its begin")
    if "nVehContrib" in element.attrib:
        yield "induction loops", _count(where, element, begin_s, end_s, "nVehContrib", "occupancy")
    elif "nVehLeft" in element.attrib:
        yield "lane areas", _count(where, element, begin_s, end_s, "nVehLeft", "meanOccupancy")
    for edge in element.findall("edge"):
        lanes = edge.findall("lane")
        for lane in lanes:
            yield "lane", _count(where, lane, begin_s, end_s, "left", "occupancy")
        if not lanes:
            yield "edge", _count(where, edge, begin_s, end_s, "left", "occupancy")


def _count(
    where: str, element: Element, begin_s: float, end_s: float, volume: str, occupancy: str
) -> _Count:
    name = element.get("id", "")
    if not name or not name.isprintable():
        raise FormatError(f"{where}: found the id {name[:60]!r}; allowed is a printable name")
    # Edges that carried nothing are written without numbers.
    said = element.get(volume, "0")
    occupied = element.get(occupancy)
    where = f"{where}, id {name[:60]!r}"
    return _Count(
        name,
        begin_s,
        end_s,
        _number(where, volume, said, 0.0),
        # A vehicle that is longer than its detector may give a hair above 100.
        min(_number(where, occupancy, occupied, 0.0), 100.0) if occupied is not None else np.nan,
    )


def _series(path: Path, kind: Kind, rows: list[_Count]) -> CountSeries:
    lengths_s = Counter(round(row.end_s - row.begin_s, 3) for row in rows)
    interval_s = max(lengths_s)
    start_s, last_s = min(row.begin_s for row in rows), max(row.begin_s for row in rows)
    if not float(interval_s).is_integer():
        raise FormatError(
            f"{path}: intervals of {interval_s:g} s; allowed are whole seconds, so set the period"
        )
    names = tuple(dict.fromkeys(row.name for row in rows))
    intervals = round((last_s - start_s) / interval_s) + 1
    if intervals * len(names) > MOST_CELLS:
        raise FormatError(
            f"{path}: {intervals} intervals of {len(names)} series lie between the first and the "
            f"last; allowed are {MOST_CELLS} counts"
        )
    whole = [row for row in rows if row.end_s - row.begin_s > interval_s - _TIME_TOLERANCE_S]
    cut = [row for row in rows if row.end_s - row.begin_s <= interval_s - _TIME_TOLERANCE_S]
    early = next((row for row in cut if row.begin_s < last_s), None)
    if early is not None:
        raise FormatError(
            f"{path}: {early.name!r} has an interval from {early.begin_s:g} s to {early.end_s:g} s "
            f"among those of {interval_s:g} s; allowed is one length, save for the last"
        )
    intervals = round((max(row.begin_s for row in whole) - start_s) / interval_s) + 1
    volume = np.full((intervals, len(names)), np.nan)
    occupancy = np.full(volume.shape, np.nan)
    column = {name: index for index, name in enumerate(names)}
    seen: set[tuple[int, int]] = set()
    for row in whole:
        steps = (row.begin_s - start_s) / interval_s
        cell = (round(steps), column[row.name])
        shifted = abs(steps - cell[0]) * interval_s > _TIME_TOLERANCE_S
        if shifted or cell in seen:
            problem = f"off the grid of {interval_s:g} s" if shifted else "again"
            raise FormatError(
                f"{path}: found {row.name!r} at {row.begin_s:g} s {problem}; allowed is one "
                f"interval every {interval_s:g} s from {start_s:g} s"
            )
        seen.add(cell)
        volume[cell], occupancy[cell] = row.volume_veh, row.occupancy_pct
    counted = CountSeries.from_volumes(kind, names, start_s, int(interval_s), volume)
    if np.isnan(occupancy).all():
        return counted
    return CountSeries(kind, names, start_s, int(interval_s), volume, counted.quality, occupancy)


def _number(where: str, name: str, text: str, least: float | None) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise _bad(where, name, text, least) from error
    if not isfinite(value) or abs(value) > 1e9 or (least is not None and value < least):
        raise _bad(where, name, text, least)
    return value


def _bad(where: str, name: str, found: str, least: float | None) -> FormatError:
    allowed = "a number" if least is None else f"a number from {least:g}"
    return FormatError(f"{where}: {name} is {found[:60]!r}; allowed is {allowed}")
