"""Pictures of an evaluation: days, hours, changes with intervals, places, and traffic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from engine.before_after.comparison import Comparison
from throughband.evaluations.evaluation import EvaluationRow
from throughband.reports import style
from throughband.reports.charts import MARKERS, TONES

WIDTH_IN: Final = 9.5
MOST_PLACES: Final = 20


def unit_label(label: str, unit: str) -> str:
    """Return an axis label; shares are drawn in percent."""
    if unit.startswith("part"):
        return f"{label} [%]"
    return f"{label} [{unit}]" if unit else label


@style.styled()
def day_chart(found: Comparison) -> Figure:
    """Draw every matched day at its level, and the mean before and after."""
    height_in = 3.1
    figure = style.blank(WIDTH_IN, height_in)
    axes = _axes(figure, height_in, bottom_in=0.75)
    figures, factor = found.figures, _factor(found)
    ratio = found.measure.scale == "ratio"
    value = factor * (
        figures.level * np.exp(figures.index) if ratio else figures.level + figures.index
    )
    at = np.array([_number(day) for day in figures.days])
    for late, mark, color in ((False, "o", style.MUTED), (True, "D", style.OUTBOUND)):
        rows = figures.after == late
        axes.plot(at[rows], value[rows], ls="", marker=mark, ms=5, color=color)
        mean = factor * (found.after if late else found.before)
        axes.plot([at[rows].min(), at[rows].max()], [mean, mean], color=color, lw=1.8)
    highest = float(value.max())
    if found.control_index is not None:
        other = found.control_index
        moved = factor * (
            found.before * np.exp(other - other[~figures.after].mean())
            if ratio
            else found.before + other - other[~figures.after].mean()
        )
        axes.plot(at, moved, ls="", marker="x", ms=4, color=style.INBOUND)
        highest = max(highest, float(moved.max()))
    axes.set_ylim(bottom=min(0.0, float(value.min())), top=1.1 * highest)
    axes.set_ylabel(unit_label(found.measure.label, found.measure.unit))
    dates: Any = mdates  # its classes are not annotated
    locator = dates.AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%d %b %Y"))
    axes.margins(x=0.04)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom", "left")
    handles = [
        Line2D([], [], marker="o", color=style.MUTED, label="days before, and their mean"),
        Line2D([], [], marker="D", color=style.OUTBOUND, label="days after, and their mean"),
    ]
    if found.control_index is not None:
        handles.append(
            Line2D(
                [],
                [],
                ls="",
                marker="x",
                color=style.INBOUND,
                label="places without a change, drawn from the same level",
            )
        )
    figure.legend(handles=handles, loc="lower left", ncols=3, bbox_to_anchor=(0.06, 0.0))
    return figure


@style.styled()
def change_chart(rows: Sequence[EvaluationRow]) -> Figure:
    """Draw changes in percent of before, with their 95 % intervals."""
    drawn = [row for row in rows if np.isfinite(row.change.relative_pct)]
    height_in = 1.0 + 0.42 * max(1, len(drawn))
    figure = style.blank(WIDTH_IN, height_in)
    axes = figure.add_axes(
        (
            1.8 / WIDTH_IN,
            0.75 / height_in,
            (WIDTH_IN - 3.9) / WIDTH_IN,
            (height_in - 0.85) / height_in,
        )
    )
    for at, row in enumerate(drawn):
        change = row.change
        tone = TONES[row.verdict]
        axes.plot([change.low_pct, change.high_pct], [at, at], color=tone, lw=2.2)
        axes.plot(
            [change.relative_pct], [at], ls="", marker=MARKERS[row.verdict], ms=7, color=tone,
            mfc=tone if row.verdict in ("better", "worse") else style.PAPER,
        )  # fmt: skip
        axes.text(
            1.02, at, row.verdict, transform=axes.get_yaxis_transform(), va="center", fontsize=8
        )
    axes.axvline(0, color=style.INK, lw=1)
    low, high = axes.get_xlim()
    pad = 0.06 * max(high - low, 1.0)
    axes.set_xlim(min(low, 0) - pad, max(high, 0) + pad)
    axes.set_ylim(max(1, len(drawn)) - 0.5, -0.5)
    axes.set_yticks(range(len(drawn)), [row.label for row in drawn])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0")
    )
    axes.set_xlabel("change, % of the level before, with 95 % interval")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom")
    return figure


@style.styled()
def hour_chart(found: Comparison, hours: Sequence[tuple[int, float, float]]) -> Figure:
    """Draw the mean of each interval of the day, before and after.

    Parameters
    ----------
    found
        The comparison.
    hours
        Second of the day, mean before and mean after.
    """
    height_in = 2.7
    figure = style.blank(WIDTH_IN, height_in)
    axes = _axes(figure, height_in, bottom_in=0.85)
    factor = _factor(found)
    at = np.array([second / 3600 for second, _, _ in hours])
    # A line across hours that nobody measured would tell of them.
    apart = np.flatnonzero(np.diff(at) > 1.5 * np.diff(at).min(initial=24.0)) + 1
    top = factor * max(max(row[1:]) for row in hours)
    for column, mark, color, name in (
        (1, "o", style.MUTED, "before"),
        (2, "D", style.OUTBOUND, "after"),
    ):
        values = factor * np.array([row[column] for row in hours])
        broken = np.insert(at, apart, np.nan), np.insert(values, apart, np.nan)
        axes.plot(*broken, marker=mark, ms=4, color=color, lw=1.4, label=name)
    axes.set_ylim(0, 1.12 * top if top > 0 else 1.0)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{int(value):02}:{round(value % 1 * 60):02}")
    )
    axes.set_xlabel("time of day at which the interval begins")
    axes.set_ylabel(unit_label(found.measure.label, found.measure.unit))
    axes.grid(axis="y")
    style.bare(axes, "bottom", "left")
    figure.legend(loc="lower left", ncols=2, bbox_to_anchor=(0.06, 0.0))
    return figure


@style.styled()
def place_chart(found: Comparison) -> Figure:
    """Draw the change of every place, and what remains of it beside all the others."""
    places = sorted(found.sites, key=lambda site: site.change_pct)
    if len(places) > MOST_PLACES:
        half = MOST_PLACES // 2
        places = [*places[:half], *places[-half:]]
    height_in = 1.15 + 0.26 * len(places)
    figure = style.blank(WIDTH_IN, height_in)
    axes = figure.add_axes(
        (
            2.2 / WIDTH_IN,
            0.8 / height_in,
            (WIDTH_IN - 2.5) / WIDTH_IN,
            (height_in - 0.9) / height_in,
        )
    )
    for at, site in enumerate(places):
        axes.plot([site.low_pct, site.high_pct], [at, at], color=style.MUTED, lw=1.4)
        axes.plot([site.change_pct], [at], ls="", marker="o", ms=5, color=style.MUTED)
        axes.plot([site.drawn_pct], [at], ls="", marker="D", ms=5, color=style.OUTBOUND)
    axes.axvline(0, color=style.INK, lw=1)
    axes.set_yticks(range(len(places)), [style.short(site.site, 26) for site in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0")
    )
    axes.set_xlabel("change, % of the level before")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom")
    figure.legend(
        handles=[
            Line2D([], [], marker="o", color=style.MUTED, label="by itself, with 95 % interval"),
            Line2D([], [], ls="", marker="D", color=style.OUTBOUND,
                   label="less what chance makes of the best and worst of many"),
        ],
        loc="lower left", ncols=2, bbox_to_anchor=(0.06, 0.0),
    )  # fmt: skip
    return figure


@style.styled()
def volume_chart(found: Comparison) -> Figure:
    """Draw every day over its traffic: what the change brought is the gap at equal traffic."""
    height_in = 3.2
    figure = style.blank(WIDTH_IN, height_in)
    axes = _axes(figure, height_in, bottom_in=0.9)
    figures = found.figures
    assert found.volume_index is not None
    traffic = 100 * np.expm1(found.volume_index)
    wanted = figures.index - (0.0 if found.control_index is None else found.control_index)
    ratio = found.measure.scale == "ratio"
    shown = 100 * (np.expm1(wanted) if ratio else wanted)
    slope = found.effect.volume_slope or 0.0
    for late, mark, color, name in (
        (False, "o", style.MUTED, "days before"),
        (True, "D", style.OUTBOUND, "days after"),
    ):
        rows = figures.after == late
        axes.plot(traffic[rows], shown[rows], ls="", marker=mark, ms=5, color=color, label=name)
        line = np.linspace(traffic.min(), traffic.max(), 40)
        own = np.log1p(line / 100)
        fitted = wanted[rows].mean() + slope * (own - found.volume_index[rows].mean())
        axes.plot(line, 100 * (np.expm1(fitted) if ratio else fitted), color=color, lw=1.3, ls="--")
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0")
    )
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0")
    )
    axes.set_xlabel("traffic of the day, less the usual of its weekday")
    axes.set_ylabel(f"{found.measure.label},\nless the usual")
    axes.grid()
    axes.set_axisbelow(True)
    style.bare(axes, "bottom", "left")
    figure.legend(loc="lower left", ncols=2, bbox_to_anchor=(0.06, 0.0))
    return figure


def _axes(figure: Figure, height_in: float, bottom_in: float) -> Axes:
    return figure.add_axes(
        (0.85 / WIDTH_IN, bottom_in / height_in, (WIDTH_IN - 1.1) / WIDTH_IN,
         (height_in - bottom_in - 0.15) / height_in)
    )  # fmt: skip


def _factor(found: Comparison) -> float:
    return 100.0 if found.measure.unit.startswith("part") else 1.0


def _number(day: date) -> float:
    dates: Any = mdates
    return float(dates.date2num(day))
