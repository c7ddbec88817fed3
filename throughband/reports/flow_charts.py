"""Cyclic flow profiles with the window of green."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from engine.performance.flow_profiles import FlowProfile
from throughband.reports import style

WIDTH_IN: Final = 9.5
ROW_IN: Final = 1.65
COLUMNS: Final = 2


@style.styled()
def flow_profile_chart(title: str, profiles: Sequence[FlowProfile]) -> Figure:
    """Draw when in the cycle vehicles arrive, and when they have green.

    Parameters
    ----------
    title
        What they have in common, such as the signal.
    profiles
        A panel each.

    Returns
    -------
    matplotlib.figure.Figure
        Green stands behind as strongly as its part of cycles or flow; arrivals as bars, their
        part on green in the title of each panel.
    """
    count = max(1, len(profiles))
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    height_in = 0.8 + rows * ROW_IN
    figure = style.blank(WIDTH_IN, height_in)
    gap_in, left_in = 0.6, 0.7
    wide_in = (WIDTH_IN - left_in - 0.2 - (columns - 1) * gap_in) / columns
    for at, profile in enumerate(profiles):
        column, row = at % columns, at // columns
        axes = figure.add_axes(
            (
                (left_in + column * (wide_in + gap_in)) / WIDTH_IN,
                (height_in - 0.35 - (row + 1) * ROW_IN + 0.55) / height_in,
                wide_in / WIDTH_IN,
                (ROW_IN - 0.85) / height_in,
            )
        )
        top = 1.3 * max(60.0, float(profile.flow_vph.max(initial=0.0)))
        axes.imshow(
            profile.green[None, :], extent=(0, profile.cycle_s, 0, top), aspect="auto",
            cmap=_fade(), vmin=0.0, vmax=1.0, interpolation="nearest", zorder=0,
        )  # fmt: skip
        axes.stairs(
            profile.flow_vph, np.arange(profile.cycle_s + 1), fill=True, color=style.OUTBOUND,
            alpha=0.75, lw=0, zorder=2,
        )  # fmt: skip
        axes.set_xlim(0, profile.cycle_s)
        axes.set_ylim(0, top)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(f"s after {profile.reference}", labelpad=1)
        style.bare(axes, "bottom", "left")
        share = profile.on_green
        told = "no flow" if np.isnan(share) else f"{100 * share:.0f} % on green"
        axes.set_title(f"{style.short(profile.name, 24)}: {told}", fontsize=8.5)
    figure.text(
        0.012, 1 - 0.07 / height_in, f"{title}: arrivals [veh/h] over the cycle", ha="left",
        va="top", fontweight="bold", fontsize=9.5,
    )  # fmt: skip
    figure.legend(
        handles=[
            Patch(color=style.OUTBOUND, label="arrivals"),
            Patch(color=style.GREEN, alpha=0.45, label="green (paler where only partly)"),
        ],
        loc="lower left", ncols=2, bbox_to_anchor=(0.06, 0.0),
    )  # fmt: skip
    return figure


def _fade() -> LinearSegmentedColormap:
    clear, full = (0.0, 0.62, 0.45, 0.0), (0.0, 0.62, 0.45, 0.45)
    return LinearSegmentedColormap.from_list("window", [clear, full])
