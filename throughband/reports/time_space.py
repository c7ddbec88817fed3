"""The time-space diagram of a corridor, before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon

from engine.measures.bandwidth import (
    Band,
    CorridorBands,
    aspects_shown,
    corridor_bands,
    green_band,
)
from engine.measures.corridor import Corridor, Direction, Stop
from network.graph import RoadNetwork
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND
from throughband.reports import style
from throughband.reports.traces import Traces

CYCLES_SHOWN = 3
TRACE_WIDTH = 0.55
WIDTH_IN = 12.0
LEFT_IN, RIGHT_IN, TOP_IN, BOTTOM_IN = 1.75, 2.75, 0.62, 0.55
LEGEND_IN = 0.4
LINE_IN = 0.155
LINE_CHARACTERS = 46
STRIP_IN = 0.075
LEAST_LEG_IN, MOST_PLOT_IN = 0.45, 6.5

COLORS = {"G": style.GREEN, "y": style.YELLOW, "r": style.RED}
HEIGHTS = {"G": 1.0, "y": 1.0, "r": 0.4}
BAND_COLOR: dict[Direction, str] = {"outbound": style.OUTBOUND, "inbound": style.INBOUND}
BAND_LINE: dict[Direction, str] = {"outbound": "-", "inbound": "--"}
REFERENCE_TEXT = {
    OffsetReference.BEGIN_GREEN: "begin of green",
    OffsetReference.BEGIN_YELLOW: "begin of yellow",
    OffsetReference.END_YELLOW: "end of yellow",
}


@style.styled()
def time_space_diagram(
    corridor: Corridor,
    network: RoadNetwork,
    panels: Sequence[tuple[str, Mapping[str, TimingPlan]]],
    traces: Sequence[Traces | None] = (),
    seconds: int = 0,
) -> Figure:
    """Draw signals over distance and time with the green bands between them.

    Parameters
    ----------
    corridor
        The stops.
    network
        For the phases of the signals.
    panels
        Title and plans of each panel, one above the other on one time axis.
    traces
        Simulated trajectories to lie over each panel.
    seconds
        Length of the time axis; by default three of the longest cycles. Pictures that are to be
        laid on each other need the same.

    Returns
    -------
    matplotlib.figure.Figure
        Time runs from system zero over three of the longest cycles. Where there is no band
        over the whole corridor, those between neighboring signals are shaded more lightly.
    """
    seconds = seconds or shown_s(corridor, [plans for _, plans in panels])
    stops = len(corridor.stops)
    distances = [stop.distance_m for stop in corridor.stops]
    closest = min(b - a for a, b in pairwise(distances)) / max(distances[-1], 1.0)
    roomy_in = min(LEAST_LEG_IN / max(closest, 0.01) + 0.6, MOST_PLOT_IN)
    plot_in = max(1.7, 0.62 * (stops - 1) + 0.9, roomy_in)
    panel_in = TOP_IN + plot_in + BOTTOM_IN
    height_in = panel_in * len(panels) + LEGEND_IN
    figure = style.blank(WIDTH_IN, height_in)
    for i, (title, plans) in enumerate(panels):
        bottom_in = height_in - (i + 1) * panel_in + BOTTOM_IN
        axes = figure.add_axes(
            (
                LEFT_IN / WIDTH_IN,
                bottom_in / height_in,
                (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN,
                plot_in / height_in,
            )
        )
        _panel(axes, corridor, network, title, plans, seconds, plot_in)
        if i < len(traces) and (driven := traces[i]) is not None:
            _drive(axes, driven)
    _legend(figure, corridor, any(found is not None for found in traces))
    return figure


def shown_s(corridor: Corridor, sets: Sequence[Mapping[str, TimingPlan]]) -> int:
    """Return the length of a time axis that shows three of the longest cycles of all plans, s."""
    cycles = [plans[name].cycle_s for plans in sets for name in corridor.signals if name in plans]
    return CYCLES_SHOWN * max(cycles, default=60)


def _drive(axes: Axes, traces: Traces) -> None:
    """Draw trajectories, thin, so that bands and greens stay what is read first."""
    for direction, lines in traces.lines.items():
        axes.add_collection(
            LineCollection(
                lines,
                colors=style.INK,
                linewidths=TRACE_WIDTH,
                linestyles="-" if direction == "outbound" else (0, (4, 1.5)),
                alpha=0.55,
                zorder=3,
            ),
            autolim=False,
        )


def _panel(
    axes: Axes,
    corridor: Corridor,
    network: RoadNetwork,
    title: str,
    plans: Mapping[str, TimingPlan],
    seconds: int,
    plot_in: float,
) -> None:
    length_m = corridor.stops[-1].distance_m
    inches = plot_in - 0.6
    per_in = length_m / inches
    axes.set_xlim(0, seconds)
    axes.set_ylim(-0.3 * per_in, length_m + 0.3 * per_in)
    bands = corridor_bands(corridor, plans, network)
    for direction, band in zip(corridor.directions, bands.bands, strict=True):
        _bands(axes, corridor, network, plans, direction, band, seconds)
    for stop in corridor.stops:
        _strips(axes, stop, network, plans, seconds, STRIP_IN * per_in)
    _texts(axes, corridor, plans, LINE_IN * per_in)
    _reference(axes, corridor, network, plans, seconds, STRIP_IN * per_in)
    axes.set_title(title, pad=22)
    axes.text(0, 1.0, band_text(bands), transform=axes.transAxes, va="bottom", fontsize=8.5)
    axes.set_xlabel("time after system zero [s]")
    step = next(s for s in (10, 15, 20, 30, 60, 120, 240) if seconds / s <= 16 or s == 240)
    axes.set_xticks(range(0, seconds + 1, step))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom")


def band_text(bands: CorridorBands) -> str:
    """Return widths, efficiency and attainability of bands as one line."""
    parts = []
    for name, band in (("outbound", bands.outbound), ("inbound", bands.inbound)):
        if band is None:
            continue
        if band.reason:
            parts.append(f"{name} band 0 s ({style.short(band.reason, 48)})")
        else:
            parts.append(
                f"{name} band {band.width_s:.1f} s = {100 * band.efficiency:.0f} % of the "
                f"{band.cycle_s} s cycle, attainability {100 * band.attainability:.0f} %"
            )
    return "; ".join(parts)


def _bands(
    axes: Axes,
    corridor: Corridor,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    direction: Direction,
    whole: Band,
    seconds: int,
) -> None:
    course = corridor.course(direction)
    if whole.width_s:
        _shade(axes, course, direction, whole, seconds, alpha=0.28)
        return
    for pair in pairwise(course):
        band = green_band(pair, direction, plans, network)
        if band.width_s:
            _shade(axes, pair, direction, band, seconds, alpha=0.12)


def _shade(
    axes: Axes,
    course: Sequence[tuple[Stop, float]],
    direction: Direction,
    band: Band,
    seconds: int,
    alpha: float,
) -> None:
    color = BAND_COLOR[direction]
    times = np.array([elapsed for _, elapsed in course])
    times = times - times[0]
    distances = np.array([stop.distance_m for stop, _ in course])
    middle = float(times[-1]) / 2
    first = math.floor((-float(times[-1]) - band.width_s - band.begin_s) / band.cycle_s)
    written = False
    for turn in range(first, math.ceil(seconds / band.cycle_s) + 1):
        begin = band.begin_s + turn * band.cycle_s
        if begin > seconds or begin + band.width_s + float(times[-1]) < 0:
            continue
        left, right = times + begin, times + begin + band.width_s
        outline = np.concatenate(
            [np.column_stack([left, distances]), np.column_stack([right, distances])[::-1]]
        )
        axes.add_patch(Polygon(outline, closed=True, facecolor=color, alpha=alpha, lw=0))
        for edge in (left, right):
            axes.plot(edge, distances, color=color, lw=0.9, ls=BAND_LINE[direction])
        at = begin + band.width_s / 2 + middle
        # Each direction writes in a place of its own, so that crossing bands stay legible.
        part = 0.36 if direction == "outbound" else 0.64
        distance = float(distances[0] + part * (distances[-1] - distances[0]))
        if direction == "inbound":
            distance = float(distances[-1] + part * (distances[0] - distances[-1]))
        at += float(np.interp(part, [0, 1], [0, 2 * middle])) - middle
        # Where both directions begin alike, one is written a cycle later than the other.
        if turn < (1 if direction == "inbound" else 0):
            continue
        if not written and 0.03 * seconds < at < 0.97 * seconds:
            written = True
            axes.text(
                at,
                distance,
                f"{band.width_s:.1f} s",
                ha="center",
                va="center",
                fontsize=8.5,
                fontweight="bold",
                color=style.INK,
                zorder=6,
                bbox={"facecolor": style.PAPER, "edgecolor": color, "lw": 0.7, "pad": 1.5},
            )


def _strips(
    axes: Axes,
    stop: Stop,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    seconds: int,
    strip_m: float,
) -> None:
    """Draw what each direction is shown: outbound below the stop's line, inbound above."""
    plan, phasing = plans.get(stop.signal_id), network.signals[stop.signal_id].phasing
    for direction, sign in (("outbound", -1.0), ("inbound", 1.0)):
        passages = stop.outbound if direction == "outbound" else stop.inbound
        if not passages:
            continue
        if plan is None or phasing is None:
            base = stop.distance_m + min(sign, 0.0) * strip_m
            axes.broken_barh([(0, seconds)], (base, strip_m), facecolor=style.FAINT, zorder=4)
            continue
        shown = aspects_shown(passages[0].connections, plan, phasing)
        for aspect, spans in _spans(shown.tolist(), seconds).items():
            height = strip_m * HEIGHTS[aspect]
            base = stop.distance_m + (0.0 if sign > 0 else -height)
            axes.broken_barh(spans, (base, height), facecolor=COLORS[aspect], lw=0, zorder=4)


