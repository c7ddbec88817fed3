"""The map of a network: what changes on each approach, and which signals are retimed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from engine.measures.corridor import Corridor
from engine.measures.evaluation import StreetMeasures
from engine.measures.street import Street
from network.graph import RoadNetwork
from throughband.reports import style

WIDTH_IN, HEIGHT_IN = 9.5, 7.0
BELOW_IN, RIGHT_IN = 0.62, 1.15
MARGIN = 0.08
LEAST_PART, MOST_PART = 0.05, 0.4
"""An approach is drawn over at least and at most this part of the map."""

TYPICAL_PART = 0.85
"""Quantile of the values at which the colors end: one gridlocked approach must not wash out
all others."""

MOST_NAMES, NAME_POINTS = 30, 7.5
LETTER_POINTS, LETTER_ASIDE_POINTS = 8.0, 11.0

Points = NDArray[np.float64]
Box = tuple[float, float, float, float]


def approach_delay_change(
    street: Street, before: StreetMeasures, after: StreetMeasures
) -> dict[str, float]:
    """Return the change of mean delay of every approach.

    Parameters
    ----------
    street
        The street that both were measured on.
    before, after
        The model's measures.

    Returns
    -------
    dict
        After minus before by approach link, s/veh; approaches without traffic are absent.
    """
    change = after.lane_delay_s - before.lane_delay_s
    found: dict[str, float] = {}
    for row, link in enumerate(street.approach_names):
        lanes = street.lane_approach == row
        volume = street.lane_volume_vps[lanes]
        if volume.sum() > 0:
            found[link] = float((change[lanes] * volume).sum() / volume.sum())
    return found


def approach_saturation(street: Street, measures: StreetMeasures) -> dict[str, float]:
    """Return the greatest degree of saturation of each approach's lanes, by link."""
    return {
        link: float(measures.lane_saturation[street.lane_approach == row].max())
        for row, link in enumerate(street.approach_names)
        if (street.lane_approach == row).any()
    }


@style.styled()
def network_map(
    network: RoadNetwork,
    values: Mapping[str, float],
    label: str,
    retimed: Collection[str],
    corridor: Corridor | None = None,
    diverging: bool = True,
    letters: Mapping[str, str] | None = None,
    most: float = 0.0,
) -> Figure:
    """Draw links, approaches colored by a value, and signals.

    Parameters
    ----------
    network
        The roads.
    values
        By approach link.
    label
        What the values are, with unit.
    retimed
        Signals that get a new plan; the others are drawn hollow.
    corridor
        Its links are underlaid.
    diverging
        Whether values lie on both sides of zero (changes) or above it (saturation).
    letters
        What to write on an approach, by link, such as its level of service.
    most
        Value at which the colors end; by default that of the values themselves. Maps that are
        to be compared need the same.

    Returns
    -------
    matplotlib.figure.Figure
        Cropped to the signals and their approaches; the drawing's y axis points up.
    """
    figure = style.blank(WIDTH_IN, HEIGHT_IN)
    axes = figure.add_axes(
        (0.01, BELOW_IN / HEIGHT_IN, 1 - RIGHT_IN / WIDTH_IN, 1 - (BELOW_IN + 0.1) / HEIGHT_IN)
    )
    extent_m = _frame(axes, network, values)
    aside_m = 0.004 * extent_m
    roads = [_aside(np.array(link.shape_m), aside_m) for link in network.links.values()]
    axes.add_collection(LineCollection(roads, colors=style.FAINT, linewidths=0.9, zorder=1))
    if corridor is not None:
        names = [n for leg in (*corridor.outbound_legs, *corridor.inbound_legs) for n in leg.links]
        rows = [_aside(np.array(network.links[name].shape_m), aside_m) for name in names]
        axes.add_collection(
            LineCollection(rows, colors=style.OUTBOUND, linewidths=9, alpha=0.22, zorder=2)
        )
    colors = _colors(values, diverging, most)
    lines = [
        _aside(_tail(network, link, LEAST_PART * extent_m), aside_m) for link in sorted(values)
    ]
    axes.add_collection(LineCollection(lines, colors=style.MUTED, linewidths=5.2, zorder=3))
    axes.add_collection(
        LineCollection(
            lines,
            colors=colors.to_rgba(np.array([values[link] for link in sorted(values)])),
            linewidths=3.8,
            capstyle="butt",
            zorder=3,
        )
    )
    if letters:
        _letters(axes, dict(zip(sorted(values), lines, strict=True)), letters)
    _signals(axes, network, retimed)
    _scale_bar(figure, axes)
    _legend(figure, corridor is not None)
    bar_axes = figure.add_axes((1 - 1.0 / WIDTH_IN, 0.2, 0.16 / WIDTH_IN, 0.66))
    bar = figure.colorbar(colors, cax=bar_axes, extend="both" if diverging else "max")
    bar.set_label(label)
    return figure


