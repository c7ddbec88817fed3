"""The time-space diagram of a page: drawn here, moved in the browser.

The server draws every lamp strip and band as SVG, so that the diagram is whole without scripts.
Each strip is drawn one cycle longer than what is seen: to move a signal's offset, the script only
shifts its strip, and measures the bands anew on the greens that `Space.to_dict` hands over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

from engine.measures.bandwidth import (
    Ticks,
    aspects_shown,
    band_of_greens,
    corridor_bands,
    stop_green,
)
from engine.measures.corridor import Corridor, Direction, Stop
from network.graph import RoadNetwork
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND
from throughband.reports.style import apart, short
from throughband.reports.time_space import REFERENCE_TEXT, band_text, shown_s

WIDTH: Final = 1180.0
LEFT: Final = 140.0
RIGHT: Final = 262.0
TOP: Final = 34.0
BOTTOM: Final = 40.0
STRIP: Final = 7.0
LEAST_LEG: Final = 46.0
LEAST_TEXT: Final = 44.0
MOST_PLOT: Final = 900.0
SPLITS_PER_LINE: Final = 6
HEIGHTS: Final = {"G": 1.0, "y": 1.0, "r": 0.4}


@dataclass(frozen=True, slots=True)
class Strip:
    """What one direction is shown at a stop: an SVG path of rectangles per aspect."""

    direction: Direction
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A signal of the diagram.

    Attributes
    ----------
    signal_id, label, distance_m
        Which, and where along the way.
    y, text_y
        Its line, and where its texts stand.
    plan
        None where none is known.
    lines
        Texts beside it: cycle, reference, splits.
    strips
        Lamps by direction.
    marks
        Where the offset's event falls, x.
    """

    signal_id: str
    label: str
    distance_m: float
    y: float
    text_y: float
    plan: TimingPlan | None
    lines: tuple[str, ...]
    strips: tuple[Strip, ...]
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """A band as drawn: outline, and its width written in it where it has a place."""

    direction: Direction
    partial: bool
    points: str
    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Space:
    """A diagram ready for the template."""

    height: float
    seconds: int
    per_s: float
    rows: tuple[Row, ...]
    shapes: tuple[Shape, ...]
    ticks: tuple[tuple[int, float], ...]
    said: str
    courses: tuple[dict[str, Any], ...]
    width: float = WIDTH
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM
    strip: float = STRIP

    def to_dict(self) -> dict[str, Any]:
        """Return what the script needs to measure and draw bands: plain JSON."""
        return {
            "left": self.left,
            "per_s": self.per_s,
            "seconds": self.seconds,
            "rows": [
                {
                    "signal": row.signal_id,
                    "y": row.y,
                    "cycle_s": row.plan.cycle_s if row.plan else 0,
                    "offset_s": row.plan.offset_s if row.plan else 0,
                }
                for row in self.rows
            ],
            "courses": list(self.courses),
        }


def space_of(
    corridor: Corridor, network: RoadNetwork, plans: Mapping[str, TimingPlan], seconds: int = 0
) -> Space:
    """Draw a corridor's signals over distance and time with the bands between them.

    Parameters
    ----------
    corridor
        The stops.
    network
        For the phases of the signals.
    plans
        By signal; a stop without one is drawn as unknown.
    seconds
        So much is seen, from system zero; by default three of the longest cycles.
    """
    seconds = seconds or shown_s(corridor, (plans,))
    per_s = (WIDTH - LEFT - RIGHT) / seconds
    distances = [stop.distance_m for stop in corridor.stops]
    length_m = max(distances[-1], 1.0)
    closest = max(min((b - a for a, b in pairwise(distances)), default=length_m), 0.01)
    plot = min(
        max(LEAST_LEG * (len(distances) - 1), LEAST_LEG * length_m / closest, 180.0), MOST_PLOT
    )
    plot = max(plot, LEAST_TEXT * (len(distances) - 1))
    height = TOP + plot + BOTTOM + 2 * STRIP
    ys = [TOP + STRIP + plot * (1 - d / length_m) for d in distances]
    texts = apart(ys[::-1], LEAST_TEXT)[::-1]
    rows = tuple(
        _row(stop, network, plans.get(stop.signal_id), y, text_y, seconds, per_s)
        for stop, y, text_y in zip(corridor.stops, ys, texts, strict=True)
    )
    y_of = {row.signal_id: row.y for row in rows}
    bands = corridor_bands(corridor, plans, network)
    shapes: list[Shape] = []
    courses = []
    for direction, band in zip(corridor.directions, bands.bands, strict=True):
        course = corridor.course(direction)
        greens = _greens(course, direction, plans, network)
        courses.append(_course(course, direction, greens))
        parts = [(list(course), band)] if band.width_s else []
        partial = not parts
        if partial:
            for pair, (one, other) in zip(pairwise(course), pairwise(greens), strict=True):
                if one is not None and other is not None:
                    found = band_of_greens([one, other], [elapsed_s for _, elapsed_s in pair])
                    parts.append((list(pair), found))
        for part, found in parts:
            if found.width_s:
                way = [(y_of[stop.signal_id], s - part[0][1]) for stop, s in part]
                shapes += _shapes(
                    way, direction, found.begin_s, found.width_s, found.cycle_s, seconds, per_s,
                    partial,
                )  # fmt: skip
    step = next(s for s in (5, 10, 15, 20, 30, 60, 120, 240) if seconds / s <= 18 or s == 240)
    return Space(
        height,
        seconds,
        per_s,
        rows,
        tuple(shapes),
        tuple((t, LEFT + t * per_s) for t in range(0, seconds + 1, step)),
        band_text(bands),
        tuple(courses),
    )


