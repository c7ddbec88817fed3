"""The map of a network as SVG: what a page shows without scripts, from the same GeoJSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.measures.hcm_terms import level_of_service

SIZE: Final = 1000.0
MARGIN: Final = 0.05
ASIDE: Final = 3.2
RADIUS_PART: Final = 0.009

QUEUE_STEPS: Final = (2.0, 5.0, 10.0, 15.0, 25.0)
"""Where the colors of queues change, vehicles: about a short block's room at the last."""

MOST_SAID: Final = 300
"""Approaches up to which each is a line of its own that says its values; a town's are drawn
together by color, as its page has to be quick, and the table below the map has the values."""

LETTERS: Final = "ABCDEF"


@dataclass(frozen=True, slots=True)
class Approach:
    """An approach's line, its color's letter, and what a pointer over it says."""

    path: str
    level: str
    said: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A signal's place."""

    signal_id: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class MapDrawing:
    """A map ready for the template."""

    view_box: str
    links: tuple[str, ...]
    approaches: tuple[Approach, ...]
    signals: tuple[Dot, ...]
    radius: float


def draw_map(collection: Mapping[str, Any], show: str) -> MapDrawing:
    """Draw a network.

    Parameters
    ----------
    collection
        As `throughband.pictures.geojson.network_geojson` makes it.
    show
        What colors mean: ``los``, ``delay`` or ``queue``.
    """
    features = collection["features"]
    shown = [f for f in features if f["properties"]["kind"] != "link"] or features
    points = [point for feature in shown for point in _points(feature)]
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    # A degree of longitude shrinks with the latitude; one factor does for a town.
    narrow = math.cos(math.radians((south + north) / 2))
    span = max((east - west) * narrow, north - south, 1e-6)
    scale = SIZE / span

    def place(point: Sequence[float]) -> tuple[float, float]:
        return (point[0] - west) * narrow * scale, (north - point[1]) * scale

    links, approaches, signals = [], [], []
    for feature in features:
        properties = feature["properties"]
        line = [place(point) for point in _points(feature)]
        if properties["kind"] == "signal":
            (x, y), *_ = line
            signals.append(Dot(properties["signal_id"], round(x, 1), round(y, 1)))
            continue
        path = _path(_aside(line, ASIDE))
        if properties["kind"] == "approach":
            approaches.append(Approach(path, letter_of(properties, show), _said(properties)))
        else:
            links.append(path)
    if len(approaches) > MOST_SAID:
        approaches = _together(approaches)
    width, height = (east - west) * narrow * scale, (north - south) * scale
    margin = MARGIN * SIZE
    return MapDrawing(
        f"{-margin:.0f} {-margin:.0f} {width + 2 * margin:.0f} {height + 2 * margin:.0f}",
        ("".join(links),) if links else (),
        tuple(approaches),
        tuple(signals),
        RADIUS_PART * SIZE,
    )


def _together(approaches: Sequence[Approach]) -> list[Approach]:
    """Return one line of many parts for each color."""
    parts: dict[str, list[str]] = {}
    for approach in approaches:
        parts.setdefault(approach.level, []).append(approach.path)
    return [
        Approach("".join(paths), level, f"level {level}" if level else "not known")
        for level, paths in sorted(parts.items())
    ]


def letter_of(properties: Mapping[str, Any], show: str) -> str:
    """Return the letter whose color an approach has; empty where its value is not known."""
    if show == "queue":
        queue = properties.get("queue_veh")
        if queue is None:
            return ""
        return LETTERS[sum(queue > step for step in QUEUE_STEPS)]
    if show == "delay":
        delay = properties.get("delay_s")
        return "" if delay is None else level_of_service(delay)
    return str(properties.get("level_of_service") or "")


def _points(feature: Mapping[str, Any]) -> list[list[float]]:
    found = feature["geometry"]["coordinates"]
    return [found] if feature["geometry"]["type"] == "Point" else found


def _said(properties: Mapping[str, Any]) -> str:
    parts = [f"{properties['link_id']} to signal {properties['signal_id']}"]
    if properties.get("delay_s") is not None:
        parts.append(f"{properties['delay_s']:.1f} s/veh")
    if properties.get("level_of_service"):
        parts.append(f"level of service {properties['level_of_service']}")
    if properties.get("queue_veh") is not None:
        parts.append(f"queue {properties['queue_veh']:.1f} veh")
    return ", ".join(parts)


def _aside(line: Sequence[tuple[float, float]], by: float) -> list[tuple[float, float]]:
    """Move a line to its right, so that the two directions of a street lie side by side."""
    if len(line) < 2:
        return list(line)
    moved = []
    for at, (x, y) in enumerate(line):
        (x0, y0), (x1, y1) = line[max(at - 1, 0)], line[min(at + 1, len(line) - 1)]
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        moved.append((x - by * (y1 - y0) / length, y + by * (x1 - x0) / length))
    return moved


def _path(line: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line)