def _frame(axes: Axes, network: RoadNetwork, values: Mapping[str, float]) -> float:
    signals = network.signals.values()
    xs, ys = [s.x_m for s in signals], [s.y_m for s in signals]
    span = max(max(xs, default=0) - min(xs, default=0), max(ys, default=0) - min(ys, default=0))
    for link in values:
        points = _tail(network, link, max(0.12 * span, 120.0))
        xs += points[:, 0].tolist()
        ys += points[:, 1].tolist()
    if not xs:
        for road in network.links.values():
            xs += [x for x, _ in road.shape_m]
            ys += [y for _, y in road.shape_m]
    extent_m = max(max(xs) - min(xs), max(ys) - min(ys), 50.0)
    # One scale for x and y that fits both into the plot.
    place = axes.get_position()
    width_in, height_in = place.width * WIDTH_IN, place.height * HEIGHT_IN
    margin = 1 + 2 * MARGIN
    per_in = margin * max((max(xs) - min(xs)) / width_in, (max(ys) - min(ys)) / height_in, 5.0)
    x, y = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    axes.set_xlim(x - per_in * width_in / 2, x + per_in * width_in / 2)
    axes.set_ylim(y - per_in * height_in / 2, y + per_in * height_in / 2)
    axes.set_xticks([])
    axes.set_yticks([])
    style.bare(axes)
    return extent_m


def _letters(axes: Axes, lines: Mapping[str, Points], letters: Mapping[str, str]) -> None:
    """Write a letter beside the middle of each approach, to its right, clear of the way back."""
    for link, line in lines.items():
        if link not in letters or len(line) < 2:
            continue
        steps = np.hypot(*np.diff(line, axis=0).T)
        passed = np.concatenate([[0.0], np.cumsum(steps)])
        half = float(passed[-1]) / 2
        at = min(int(np.searchsorted(passed, half, side="right")), len(line) - 1)
        x, y = (float(np.interp(half, passed, line[:, column])) for column in (0, 1))
        along = (line[at] - line[at - 1]) / max(float(steps[at - 1]), 1e-9)
        axes.annotate(
            letters[link],
            (x, y),
            (LETTER_ASIDE_POINTS * float(along[1]), -LETTER_ASIDE_POINTS * float(along[0])),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=LETTER_POINTS,
            fontweight="bold",
            color=style.INK,
            zorder=4,
            bbox={"facecolor": style.PAPER, "edgecolor": style.MUTED, "lw": 0.5, "pad": 1.2},
        )


def _colors(values: Mapping[str, float], diverging: bool, end: float = 0.0) -> ScalarMappable:
    sizes = sorted(abs(value) for value in values.values())
    most = end or max(sizes[int(TYPICAL_PART * (len(sizes) - 1))] if sizes else 1.0, 0.1)
    norm: Normalize = TwoSlopeNorm(0.0, -most, most) if diverging else Normalize(0.0, most)
    return ScalarMappable(norm, colormaps["PuOr_r" if diverging else "viridis_r"])


def _tail(network: RoadNetwork, link: str, least_m: float) -> Points:
    """Return the last stretch of an approach: the link, and what leads into it if it is short."""
    points = [np.array(network.links[link].shape_m)]
    length_m, name, seen = network.links[link].length_m, link, {link}
    while length_m < least_m:
        feeders = {
            c.from_link for c in network.turns_into[name] if c.turn in "sRL" and not c.groups
        }
        if len(feeders) != 1 or feeders <= seen:
            break
        name = feeders.pop()
        seen.add(name)
        points.insert(0, np.array(network.links[name].shape_m))
        length_m += network.links[name].length_m
    line = np.concatenate(points)
    steps = np.hypot(*np.diff(line, axis=0).T)
    from_end = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    most_m = least_m * MOST_PART / LEAST_PART
    if from_end[0] <= most_m:
        return line
    keep = int(np.flatnonzero(from_end > most_m)[-1])
    part = (most_m - from_end[keep + 1]) / max(steps[keep], 1e-9)
    return np.vstack([line[keep + 1] + (line[keep] - line[keep + 1]) * part, line[keep + 1 :]])


