"""The interval plot of a street: delay of every controller, and every seed as a dot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import t as student_t

from benchmarks.suite.statistics import CONFIDENCE
from benchmarks.suite.summary import BASELINE, FLOOR, OURS, Line
from throughband.reports import style

WIDTH_IN: Final = 8.6
ROW_IN: Final = 0.3
LEFT_IN, RIGHT_IN, TOP_IN, BOTTOM_IN = 2.15, 0.85, 0.08, 0.62
LONGEST_NAME: Final = 26


@style.styled()
def interval_plot(lines: Sequence[Line]) -> Figure:
    """Draw means over seeds with their 95 % intervals.

    Parameters
    ----------
    lines
        Of one street; controllers without runs are named and left empty. The floor is a line.

    Returns
    -------
    matplotlib.figure.Figure
        Ours in blue. Intervals are Student's of each mean alone; what differs from what is told
        by the paired differences in the tables, which are narrower.
    """
    shown = [line for line in lines if line.controller != FLOOR]
    height_in = TOP_IN + BOTTOM_IN + ROW_IN * max(1, len(shown))
    figure = style.blank(WIDTH_IN, height_in)
    axes = figure.add_axes(
        (
            LEFT_IN / WIDTH_IN,
            BOTTOM_IN / height_in,
            (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN,
            (height_in - TOP_IN - BOTTOM_IN) / height_in,
        )
    )
    most_s = 0.0
    for place, line in enumerate(shown):
        if not line.runs:
            axes.text(0.01, place, "cannot run here", va="center", color=style.MUTED, fontsize=8,
                      transform=axes.get_yaxis_transform())  # fmt: skip
            continue
        tone = style.OUTBOUND if line.controller in OURS else style.INK
        delays_s = list(line.by_seed().values())
        half_s = half_width_s(delays_s)
        axes.plot(delays_s, [place + 0.2] * len(delays_s), "|", color=style.MUTED, ms=4)
        if not math.isnan(half_s):
            ends = [line.mean() - half_s, line.mean() + half_s]
            axes.plot(ends, [place, place], color=tone, lw=2.2, solid_capstyle="butt")
        axes.plot(line.mean(), place, "o", color=tone, ms=5.5, zorder=4)
        axes.text(1.015, place, f"{line.mean():.1f} s", va="center", fontsize=8, color=tone,
                  transform=axes.get_yaxis_transform())  # fmt: skip
        most_s = max(most_s, *delays_s, line.mean())
    for line in lines:
        if line.controller in (FLOOR, BASELINE) and line.runs:
            dotted = line.controller == FLOOR
            axes.axvline(
                line.mean(), color=style.MUTED, lw=1.0, ls=":" if dotted else "--", zorder=0
            )
            most_s = max(most_s, line.mean())
    names = [style.short(line.name, LONGEST_NAME) for line in shown]
    axes.set_yticks(range(len(shown)), names)
    axes.set_ylim(len(shown) - 0.5, -0.6)
    axes.set_xlim(0.0, 1.04 * most_s if most_s else 1.0)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.set_xlabel("delay, s per vehicle due; dashed: plan in force; dotted: physical floor")
    style.bare(axes, "bottom")
    return figure


def half_width_s(delays_s: Sequence[float]) -> float:
    """Return half the 95 % interval of a mean, Student's; NaN with fewer than two values."""
    n = len(delays_s)
    if n < 2:
        return math.nan
    spread = float(np.std(np.asarray(delays_s), ddof=1))
    return float(student_t.ppf(0.5 + CONFIDENCE / 2, n - 1)) * spread / math.sqrt(n)
