"""The interval plot: delay of every controller, a panel per subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from benchmarks.peers.ours import OURS
from benchmarks.quality.table import Entry

COLUMNS: Final = 3
OURS_COLOR, PEER_COLOR, SEED_COLOR = "#0b6e4f", "#444444", "#b0b0b0"


def draw(entries: Sequence[Entry], file: Path) -> None:
    """Draw means with their 95 % intervals, and every seed as a dot.

    Parameters
    ----------
    entries
        What to draw; controllers that cannot run are named with a dash.
    file
        Where to; the ending says the format.
    """
    subjects = list(dict.fromkeys((entry.scenario, entry.rules) for entry in entries))
    columns = min(COLUMNS, len(subjects))
    rows = -(-len(subjects) // columns)
    most = max(sum((e.scenario, e.rules) == s for e in entries) for s in subjects)
    figure = Figure(figsize=(5.2 * columns, (1.2 + 0.32 * most) * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.flat[len(subjects) :]:
        panel.set_axis_off()
    for (scenario, rules), panel in zip(subjects, panels.flat, strict=False):
        own = [e for e in entries if (e.scenario, e.rules) == (scenario, rules)]
        for place, entry in enumerate(reversed(own)):
            if not entry.runs:
                panel.text(0.02, place, "cannot run", fontsize=7, va="center", color=PEER_COLOR,
                           transform=panel.get_yaxis_transform())  # fmt: skip
                continue
            color = OURS_COLOR if entry.controller == OURS else PEER_COLOR
            delays = list(entry.delays_s.values())
            panel.plot(delays, [place] * len(delays), ".", color=SEED_COLOR, markersize=4)
            panel.errorbar(
                entry.mean_s,
                place,
                xerr=entry.half_width_s if len(delays) > 1 else None,
                fmt="o",
                color=color,
                capsize=3,
                markersize=5,
            )
        panel.set_yticks(range(len(own)), [e.controller for e in reversed(own)], fontsize=8)
        panel.set_ylim(-0.6, len(own) - 0.4)
        panel.set_xlim(left=0)
        panel.set_xlabel("delay, s per vehicle due", fontsize=8)
        panel.set_title(f"{scenario}, {rules} rules", fontsize=9)
        panel.grid(axis="x", alpha=0.3)
    figure.savefig(file, dpi=150)
