"""Charts of a forecast: fans, errors, coverage and the health of detectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from throughband.reports import style

Floats = NDArray[np.float64]

WIDTH_IN: Final = 9.5
WAYS: Final = {
    "forecast": (style.OUTBOUND, "-", "o"),
    "profile": (style.INBOUND, "--", "s"),
    "persistence": (style.MUTED, ":", "D"),
}
"""Color, line and marker of each way to forecast."""

LABELS_IN: Final = 2.5
MOST_DETECTORS: Final = 40
MOST_DAYS: Final = 62
LETTER_SHARE: Final = 0.05
"""From this share of a day's counts on, a fault is named in its cell."""

LETTERS: Final = {
    "missing": "M",
    "suspect": "D",
    "stuck": "S",
    "chatter": "C",
    "impossible": "I",
}


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """One detector: what came, what had been forecast, and what is forecast now.

    Attributes
    ----------
    name
        The detector.
    step_s
        Length of an interval, s.
    past
        Beginning of each past interval on the local clock, without zone.
    came_vph, told_vph, low_vph, high_vph
        Counts, and what had been forecast of them the whole horizon before, [T]; NaN where there
        is none.
    ahead
        Beginning of each coming interval on the local clock.
    ahead_vph, ahead_low_vph, ahead_high_vph
        Forecast, [H].
    """

    name: str
    step_s: int
    past: tuple[datetime, ...]
    came_vph: Floats
    told_vph: Floats
    low_vph: Floats
    high_vph: Floats
    ahead: tuple[datetime, ...]
    ahead_vph: Floats
    ahead_low_vph: Floats
    ahead_high_vph: Floats


@dataclass(frozen=True, slots=True, eq=False)
class HealthCalendar:
    """How detectors did on each day.

    Attributes
    ----------
    names, days
        Rows and columns, local dates.
    flagged
        Part of the day's counts that are not used, [detectors, days]; NaN outside the file.
    reason
        The most frequent flag of each cell, as `LETTERS` has it; empty where all is well.
    """

    names: tuple[str, ...]
    days: tuple[date, ...]
    flagged: Floats
    reason: tuple[tuple[str, ...], ...]


@style.styled()
def fan_chart(fans: Sequence[Fan], band: str, horizon_min: int, told: bool) -> Figure:
    """Draw what came beside what was and is forecast, one plot per detector.

    Parameters
    ----------
    fans
        At least one.
    band
        What the shaded band is, such as ``the 10 % to the 90 % quantile``.
    horizon_min
        How long before each count its forecast was made.
    told
        Whether past forecasts are known (from a backtest).

    Returns
    -------
    matplotlib.figure.Figure
    """
    height_in = 1.75 * len(fans) + 0.95
    figure = style.blank(WIDTH_IN, height_in)
    grid = figure.subplots(len(fans), 1, sharex=True, squeeze=False)
    figure.subplots_adjust(
        left=0.75 / WIDTH_IN, right=1 - 0.2 / WIDTH_IN, top=1 - 0.3 / height_in,
        bottom=0.95 / height_in, hspace=0.36,
    )  # fmt: skip
    for fan, axes in zip(fans, grid[:, 0], strict=True):
        _fan(axes, fan)
    locator = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    last = grid[-1, 0]
    last.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    last.xaxis.set_major_formatter(formatter)
    last.set_xlabel("local time")
    handles = [Line2D([], [], color=style.INK, lw=1.2, label="counted")]
    if told:
        label = f"forecast {horizon_min} min before"
        handles.append(Line2D([], [], color=style.OUTBOUND, lw=1.3, ls="--", label=label))
    handles.append(Line2D([], [], color=style.INBOUND, lw=1.8, label="forecast now"))
    figure.legend(
        handles=[
            *handles,
            Patch(
                facecolor=style.OUTBOUND if told else style.INBOUND,
                alpha=0.22 if told else 0.3,
                label=band,
            ),
        ],
        loc="lower left", ncols=4, bbox_to_anchor=(0.03, 0.0),
    )  # fmt: skip
    return figure


