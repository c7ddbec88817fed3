"""A planned day as a picture: which plan runs when, and what each period costs before and after."""

from __future__ import annotations

from itertools import groupby
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from network.day_plan import SECONDS_PER_DAY
from network.units import SECONDS_PER_HOUR
from throughband.reports import style
from throughband.reports.day_periods import DayCurve, Floats

WIDTH_IN: Final = 9.5
HEIGHT_IN: Final = 4.3
LEFT_IN, RIGHT_IN = 0.85, 0.2
STRIP_IN, COST_IN, VOLUME_IN = 0.3, 2.1, 0.75
HATCHES: Final = ("", "///", "...", "xxx", "\\\\\\", "---", "ooo", "+++")


@style.styled()
def day_chart(curve: DayCurve) -> Figure:
    """Draw the plans of a day over its costs and its traffic, on one axis of time.

    Returns
    -------
    matplotlib.figure.Figure
        Shades are the least and most that drawn days cost.
    """
    figure = style.blank(WIDTH_IN, HEIGHT_IN)
    edges = np.array([*curve.begins_s, curve.begins_s[-1] + curve.period_s]) / SECONDS_PER_HOUR
    top_in = 0.15
    strip = _axes(figure, top_in, STRIP_IN, edges)
    costs = _axes(figure, top_in + STRIP_IN + 0.12, COST_IN, edges)
    volume = _axes(figure, top_in + STRIP_IN + COST_IN + 0.3, VOLUME_IN, edges)
    _plans(strip, curve, edges)
    sides = (
        (curve.before, curve.drawn_before, style.MUTED, "--"),
        (curve.after, curve.drawn_after, style.OUTBOUND, "-"),
    )
    for cost, drawn, color, line in sides:
        if len(drawn):
            low, high = (_steps(found) for found in (drawn.min(axis=0), drawn.max(axis=0)))
            costs.fill_between(edges, low, high, step="post", color=color, alpha=0.2, lw=0)
        costs.step(edges, _steps(cost), where="post", color=color, lw=1.7, ls=line)
    costs.set_ylim(bottom=0)
    costs.set_ylabel("delay and stops\n[veh h a period]")
    volume.step(edges, _steps(curve.volume_vph), where="post", color=style.INK, lw=1.2)
    volume.set_ylim(bottom=0)
    volume.set_ylabel("traffic\n[veh/h]")
    volume.set_xlabel("time of day")
    for axes in (costs, volume):
        axes.grid(axis="both")
        axes.set_axisbelow(True)
        style.bare(axes, "bottom", "left")
    ticks = _ticks(float(edges[0]), float(edges[-1]))
    day_h = SECONDS_PER_DAY / SECONDS_PER_HOUR
    for axes in (costs, volume):
        axes.set_xticks(ticks, [f"{int(t % day_h):02}:{round(t % 1 * 60):02}" for t in ticks])
    costs.tick_params(axis="x", labelbottom=False)
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=style.MUTED, ls="--", lw=1.7, label="plans in force"),
        Line2D([], [], color=style.OUTBOUND, lw=1.7, label="this day's plans"),
    ]
    if len(curve.drawn_after):
        handles.append(
            Patch(color=style.OUTBOUND, alpha=0.2, label="least to most of the drawn days")
        )
    figure.legend(handles=handles, loc="lower left", ncols=3, bbox_to_anchor=(0.06, 0.0))
    return figure


def _axes(figure: Figure, top_in: float, high_in: float, edges: Floats) -> Axes:
    axes = figure.add_axes(
        (
            LEFT_IN / WIDTH_IN,
            1 - (top_in + high_in) / HEIGHT_IN,
            (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN,
            high_in / HEIGHT_IN,
        )
    )
    axes.set_xlim(float(edges[0]), float(edges[-1]))
    return axes


def _plans(axes: Axes, curve: DayCurve, edges: Floats) -> None:
    names = list(dict.fromkeys(curve.plans))
    at = 0
    for name, run in groupby(curve.plans):
        end = at + len(list(run))
        begin_h, wide_h = float(edges[at]), float(edges[end] - edges[at])
        axes.add_patch(
            Rectangle(
                (begin_h, 0), wide_h, 1, facecolor=style.PAPER, edgecolor=style.FAINT,
                hatch=HATCHES[names.index(name) % len(HATCHES)], lw=0,
            )
        )  # fmt: skip
        axes.add_patch(Rectangle((begin_h, 0), wide_h, 1, fill=False, edgecolor=style.INK, lw=0.9))
        # What is too narrow for its name stands in the table.
        if wide_h >= 0.06 * float(edges[-1] - edges[0]):
            axes.text(
                begin_h + wide_h / 2, 0.5, name, ha="center", va="center", fontsize=8,
                bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip
        at = end
    axes.set_ylim(0, 1)
    axes.set_xticks([])
    axes.set_yticks([0.5], ["plan"])
    axes.tick_params(axis="y", length=0)
    style.bare(axes)


def _steps(values: Floats) -> Floats:
    """Repeat the last value, which a line of steps needs to reach its end."""
    return np.append(values, values[-1])


def _ticks(begin_h: float, end_h: float) -> list[float]:
    step = next(s for s in (0.25, 0.5, 1.0, 2.0, 3.0) if (end_h - begin_h) / s <= 12 or s == 3.0)
    first = np.ceil(begin_h / step) * step
    return [float(t) for t in np.arange(first, end_h + 1e-9, step)]