def _spans(shown: list[str], seconds: int) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    cycle_s = len(shown) / TENTHS_PER_SECOND
    for turn in range(math.ceil(seconds / cycle_s)):
        at = turn * cycle_s
        for aspect, run in groupby(shown):
            length = len(list(run)) / TENTHS_PER_SECOND
            if at < seconds:
                found.setdefault(aspect, []).append((at, min(length, seconds - at)))
            at += length
    return found


def _reference(
    axes: Axes,
    corridor: Corridor,
    network: RoadNetwork,
    plans: Mapping[str, TimingPlan],
    seconds: int,
    strip_m: float,
) -> None:
    """Mark the event that each offset speaks of."""
    for stop in corridor.stops:
        plan = plans.get(stop.signal_id)
        if plan is None:
            continue
        times = [
            plan.offset_s + turn * plan.cycle_s
            for turn in range(math.ceil(seconds / plan.cycle_s) + 1)
            if plan.offset_s + turn * plan.cycle_s <= seconds
        ]
        axes.plot(
            times,
            [stop.distance_m + 1.9 * strip_m] * len(times),
            marker="v",
            ms=4.5,
            ls="",
            color=style.INK,
            clip_on=False,
            zorder=7,
        )


def _texts(axes: Axes, corridor: Corridor, plans: Mapping[str, TimingPlan], line_m: float) -> None:
    distances = [stop.distance_m for stop in corridor.stops]
    shown = [plans[name] for name in corridor.signals if name in plans]
    common_s = max((plan.cycle_s for plan in shown), default=0)
    said = {name: plan_text(plans.get(name), common_s) for name in corridor.signals}
    lines = max(text.count("\n") + 1 for text in said.values())
    least_m = line_m * max(2, lines) * 1.08
    across = axes.get_yaxis_transform()
    for stop, at in zip(corridor.stops, style.apart(distances, least_m), strict=True):
        for x, end in ((-0.004, -0.022), (1.004, 1.022)):
            axes.plot(
                [x, end], [stop.distance_m, at], transform=across, color=style.MUTED, lw=0.6,
                clip_on=False,
            )  # fmt: skip
        axes.text(
            -0.026, at, f"{style.short(stop.signal_id)}\n{stop.distance_m:.0f} m",
            transform=across, ha="right", va="center", fontsize=8, linespacing=1.25,
        )  # fmt: skip
        axes.text(
            1.026, at, said[stop.signal_id],
            transform=across, ha="left", va="center", fontsize=7.6, linespacing=1.25,
        )  # fmt: skip
    axes.set_yticks([])