def _fan(axes: Axes, fan: Fan) -> None:
    past = _edges(fan.past, fan.step_s)
    ahead = _edges(fan.ahead, fan.step_s)
    if np.isfinite(fan.told_vph).any():
        axes.stairs(
            fan.high_vph, past, baseline=fan.low_vph, fill=True, color=style.OUTBOUND, alpha=0.22,
            lw=0,
        )  # fmt: skip
        axes.stairs(
            fan.told_vph, past, baseline=None, color=style.OUTBOUND, ls="--", lw=1.3, zorder=2.4
        )
    axes.stairs(fan.came_vph, past, baseline=None, color=style.INK, lw=1.2, zorder=2.6)
    axes.stairs(
        fan.ahead_high_vph, ahead, baseline=fan.ahead_low_vph, fill=True, color=style.INBOUND,
        alpha=0.3, lw=0,
    )  # fmt: skip
    axes.stairs(fan.ahead_vph, ahead, baseline=None, color=style.INBOUND, lw=1.8, zorder=2.7)
    axes.axvline(float(ahead[0]), color=style.MUTED, lw=0.8)
    axes.set_xlim(float(past[0]), float(ahead[-1]))
    axes.set_ylim(bottom=0)
    axes.set_title(style.short(fan.name, 70), fontsize=8.5, pad=4)
    axes.set_ylabel("flow [veh/h]")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom", "left")


def _edges(begins: Sequence[datetime], step_s: int) -> Floats:
    ends = (*begins, begins[-1] + timedelta(seconds=step_s))
    days: Any = date2num(list(ends))  # type: ignore[no-untyped-call]
    return np.asarray(days, dtype=np.float64)


@style.styled()
def error_chart(
    horizon_min: Sequence[float],
    by_horizon: Mapping[str, Floats],
    level_vph: Floats,
    by_level: Mapping[str, Floats],
    unit: str,
) -> Figure:
    """Draw errors by horizon and by level of flow, beside plain ways to forecast.

    Parameters
    ----------
    horizon_min
        How far ahead each forecast ends, min.
    by_horizon, by_level
        Mean absolute error by name of the way, `unit`.
    level_vph
        Mean flow of each class, veh/h.
    unit
        Such as ``veh per 15 min``.
    """
    height_in = 3.4
    figure = style.blank(WIDTH_IN, height_in)
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(
        left=0.75 / WIDTH_IN, right=1 - 0.2 / WIDTH_IN, top=1 - 0.35 / height_in,
        bottom=0.98 / height_in, wspace=0.22,
    )  # fmt: skip
    for axes, at, found, title, label in (
        (left, np.asarray(horizon_min), by_horizon, "by horizon", "horizon [min]"),
        (right, level_vph, by_level, "by flow, all horizons", "usual flow of the class [veh/h]"),
    ):
        for name, values in found.items():
            color, line, marker = WAYS[name]
            axes.plot(at, values, color=color, ls=line, marker=marker, ms=4, lw=1.6)
        axes.set_ylim(bottom=0)
        axes.set_title(title)
        axes.set_xlabel(label)
        axes.set_ylabel(f"mean absolute error\n[{unit}]")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        style.bare(axes, "bottom", "left")
    left.set_xlim(left=0)
    handles = [
        Line2D([], [], color=c, ls=line, marker=m, ms=4, lw=1.6, label=name)
        for name, (c, line, m) in WAYS.items()
        if name in by_horizon
    ]
    figure.legend(handles=handles, loc="lower left", ncols=3, bbox_to_anchor=(0.05, 0.0))
    return figure


