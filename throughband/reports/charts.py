"""Charts of measures: before against after, and counts against forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MultipleLocator, PercentFormatter
from numpy.typing import NDArray

from throughband.reports import style
from throughband.reports.comparison import Row

WIDTH_IN = 9.5
ROW_IN = 0.5
COLUMNS = 2
MOVEMENTS_SHOWN = 6
CLOCK_STEPS_S = (300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400)

MARKERS = {"better": "o", "worse": "s", "no clear difference": "D", "not judged": "D"}
TONES = {
    "better": style.OUTBOUND,
    "worse": style.RED,
    "no clear difference": style.MUTED,
    "not judged": style.MUTED,
}


@dataclass(frozen=True, slots=True, eq=False)
class CountChart:
    """Counts and forecast of some movements, for drawing.

    Attributes
    ----------
    names
        One per movement.
    begins_s
        Beginning of each interval, s; [I].
    counted_vph, forecast_vph
        [I, M]; NaN where there is no number.
    low_vph, high_vph
        Quantile band of the forecast, [I, M].
    band
        What the band is, such as ``10 % to 90 %``.
    """

    names: tuple[str, ...]
    begins_s: NDArray[np.float64]
    counted_vph: NDArray[np.float64]
    forecast_vph: NDArray[np.float64]
    low_vph: NDArray[np.float64]
    high_vph: NDArray[np.float64]
    band: str


@style.styled()
def before_after_chart(rows: Sequence[Row], runs: int) -> Figure:
    """Draw paired differences in percent of the plan in force, with 95 % intervals.

    Parameters
    ----------
    rows
        One per measure, those without a percentage are left out.
    runs
        Number of paired runs.

    Returns
    -------
    matplotlib.figure.Figure
        Blue is clearly better, vermilion clearly worse, gray not clear.
    """
    drawn = [row for row in rows if row.change_pct is not None]
    height_in = 0.95 + ROW_IN * max(1, len(drawn))
    figure = style.blank(WIDTH_IN, height_in)
    axes = figure.add_axes(
        (2.6 / WIDTH_IN, 0.72 / height_in, 4.2 / WIDTH_IN, (height_in - 0.8) / height_in)
    )
    for at, row in enumerate(drawn):
        _difference(axes, at, row)
    axes.axvline(0, color=style.INK, lw=1)
    axes.set_ylim(max(1, len(drawn)) - 0.5, -0.5)
    low, high = axes.get_xlim()
    pad = 0.06 * max(high - low, 1.0)
    axes.set_xlim(min(low, 0) - pad, max(high, 0) + pad)
    axes.set_yticks(range(len(drawn)), [f"{row.label} [{row.unit}]" for row in drawn])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(decimals=None, symbol=" %"))
    axes.set_xlabel(f"new plan minus plan in force, % of the plan in force ({runs} paired runs)")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom")
    handles = [
        Line2D(
            [],
            [],
            marker=MARKERS[name],
            color=TONES[name],
            mfc=TONES[name] if name != "no clear difference" else style.PAPER,
            ms=6,
            label=text,
        )
        for name, text in (
            ("better", "clearly better"),
            ("worse", "clearly worse"),
            ("no clear difference", "no clear difference"),
        )
    ]
    handles.append(
        Line2D([], [], marker="|", ls="", color=style.MUTED, ms=7, label="one paired run")
    )
    figure.legend(
        handles=handles, loc="lower left", ncols=4, bbox_to_anchor=(0.01, -0.02 / height_in)
    )
    return figure


def _difference(axes: Axes, at: int, row: Row) -> None:
    assert row.change_pct is not None
    tone = TONES[row.judgment]
    low, high = row.change_low_pct, row.change_high_pct
    if low is not None and high is not None:
        axes.plot([low, high], [at, at], color=tone, lw=2.2, solid_capstyle="butt")
        for end in (low, high):
            axes.plot([end, end], [at - 0.13, at + 0.13], color=tone, lw=1.4)
    axes.plot(
        row.runs_pct, [at + 0.27] * len(row.runs_pct), marker="|", ls="", color=style.MUTED, ms=6
    )
    axes.plot(
        row.change_pct,
        at,
        marker=MARKERS[row.judgment],
        color=tone,
        ms=7,
        zorder=4,
        mfc=tone if row.judgment in ("better", "worse") else style.PAPER,
        mew=1.6,
    )
    axes.text(
        1.02, at, row.difference_text, transform=axes.get_yaxis_transform(), va="center",
        fontsize=8,
    )  # fmt: skip


@style.styled()
def count_chart(chart: CountChart) -> Figure:
    """Draw counts and forecast of the busiest movements, one small plot each.

    Parameters
    ----------
    chart
        The numbers.

    Returns
    -------
    matplotlib.figure.Figure
        At most six movements, the busiest by counted flow first; one common flow axis.
    """
    means = [
        float(np.nanmean(column)) if np.isfinite(column).any() else -math.inf
        for column in chart.counted_vph.T
    ]
    order = sorted(range(len(chart.names)), key=lambda i: (-means[i], chart.names[i]))
    shown = order[:MOVEMENTS_SHOWN]
    lines = math.ceil(len(shown) / COLUMNS)
    height_in = 2.0 * max(1, lines) + 0.55
    figure = style.blank(WIDTH_IN, height_in)
    grid = figure.subplots(max(1, lines), COLUMNS, sharex=True, sharey=True, squeeze=False)
    figure.subplots_adjust(
        left=0.65 / WIDTH_IN, right=1 - 0.15 / WIDTH_IN, top=1 - 0.3 / height_in,
        bottom=0.92 / height_in, hspace=0.32, wspace=0.06,
    )  # fmt: skip
    step_s = float(chart.begins_s[1] - chart.begins_s[0]) if len(chart.begins_s) > 1 else 900.0
    edges_s = np.append(chart.begins_s, chart.begins_s[-1] + step_s)
    every_s = next((s for s in CLOCK_STEPS_S if np.ptp(edges_s) / s <= 6), CLOCK_STEPS_S[-1])
    grid[0, 0].xaxis.set_major_locator(MultipleLocator(every_s))
    grid[0, 0].xaxis.set_major_formatter(FuncFormatter(_clock))
    for place, axes in enumerate(grid.flat):
        if place >= len(shown):
            axes.set_visible(False)
            continue
        _movement(axes, chart, shown[place], edges_s)
        if place + COLUMNS >= len(shown):
            axes.set_xlabel("time after midnight or system zero [h:mm]")
            axes.tick_params(labelbottom=True)
        if place % COLUMNS == 0:
            axes.set_ylabel("flow [veh/h]")
    grid[0, 0].set_ylim(bottom=0)
    handles = [
        Line2D([], [], color=style.INK, lw=1.4, label="counted"),
        Line2D([], [], color=style.OUTBOUND, lw=1.6, ls="--", label="forecast (median)"),
        Patch(facecolor=style.OUTBOUND, alpha=0.2, label=f"forecast {chart.band}"),
    ]
    figure.legend(handles=handles, loc="lower left", ncols=3, bbox_to_anchor=(0.01, 0.0))
    return figure


def _movement(axes: Axes, chart: CountChart, column: int, edges_s: NDArray[np.float64]) -> None:
    axes.stairs(
        chart.high_vph[:, column], edges_s, baseline=chart.low_vph[:, column],
        fill=True, color=style.OUTBOUND, alpha=0.2, lw=0,
    )  # fmt: skip
    axes.stairs(
        chart.forecast_vph[:, column], edges_s, baseline=None, color=style.OUTBOUND, ls="--", lw=1.6
    )
    axes.stairs(chart.counted_vph[:, column], edges_s, baseline=None, color=style.INK, lw=1.4)
    axes.set_title(style.short(chart.names[column], 44), fontsize=8.2, pad=4)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom", "left")


def _clock(seconds: float, _: int | None = None) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"