def _row(
    stop: Stop,
    network: RoadNetwork,
    plan: TimingPlan | None,
    y: float,
    text_y: float,
    seconds: int,
    per_s: float,
) -> Row:
    phasing = network.signals[stop.signal_id].phasing
    strips: list[Strip] = []
    if plan is not None and phasing is not None:
        for direction, passages in (("outbound", stop.outbound), ("inbound", stop.inbound)):
            if passages:
                shown = aspects_shown(passages[0].connections, plan, phasing).tolist()
                below = direction == "outbound"
                paths = _paths(shown, plan.cycle_s, y, below, seconds, per_s)
                strips.append(Strip("outbound" if below else "inbound", paths))
    marks: tuple[float, ...] = ()
    lines: tuple[str, ...] = ("no plan known",)
    if plan is not None:
        marks = tuple(
            LEFT + t * per_s
            for t in range(plan.offset_s - plan.cycle_s, seconds + plan.cycle_s, plan.cycle_s)
        )
        splits = [f"{n}:{s}" for n, s in zip(plan.sequence, plan.splits_s, strict=True)]
        lines = (
            f"{REFERENCE_TEXT[plan.offset_reference]}, phase {plan.coordinated_phase}; "
            f"cycle {plan.cycle_s} s",
            *(
                ("splits " if not at else "") + " ".join(splits[at : at + SPLITS_PER_LINE])
                for at in range(0, len(splits), SPLITS_PER_LINE)
            ),
        )
    return Row(
        stop.signal_id,
        short(stop.signal_id, 14),
        stop.distance_m,
        y,
        text_y,
        plan,
        lines,
        tuple(strips),
        marks,
    )


def _paths(
    shown: Sequence[str], cycle_s: int, y: float, below: bool, seconds: int, per_s: float
) -> tuple[tuple[str, str], ...]:
    """Return rectangles by aspect, from one cycle before system zero on."""
    found: dict[str, list[str]] = {}
    for turn in range(-1, math.ceil(seconds / cycle_s) + 1):
        at = float(turn * cycle_s)
        for aspect, run in groupby(shown):
            length_s = len(list(run)) / TENTHS_PER_SECOND
            high = STRIP * HEIGHTS[aspect]
            x, width = LEFT + at * per_s, length_s * per_s
            top = y + 0.5 if below else y - high - 0.5
            found.setdefault(aspect, []).append(
                f"M{x:.1f} {top:.1f}h{width:.2f}v{high:.1f}H{x:.1f}z"
            )
            at += length_s
    return tuple((aspect, "".join(parts)) for aspect, parts in sorted(found.items()))


def _shapes(
    way: Sequence[tuple[float, float]],
    direction: Direction,
    begin_s: float,
    width_s: float,
    cycle_s: int,
    seconds: int,
    per_s: float,
    partial: bool,
) -> list[Shape]:
    last_s = way[-1][1]
    found: list[Shape] = []
    written = False
    first = math.floor((-last_s - width_s - begin_s) / cycle_s)
    for turn in range(first, math.ceil(seconds / cycle_s) + 1):
        begin = begin_s + turn * cycle_s
        if begin > seconds or begin + width_s + last_s < 0:
            continue
        edge = [(LEFT + (begin + s) * per_s, y) for y, s in way]
        outline = edge + [(x + width_s * per_s, y) for x, y in reversed(edge)]
        # Each direction is written in a place of its own, so that crossing bands stay legible.
        part = 0.36 if direction == "outbound" else 0.3
        leg = min(int(part * (len(way) - 1)), len(way) - 2)
        rest = part * (len(way) - 1) - leg
        (y0, s0), (y1, s1) = way[leg], way[leg + 1]
        at_s = begin + s0 + rest * (s1 - s0) + width_s / 2
        text = ""
        if not written and 0.04 * seconds < at_s < 0.96 * seconds:
            text, written = f"{width_s:.1f} s", True
        found.append(
            Shape(
                direction,
                partial,
                " ".join(f"{x:.1f},{y:.1f}" for x, y in outline),
                text,
                LEFT + at_s * per_s,
                y0 + rest * (y1 - y0),
            )
        )
    return found


def _greens(
    course: Sequence[tuple[Stop, float]],
    direction: Direction,
    plans: Mapping[str, TimingPlan],
    network: RoadNetwork,
) -> list[Ticks | None]:
    """Return when each stop may be crossed; None where no plan is known."""
    found: list[Ticks | None] = []
    for stop, _ in course:
        plan, phasing = plans.get(stop.signal_id), network.signals[stop.signal_id].phasing
        if plan is None or phasing is None:
            found.append(None)
        else:
            found.append(stop_green(stop, direction, plan, phasing))
    return found


def _course(
    course: Sequence[tuple[Stop, float]], direction: Direction, greens: Sequence[Ticks | None]
) -> dict[str, Any]:
    """Return the stops as driven, each with its through greens in tenths of a second."""
    stops = []
    for (stop, elapsed_s), green in zip(course, greens, strict=True):
        runs: list[list[int]] = []
        at = 0
        for is_green, run in groupby(() if green is None else green.tolist()):
            length = len(list(run))
            if is_green:
                runs.append([at, length])
            at += length
        stops.append(
            {
                "signal": stop.signal_id,
                "at_ds": round(elapsed_s * TENTHS_PER_SECOND),
                "greens": runs,
            }
        )
    return {"direction": direction, "stops": stops}