@style.styled()
def coverage_chart(
    horizon_min: Sequence[float], coverage: Mapping[tuple[float, float], Floats]
) -> Figure:
    """Draw how many counts fell inside each interval, by horizon, beside what was promised."""
    height_in = 2.9
    figure = style.blank(WIDTH_IN, height_in)
    axes = figure.add_axes(
        (0.75 / WIDTH_IN, 0.62 / height_in, 5.8 / WIDTH_IN, (height_in - 0.8) / height_in)
    )
    at = np.asarray(horizon_min)
    lowest = 1.0
    for index, ((low, high), found) in enumerate(sorted(coverage.items())):
        color, line, marker = list(WAYS.values())[index % len(WAYS)]
        axes.plot(at, found, color=color, ls=line, marker=marker, ms=4, lw=1.6)
        axes.axhline(high - low, color=color, lw=0.8, ls=(0, (1, 2)))
        name = f"{100 * low:g} % to {100 * high:g} %"
        axes.text(
            1.02, high - low, f"{name}: promised {100 * (high - low):g} %,\nfound "
            f"{100 * float(np.nanmean(found)):.1f} % on average",
            transform=axes.get_yaxis_transform(), va="center", fontsize=8,
        )  # fmt: skip
        lowest = min(lowest, float(np.nanmin(found)), high - low)
    axes.set_ylim(max(0.0, math.floor(10 * lowest - 0.5) / 10), 1.0)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("horizon [min]")
    axes.set_ylabel("counts inside")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom", "left")
    return figure


@style.styled()
def health_chart(health: HealthCalendar) -> Figure:
    """Draw a cell per detector and day: darker the more counts are not used.

    At most `MOST_DETECTORS` rows, those with the most flags, and the last `MOST_DAYS` days.
    """
    flagged, days = health.flagged[:, -MOST_DAYS:], health.days[-MOST_DAYS:]
    worst = np.argsort(-np.nansum(flagged, axis=1), kind="stable")[:MOST_DETECTORS]
    shown = np.sort(worst)
    height_in = 0.165 * len(shown) + 1.5
    figure = style.blank(WIDTH_IN, height_in)
    axes = figure.add_axes(
        (
            LABELS_IN / WIDTH_IN,
            1.15 / height_in,
            (WIDTH_IN - LABELS_IN - 0.2) / WIDTH_IN,
            0.165 * len(shown) / height_in,
        )
    )
    tones = LinearSegmentedColormap.from_list("flagged", ["#d9efe6", "#f6c28b", style.RED])
    mesh = axes.pcolormesh(
        np.arange(len(days) + 1) - 0.5, np.arange(len(shown) + 1) - 0.5,
        np.ma.masked_invalid(flagged[shown]), cmap=tones, vmin=0.0, vmax=1.0,
        edgecolors=style.PAPER, lw=0.6,
    )  # fmt: skip
    width_in = (WIDTH_IN - LABELS_IN - 0.2) / max(1, len(days))
    for y, row in enumerate(shown):
        for x in range(len(days)):
            letter = LETTERS.get(health.reason[row][len(health.days) - len(days) + x], "")
            if letter and flagged[row, x] >= LETTER_SHARE and width_in > 0.09:
                axes.text(
                    x, y, letter, ha="center", va="center_baseline", fontsize=6.2,
                    color=style.ON_COLOR,
                )  # fmt: skip
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_yticks(range(len(shown)), [style.short(health.names[at], 38) for at in shown])
    every = max(1, math.ceil(len(days) / 14))
    at = list(range(0, len(days), every))
    axes.set_xticks(at, [f"{days[x].day} {days[x]:%b}\n{days[x]:%a}" for x in at])
    axes.tick_params(length=0, labelsize=7)
    axes.set_xlabel("local date")
    style.bare(axes)
    bar = figure.add_axes(
        (LABELS_IN / WIDTH_IN, 0.42 / height_in, 2.2 / WIDTH_IN, 0.11 / height_in)
    )
    shade = figure.colorbar(mesh, cax=bar, orientation="horizontal")
    shade.set_ticks([0, 0.5, 1.0], labels=["0 %", "50 %", "100 %"])
    shade.outline.set_visible(False)
    bar.set_title("counts of the day not used", fontsize=7.5, fontweight="normal", pad=3)
    legend = ", ".join(f"{letter} {name}" for name, letter in LETTERS.items())
    legend = legend.replace("D suspect", "D dead, shifted or doubtful")
    figure.text((LABELS_IN + 2.5) / WIDTH_IN, 0.42 / height_in, legend, fontsize=7.5)
    return figure