def plan_text(plan: TimingPlan | None, common_s: int = 0) -> str:
    """Return a plan's cycle, offset with its reference, and splits by phase, as lines.

    Parameters
    ----------
    plan
        The plan; None where it is not known.
    common_s
        The longest cycle around it, s: whether its own is half of that is said.
    """
    if plan is None:
        return "no plan known"
    splits = " ".join(
        f"{phase}:{split}" for phase, split in zip(plan.sequence, plan.splits_s, strict=True)
    )
    half = f" (half of {common_s})" if 2 * plan.cycle_s == common_s else ""
    between = "\n" if half else " "
    reference = f"({REFERENCE_TEXT[plan.offset_reference]}, ph {plan.coordinated_phase})"
    return f"cycle {plan.cycle_s} s{half}, offset {plan.offset_s} s{between}{reference}\n" + fill(
        f"splits [s] {splits}", LINE_CHARACTERS
    )


def _legend(figure: Figure, corridor: Corridor, driven: bool) -> None:
    handles: list[Patch | Line2D] = [
        Patch(color=style.GREEN, label="green"),
        Patch(color=style.YELLOW, label="yellow"),
        Line2D([], [], color=style.RED, lw=3, label="red"),
        Line2D([], [], color=style.INK, marker="v", ms=4.5, ls="", label="offset reference event"),
    ]
    if driven:
        handles.append(Line2D([], [], color=style.INK, lw=TRACE_WIDTH, label="simulated vehicle"))
    where = {
        "outbound": "outbound band ↑ (strip below the line)",
        "inbound": "inbound band ↓ (strip above)",
    }
    for direction in corridor.directions:
        handles.append(
            Line2D(
                [],
                [],
                color=BAND_COLOR[direction],
                ls=BAND_LINE[direction],
                lw=1.4,
                label=where[direction],
            )
        )
    figure.legend(handles=handles, loc="lower left", ncols=len(handles), bbox_to_anchor=(0.01, 0.0))
