"""The ring-and-barrier diagram of a plan: splits, least greens and walks; unlawful ones in red."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from network.errors import PlanError, TopologyError
from network.graph import Signal
from network.phasing import Phasing
from network.safety import check
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND
from network.violation import Violation
from throughband.reports import style

WIDTH_IN: Final = 9.5
RING_IN: Final = 0.95
TOLD: Final = 4
"""So many broken rules stand below the diagram; the rest are counted."""


@dataclass(frozen=True, slots=True)
class RingSplit:
    """One phase of a plan as the diagram shows it.

    Attributes
    ----------
    phase, ring, barrier
        Which, and where it stands.
    start_s
        Begin of green after the first barrier, s.
    split_s, green_s, yellow_s, red_clear_s
        Split and its parts, s.
    least_split_s
        Least lawful split, s: least green, walk and clearance included.
    min_green_s, walk_s, ped_clear_s
        What makes it, s.
    coordinated
        Whether the offset speaks of it.
    broken
        The rules that the plan breaks at this phase, sentences.
    """

    phase: int
    ring: int
    barrier: int
    start_s: int
    split_s: int
    green_s: float
    yellow_s: float
    red_clear_s: float
    least_split_s: int
    min_green_s: int
    walk_s: int
    ped_clear_s: int
    coordinated: bool
    broken: tuple[str, ...]


def ring_splits(signal: Signal, plan: TimingPlan) -> tuple[RingSplit, ...]:
    """Return the phases of a plan, ring by ring, with the rules each of them breaks.

    Parameters
    ----------
    signal
        The signal with its phases.
    plan
        Its plan, lawful or not.

    Raises
    ------
    PlanError
        If the signal's phases are not known, or the plan names others.
    """
    phasing = _phasing(signal, plan)
    broken = check(plan, signal)
    found = []
    for number in plan.sequence:
        phase = phasing.phase(number)
        split = plan.split_s(number)
        found.append(
            RingSplit(
                number,
                phase.ring,
                phase.barrier,
                plan.start_s(number, phasing),
                split,
                split - phase.clearance_s,
                phase.yellow_ds / TENTHS_PER_SECOND,
                phase.red_clear_ds / TENTHS_PER_SECOND,
                phase.min_split_s,
                phase.min_green_s,
                phase.walk_s,
                phase.ped_clear_s,
                number == plan.coordinated_phase,
                tuple(one.text for one in broken if one.phase == number),
            )
        )
    return tuple(found)


@style.styled()
def ring_barrier_diagram(signal: Signal, plan: TimingPlan, title: str = "") -> Figure:
    """Draw a plan ring by ring between its barriers.

    Parameters
    ----------
    signal, plan
        As for `ring_splits`.
    title
        What the plan is called; its signal if empty.

    Returns
    -------
    matplotlib.figure.Figure
        Splits to scale with green, yellow and red clearance; a mark at the least split; splits
        that break a rule framed and written in red, the rules below.

    Raises
    ------
    PlanError
        As for `ring_splits`.
    """
    phasing = _phasing(signal, plan)
    rows = ring_splits(signal, plan)
    broken = check(plan, signal)
    rings = sorted({row.ring for row in rows})
    told = _told(broken)
    below_in = 0.85 + 0.2 * len(told)
    height_in = 0.45 + RING_IN * len(rings) + below_in
    figure = style.blank(WIDTH_IN, height_in)
    axes = figure.add_axes(
        (0.75 / WIDTH_IN, below_in / height_in, (WIDTH_IN - 1.0) / WIDTH_IN,
         RING_IN * len(rings) / height_in)
    )  # fmt: skip
    ends = [row.start_s + row.split_s for row in rows]
    longest = max(plan.cycle_s, *ends)
    axes.set_xlim(0, longest)
    axes.set_ylim(len(rings), 0)
    for row in rows:
        _phase(axes, row, rings.index(row.ring), longest)
    for at in _barriers(plan, phasing):
        axes.plot([at, at], [0, len(rings)], color=style.INK, lw=3.0, clip_on=False)
    if longest > plan.cycle_s:
        axes.axvline(plan.cycle_s, color=style.RED, lw=1.5, ls="--")
    axes.set_yticks([at + 0.5 for at in range(len(rings))], [f"ring {ring}" for ring in rings])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time after the first barrier [s]")
    style.bare(axes, "bottom")
    axes.set_title(
        f"{title or f'Signal {style.short(signal.signal_id)}'}: cycle {plan.cycle_s} s, offset "
        f"{plan.offset_s} s ({plan.offset_reference} of phase {plan.coordinated_phase})"
    )
    for at, text in enumerate(told):
        figure.text(
            0.75 / WIDTH_IN, (0.36 + 0.2 * (len(told) - 1 - at)) / height_in, text,
            color=style.RED, va="bottom", fontsize=8,
        )  # fmt: skip
    handles = [
        Patch(color=style.GREEN, label="green"),
        Patch(color=style.YELLOW, label="yellow"),
        Patch(color=style.RED, label="red clearance"),
        Patch(facecolor="none", edgecolor=style.INK, hatch="////", label="least split"),
    ]
    figure.legend(handles=handles, loc="lower left", ncols=5, bbox_to_anchor=(0.07, 0.0))
    return figure


def _phasing(signal: Signal, plan: TimingPlan) -> Phasing:
    if signal.phasing is None:
        raise PlanError(f"signal {signal.signal_id!r}: its phases are not known")
    known = {phase.number for phase in signal.phasing.phases}
    strange = [number for number in plan.sequence if number not in known]
    if strange:
        raise PlanError(
            f"plan of signal {signal.signal_id!r}: names phase {strange[0]}; the signal has "
            f"{', '.join(map(str, sorted(known)))}"
        )
    return signal.phasing


def _barriers(plan: TimingPlan, phasing: Phasing) -> list[int]:
    try:
        segments = phasing.segments(plan.sequence)
    except TopologyError:
        return []
    ends = [0]
    for segment in segments:
        ends.append(ends[-1] + max(sum(plan.split_s(n) for n in ring) for ring in segment))
    return ends


def _phase(axes: Axes, row: RingSplit, level: int, longest: int) -> None:
    top, tall = level + 0.12, 0.76
    color = style.RED if row.broken else style.INK
    at = float(row.start_s)
    for length, fill in (
        (max(0.0, row.green_s), style.GREEN),
        (row.yellow_s, style.YELLOW),
        (row.red_clear_s, style.RED),
    ):
        axes.add_patch(Rectangle((at, top + 0.52 * tall), length, 0.34 * tall, color=fill, lw=0))
        at += length
    axes.add_patch(
        Rectangle(
            (row.start_s, top + 0.86 * tall), min(row.least_split_s, longest - row.start_s),
            0.14 * tall, facecolor="none", edgecolor=style.MUTED, hatch="////", lw=0.5,
        )
    )  # fmt: skip
    axes.add_patch(
        Rectangle(
            (row.start_s, top), row.split_s, tall, facecolor="none", edgecolor=color,
            lw=2.2 if row.broken else 1.0, clip_on=False, zorder=4 if row.broken else 3,
        )
    )  # fmt: skip
    room = row.split_s / longest
    mark = "*" if row.coordinated else ""
    words = [f"{row.phase}{mark}: {row.split_s} s"]
    if room > 0.16:
        words.append(f"green {row.green_s:g} s, least split {row.least_split_s} s")
    elif room > 0.075:
        words.append(f"least {row.least_split_s} s")
    if row.walk_s and room > 0.16:
        words[-1] += f", walk {row.walk_s}+{row.ped_clear_s} s"
    if room < 0.04:
        words = [f"{row.phase}{mark}"]
    axes.text(
        row.start_s + row.split_s / 2, top + 0.26 * tall, "\n".join(words), ha="center",
        va="center", fontsize=7.6 if room > 0.16 else 6.8, color=color, linespacing=1.15,
        fontweight="bold" if row.broken else "normal",
    )  # fmt: skip


def _told(broken: tuple[Violation, ...]) -> list[str]:
    texts = [style.short(one.text, 140) for one in broken[:TOLD]]
    if len(broken) > TOLD:
        texts.append(f"and {len(broken) - TOLD} more broken rules")
    return texts