def _aside(line: Points, by_m: float) -> Points:
    """Move a line to its right, so that the two directions of a street lie side by side."""
    if len(line) < 2:
        return line
    along = np.gradient(line, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    moved: Points = line + by_m * np.column_stack([along[:, 1], -along[:, 0]]) / length[:, None]
    return moved


def _signals(axes: Axes, network: RoadNetwork, retimed: Collection[str]) -> None:
    for signal in network.signals.values():
        new = signal.signal_id in retimed
        axes.plot(
            signal.x_m,
            signal.y_m,
            marker="o" if new else "s",
            ms=7,
            ls="",
            mfc=style.INK if new else style.PAPER,
            mec=style.PAPER if new else style.INK,
            mew=1.0 if new else 1.4,
            zorder=5,
        )
    if len(network.signals) <= MOST_NAMES:
        _names(axes, network)


def _names(axes: Axes, network: RoadNetwork) -> None:
    """Write each signal's name beside it where it covers least of what is there already."""
    per_m = 72.0 * WIDTH_IN * axes.get_position().width / (np.ptp(axes.get_xlim()) or 1.0)
    dots = {s.signal_id: (s.x_m * per_m, s.y_m * per_m) for s in network.signals.values()}
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in dots.values()]
    for name, (x, y) in dots.items():
        text = style.short(name, 16)
        width = NAME_POINTS * 0.62 * len(text)
        boxes = [
            (x0, y0, x0 + width, y0 + NAME_POINTS * 1.3)
            for dy in (7.0, -17.0, -5.0, 20.0, -30.0)
            for x0, y0 in ((x + 7, y + dy), (x - 7 - width, y + dy))
        ]
        best = min(boxes, key=lambda box: sum(_overlap(box, other) for other in taken))
        taken.append(best)
        axes.annotate(
            text,
            (x / per_m, y / per_m),
            (best[0] - x, best[1] - y),
            textcoords="offset points",
            fontsize=NAME_POINTS,
            zorder=6,
            bbox={"facecolor": style.PAPER, "alpha": 0.85, "edgecolor": "none", "pad": 0.6},
        )


def _overlap(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _scale_bar(figure: Figure, axes: Axes) -> None:
    left, right = axes.get_xlim()
    room = (right - left) / 5
    power = 10.0 ** math.floor(math.log10(room))
    length = next(n * power for n in (5, 2, 1) if n * power <= room)
    part = length / (right - left) * axes.get_position().width
    y, x = 0.42 / HEIGHT_IN, 0.03
    figure.add_artist(Line2D([x, x + part], [y, y], color=style.INK, lw=2.5, solid_capstyle="butt"))
    for end in (x, x + part):
        figure.add_artist(Line2D([end, end], [y - 0.008, y + 0.008], color=style.INK, lw=1.2))
    figure.text(x + part / 2, y + 0.012, f"{length:g} m", ha="center", va="bottom")


def _legend(figure: Figure, with_corridor: bool) -> None:
    handles: Sequence[Line2D] = [
        Line2D([], [], marker="o", ls="", ms=7, color=style.INK, label="retimed signal"),
        Line2D([], [], marker="s", ls="", ms=7, mfc=style.PAPER, mec=style.INK, mew=1.4,
               label="signal left alone"),
        Line2D([], [], color=style.FAINT, lw=1.5, label="other links"),
    ]  # fmt: skip
    if with_corridor:
        corridor = Line2D([], [], color=style.OUTBOUND, lw=7, alpha=0.25, label="corridor")
        handles = [*handles, corridor]
    figure.legend(
        handles=handles, loc="lower left", ncols=len(handles), bbox_to_anchor=(0.015, -0.005)
    )
