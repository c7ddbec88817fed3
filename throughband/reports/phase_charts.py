"""Pictures of phases from high-resolution logs, as engineers know them from signal performance
measures: coordination diagram, split monitor, terminations, arrivals on green, split failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from engine.performance.arrivals import Arrivals
from engine.performance.intervals import PhaseInterval
from engine.performance.phase_history import Aspect, Termination
from engine.performance.splits import PhaseSplits
from throughband.reports import style

Floats = npt.NDArray[np.float64]

WIDTH_IN: Final = 9.5
LEFT_IN: Final = 0.75
RIGHT_IN: Final = 0.25
COLUMNS: Final = 2
DAY_S: Final = 86_400.0
POINT_DPI: Final = 200
FULL_CYCLE: Final = 98.0
"""Percentile of cycle lengths that the coordination diagram makes room for."""

DARK_YELLOW: Final = "#b8a100"
REASONS: Final = {
    Termination.GAP_OUT: ("gap-out", style.GREEN, "o"),
    Termination.MAX_OUT: ("max-out", style.RED, "s"),
    Termination.FORCE_OFF: ("force-off", style.OUTBOUND, "^"),
    Termination.UNKNOWN: ("not said", style.MUTED, "x"),
}


def days_of(time_s: npt.ArrayLike) -> Floats:
    """Return seconds since 1970 as matplotlib counts days."""
    found: Floats = np.asarray(time_s, dtype=np.float64) / DAY_S
    return found


def clock_axis(axes: Axes, zone: ZoneInfo, begin_s: float, end_s: float) -> None:
    """Make the x axis a local clock from one time to another."""
    axes.set_xlim(float(days_of(begin_s)), float(days_of(end_s)))
    dates: Any = mdates  # its classes are not annotated
    locator = dates.AutoDateLocator(tz=zone, minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    one_day = end_s - begin_s <= DAY_S
    axes.xaxis.set_major_formatter(
        dates.DateFormatter("%H:%M" if one_day else "%d %b\n%H:%M", tz=zone)
    )


@style.styled()
def coordination_diagram(seen: Arrivals, zone: ZoneInfo, begin_s: float, end_s: float) -> Figure:
    """Draw the Purdue Coordination Diagram of a phase.

    Parameters
    ----------
    seen
        Its arrivals.
    zone
        Whose clock is shown.
    begin_s, end_s
        What to show, s since 1970.

    Returns
    -------
    matplotlib.figure.Figure
        Every arrival as a dot over the time since red began; lines where green, yellow and the
        next red begin.
    """
    height_in = 3.5
    figure = style.blank(WIDTH_IN, height_in)
    figure.set_dpi(POINT_DPI)
    axes = figure.add_axes(
        (LEFT_IN / WIDTH_IN, 0.72 / height_in, (WIDTH_IN - LEFT_IN - RIGHT_IN) / WIDTH_IN,
         (height_in - 1.05) / height_in)
    )  # fmt: skip
    cycles = _cycles(seen, begin_s, end_s)
    inside = (seen.time_s >= begin_s) & (seen.time_s < end_s) & np.isfinite(seen.into_cycle_s)
    dots = int(inside.sum())
    axes.plot(
        days_of(seen.time_s[inside]), seen.into_cycle_s[inside], ls="", marker=".",
        ms=float(np.clip(60.0 / np.sqrt(max(dots, 1)), 1.2, 4.0)), color=style.MUTED,
        rasterized=True,
    )  # fmt: skip
    at = days_of(cycles[:, 0])
    for column, color, width in ((1, style.GREEN, 1.6), (2, DARK_YELLOW, 1.2), (3, style.RED, 1.6)):
        axes.plot(at, cycles[:, column], color=color, lw=width, drawstyle="steps-post")
    top = (
        float(np.nanpercentile(cycles[:, 3], FULL_CYCLE)) if np.isfinite(cycles[:, 3]).any() else 1
    )
    axes.set_ylim(0, 1.12 * max(top, 1.0))
    axes.set_ylabel("time since red began [s]")
    axes.set_xlabel(f"local time, {zone.key}")
    clock_axis(axes, zone, begin_s, end_s)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom", "left")
    known = inside & seen.known
    share = float((seen.aspect[known] == Aspect.GREEN).mean()) if known.any() else float("nan")
    axes.set_title(
        f"Signal {style.short(seen.device)}, phase {seen.phase}: "
        + (f"{100 * share:.0f} % of {dots} vehicles on green" if dots else "no vehicles")
    )
    figure.legend(
        handles=[
            Line2D([], [], ls="", marker=".", color=style.MUTED, label="vehicle"),
            Line2D([], [], color=style.GREEN, lw=1.6, label="begin of green"),
            Line2D([], [], color=DARK_YELLOW, lw=1.2, label="begin of yellow"),
            Line2D([], [], color=style.RED, lw=1.6, label="next begin of red"),
        ],
        loc="lower left", ncols=4, bbox_to_anchor=(0.06, 0.0),
    )  # fmt: skip
    return figure


def _cycles(seen: Arrivals, begin_s: float, end_s: float) -> Floats:
    """Return begin of red, and green, yellow and next red after it; [cycle, 4], s."""
    history = seen.history
    rows = []
    shown, at_s = history.aspect, history.change_s
    for k in np.flatnonzero(shown == Aspect.RED).tolist():
        following = shown[k + 1 : k + 4].tolist()
        if begin_s <= at_s[k] < end_s and following == [Aspect.GREEN, Aspect.YELLOW, Aspect.RED]:
            rows.append((at_s[k], *(at_s[k + 1 : k + 4] - at_s[k])))
        elif begin_s <= at_s[k] < end_s:
            rows.append((at_s[k], np.nan, np.nan, np.nan))
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@style.styled()
def split_monitor(
    phases: Sequence[PhaseSplits], zone: ZoneInfo, begin_s: float, end_s: float
) -> Figure:
    """Draw every service of every phase: its length, why it ended, and its programmed split.

    Parameters
    ----------
    phases
        One panel each.
    zone, begin_s, end_s
        Whose clock, and from when to when, s since 1970.
    """
    figure, panels = _panels(len(phases), 1.75)
    for axes, one in zip(panels, phases, strict=True):
        history = one.history
        inside = (history.green_s >= begin_s) & (history.green_s < end_s)
        at = days_of(history.green_s)
        axes.plot(
            at[inside], one.programmed_s[inside], color=style.MUTED, lw=1.2, ls="--",
            drawstyle="steps-post",
        )  # fmt: skip
        for reason, (_, color, mark) in REASONS.items():
            mine = inside & (history.ended_by == reason)
            axes.plot(at[mine], one.split_s[mine], ls="", marker=mark, ms=3.2, color=color)
        lengths = one.split_s[inside]
        programmed = one.programmed_s[inside]
        tops = [float(np.nanmax(found, initial=1.0)) for found in (lengths, programmed)]
        axes.set_ylim(0, 1.15 * max(tops))
        clock_axis(axes, zone, begin_s, end_s)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis="y")
        style.bare(axes, "bottom", "left")
        told = (
            f"mean {lengths.mean():.0f} s, 85th percentile {np.percentile(lengths, 85):.0f} s"
            if lengths.size
            else "not served"
        )
        axes.set_title(f"Phase {history.phase}: {told}", fontsize=8.5)
    device = phases[0].history.device if phases else ""
    handles = [
        Line2D([], [], ls="", marker=mark, ms=4, color=color, label=name)
        for name, color, mark in REASONS.values()
    ]
    if any(np.isfinite(one.programmed_s).any() for one in phases):
        handles.append(Line2D([], [], color=style.MUTED, ls="--", lw=1.2, label="programmed split"))
    _frame(figure, f"Signal {style.short(device)}: split, clearance included [s]", handles)
    return figure


@style.styled()
def termination_chart(
    phases: Sequence[PhaseSplits], zone: ZoneInfo, begin_s: float, end_s: float
) -> Figure:
    """Draw why each green ended, a row per phase over the clock; parts in percent beside it.

    Parameters
    ----------
    phases, zone, begin_s, end_s
        As for `split_monitor`.
    """
    height_in = 1.15 + 0.32 * max(1, len(phases))
    figure = style.blank(WIDTH_IN, height_in)
    right_in = 2.35
    axes = figure.add_axes(
        (LEFT_IN / WIDTH_IN, 0.72 / height_in, (WIDTH_IN - LEFT_IN - right_in) / WIDTH_IN,
         (height_in - 1.1) / height_in)
    )  # fmt: skip
    heads = ("gap", "max", "force", "not said")
    spots = (1.05, 1.13, 1.21, 1.31)
    for spot, head in zip(spots, heads, strict=True):
        axes.text(spot, 1.02, head, transform=axes.transAxes, ha="center", va="bottom", fontsize=8)
    for row, one in enumerate(phases):
        history = one.history
        inside = (history.green_s >= begin_s) & (history.green_s < end_s)
        for (reason, (_, color, mark)), spot in zip(REASONS.items(), spots, strict=True):
            mine = inside & (history.ended_by == reason)
            axes.plot(
                days_of(history.yellow_s[mine]), np.full(int(mine.sum()), row), ls="",
                marker=mark, ms=4, color=color,
            )  # fmt: skip
            share = 100.0 * mine.sum() / max(1, inside.sum())
            axes.text(
                spot, row, f"{share:.0f} %", transform=axes.get_yaxis_transform(), ha="center",
                va="center", fontsize=8,
            )  # fmt: skip
    axes.set_ylim(max(1, len(phases)) - 0.5, -0.5)
    axes.set_yticks(range(len(phases)), [f"phase {one.history.phase}" for one in phases])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"local time, {zone.key}")
    clock_axis(axes, zone, begin_s, end_s)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    style.bare(axes, "bottom")
    device = phases[0].history.device if phases else ""
    axes.set_title(f"Signal {style.short(device)}: how greens ended")
    figure.legend(
        handles=[
            Line2D([], [], ls="", marker=mark, ms=4, color=color, label=name)
            for name, color, mark in REASONS.values()
        ],
        loc="lower left", ncols=4, bbox_to_anchor=(0.06, 0.0),
    )  # fmt: skip
    return figure


@style.styled()
def arrival_chart(
    rows: Sequence[Sequence[PhaseInterval]], zone: ZoneInfo, begin_s: float, end_s: float
) -> Figure:
    """Draw arrivals on green against the part of time that was green, and the wait, per phase.

    Parameters
    ----------
    rows
        One sequence of consecutive intervals per phase.
    zone, begin_s, end_s
        Whose clock, and from when to when, s since 1970.
    """
    figure, panels = _panels(len(rows), 1.75, gap_in=0.75)
    for axes, series in zip(panels, rows, strict=True):
        shown = [one for one in series if begin_s <= one.begin_s < end_s]
        # The last interval ends where the picture ends.
        at = days_of([*(one.begin_s for one in shown), end_s])
        held = [*shown, *shown[-1:]]
        at = at[: len(held)]
        share = np.array([one.green_share for one in held])
        green = np.array([one.green_time_share for one in held])
        wait = np.array([one.wait_s for one in held])
        axes.plot(at, share, color=style.GREEN, lw=1.6, drawstyle="steps-post")
        axes.plot(at, green, color=style.MUTED, lw=1.2, ls="--", drawstyle="steps-post")
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        other = axes.twinx()
        other.plot(at, wait, color=style.OUTBOUND, lw=1.4, ls=":", drawstyle="steps-post")
        other.set_ylim(0, 1.15 * max(10.0, float(np.nanmax(wait, initial=0.0))))
        other.yaxis.set_major_locator(MaxNLocator(4))
        other.tick_params(axis="y", labelsize=8)
        style.bare(other)
        clock_axis(axes, zone, begin_s, end_s)
        axes.grid(axis="y")
        style.bare(axes, "bottom", "left")
        vehicles = sum(one.arrived_veh for one in shown)
        axes.set_title(f"Phase {series[0].phase}: {vehicles:.0f} vehicles", fontsize=8.5)
    device = rows[0][0].device if rows else ""
    _frame(
        figure,
        f"Signal {style.short(device)}: arrivals on green (left, %) and wait for green (right, s)",
        [
            Line2D([], [], color=style.GREEN, lw=1.6, label="arrivals on green"),
            Line2D([], [], color=style.MUTED, ls="--", lw=1.2, label="part of time that is green"),
            Line2D([], [], color=style.OUTBOUND, ls=":", lw=1.4, label="mean wait for green [s]"),
        ],
    )
    return figure


@style.styled()
def failure_chart(
    rows: Sequence[Sequence[PhaseInterval]], zone: ZoneInfo, begin_s: float, end_s: float
) -> Figure:
    """Draw how many greens of each interval failed, of those that were judged.

    Parameters
    ----------
    rows, zone, begin_s, end_s
        As for `arrival_chart`.
    """
    figure, panels = _panels(len(rows), 1.5)
    for axes, series in zip(panels, rows, strict=True):
        shown = [one for one in series if begin_s <= one.begin_s < end_s]
        at = days_of([one.begin_s for one in shown])
        width = float(np.diff(at).min()) if len(shown) > 1 else 1.0 / 96
        judged = np.array([one.judged for one in shown])
        failed = np.array([one.failed for one in shown])
        axes.bar(at, judged, width=0.9 * width, align="edge", color=style.FAINT)
        axes.bar(at, failed, width=0.9 * width, align="edge", color=style.RED)
        axes.set_ylim(0, 1.15 * max(1.0, float(np.nanmax(judged, initial=1.0))))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        clock_axis(axes, zone, begin_s, end_s)
        style.bare(axes, "bottom", "left")
        axes.set_title(
            f"Phase {series[0].phase}: {failed.sum():.0f} of {judged.sum():.0f} greens failed",
            fontsize=8.5,
        )
    device = rows[0][0].device if rows else ""
    _frame(
        figure,
        f"Signal {style.short(device)}: split failures [greens per interval]",
        [
            Patch(color=style.FAINT, label="greens judged"),
            Patch(color=style.RED, label="full in green and in the first 5 s of red"),
        ],
    )
    return figure


def _panels(count: int, row_in: float, gap_in: float = 0.55) -> tuple[Figure, list[Axes]]:
    """Lay out small panels in two columns; title above, legend below."""
    columns = min(COLUMNS, max(1, count))
    rows = -(-max(1, count) // columns)
    height_in = 0.85 + rows * row_in
    figure = style.blank(WIDTH_IN, height_in)
    wide_in = (WIDTH_IN - LEFT_IN - RIGHT_IN - (columns - 1) * gap_in) / columns
    if gap_in > 0.6:
        wide_in -= 0.2 / columns
    panels = []
    for at in range(count):
        column, row = at % columns, at // columns
        panels.append(
            figure.add_axes(
                (
                    (LEFT_IN + column * (wide_in + gap_in)) / WIDTH_IN,
                    (height_in - 0.38 - (row + 1) * row_in + 0.35) / height_in,
                    wide_in / WIDTH_IN,
                    (row_in - 0.65) / height_in,
                )
            )
        )
    return figure, panels


def _frame(figure: Figure, title: str, handles: Sequence[Line2D | Patch]) -> None:
    height_in = figure.get_size_inches()[1]
    figure.text(
        0.012, 1 - 0.08 / height_in, title, ha="left", va="top", fontweight="bold", fontsize=9.5
    )
    figure.legend(handles=list(handles), loc="lower left", ncols=5, bbox_to_anchor=(0.06, 0.0))
