"""What seconds are worth, drawn: cost over each signal's offset and over seconds moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.optimize.explanation import SignalExplanation
from throughband.reports import style

WIDTH_IN = 9.5
ROW_IN = 1.55
TOP_IN, BOTTOM_IN = 0.75, 0.65
SIGNALS_SHOWN = 12
PHASE_COLORS = (style.OUTBOUND, style.RED, style.GREEN, style.INBOUND, style.INK, style.MUTED)
PHASE_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (7, 2)))
MINUTE_S = 60.0
LEAST_SPAN_MIN = 1.0
"""Height of an axis at least, min of waiting an hour: less is rounding, not worth."""


@style.styled()
def seconds_chart(signals: Sequence[SignalExplanation], title: str) -> Figure:
    """Draw what other offsets and other splits of signals would cost.

    Parameters
    ----------
    signals
        At least one, explained with their curves.
    title
        What stands above.

    Returns
    -------
    matplotlib.figure.Figure
        A row per signal, at most `SIGNALS_SHOWN`, those first whose seconds are worth most. Left
        the cost over the offset, right over the seconds a phase gets; cost in minutes of waiting
        an hour more than now.
    """
    shown = _shown(signals)
    height_in = TOP_IN + BOTTOM_IN + ROW_IN * len(shown)
    figure = style.blank(WIDTH_IN, height_in)
    panels = figure.subplots(len(shown), 2, squeeze=False)
    figure.subplots_adjust(
        left=0.11,
        right=0.86,
        top=1 - TOP_IN / height_in,
        bottom=BOTTOM_IN / height_in,
        wspace=0.28,
        hspace=0.5,
    )
    left_out = len(signals) - len(shown)
    more = f" ({left_out} signals whose seconds are worth less are left out)" if left_out else ""
    figure.suptitle(f"{title}{more}", x=0.11, ha="left", fontsize=10, fontweight="bold")
    for row, signal in enumerate(shown):
        _offsets(panels[row][0], signal)
        _splits(panels[row][1], signal)
    panels[0][0].set_title("more waiting, min/h, if the offset were …")
    panels[0][1].set_title("… and if a phase got seconds from its best giver")
    panels[-1][0].set_xlabel("offset (s); the mark is the plan")
    panels[-1][1].set_xlabel("seconds given to a phase; below 0 taken from it")
    return figure


def _shown(signals: Sequence[SignalExplanation]) -> list[SignalExplanation]:
    def worth(signal: SignalExplanation) -> float:
        return float(np.ptp(signal.offset_veh_s_per_h)) if signal.offset_veh_s_per_h.size else 0.0

    chosen = sorted(signals, key=lambda s: (-worth(s), s.signal_id))[:SIGNALS_SHOWN]
    return sorted(chosen, key=lambda s: s.signal_id)


def _offsets(axes: Axes, signal: SignalExplanation) -> None:
    curve = signal.offset_veh_s_per_h / MINUTE_S
    offsets = np.arange(curve.size)
    axes.plot(offsets, curve, color=style.OUTBOUND, lw=1.3)
    axes.axhline(0, color=style.FAINT, lw=0.8, zorder=0)
    if curve.size:
        at = signal.plan.offset_s
        axes.plot([at], [curve[at]], "o", color=style.RED, ms=5, clip_on=False)
        axes.set_xlim(0, curve.size - 1)
        low, high = axes.get_ylim()
        if high - low < LEAST_SPAN_MIN:
            middle = (low + high) / 2
            axes.set_ylim(middle - LEAST_SPAN_MIN / 2, middle + LEAST_SPAN_MIN / 2)
    axes.set_ylabel(style.short(signal.signal_id, 16))
    style.bare(axes, "left", "bottom")


def _splits(axes: Axes, signal: SignalExplanation) -> None:
    axes.axhline(0, color=style.FAINT, lw=0.8, zorder=0)
    axes.axvline(0, color=style.FAINT, lw=0.8, zorder=0)
    for at, (number, points) in enumerate(signal.exchanges.items()):
        seconds = [s for s, _ in points]
        costs = [cost / MINUTE_S for _, cost in points]
        axes.plot(
            seconds,
            costs,
            color=PHASE_COLORS[at % len(PHASE_COLORS)],
            ls=PHASE_LINES[at % len(PHASE_LINES)],
            lw=1.3,
            marker="." if len(points) > 1 else "o",
            ms=3.5,
            label=f"phase {number}" + (" (fixed)" if len(points) == 1 else ""),
        )
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7, borderaxespad=0)
    style.bare(axes, "left", "bottom")
