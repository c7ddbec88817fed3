"""Stage bars of one signal: the plan in force above the new one."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from network.graph import Signal
from network.phasing import Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND
from throughband.reports import style

WIDTH_IN = 9.5
BAR_IN = 0.42
NARROWEST_TEXT = 0.035
"""A green narrower than this part of the axis carries only its seconds, or nothing."""
NARROWEST_CLEARANCE = 0.018
BAR = 0.62
"""Height of a plan's bar as a part of its row; rings share it."""


@style.styled()
def split_bars(signal: Signal, in_force: TimingPlan | None, planned: TimingPlan | None) -> Figure:
    """Draw the splits of a signal before and after.

    Parameters
    ----------
    signal
        With its phases.
    in_force, planned
        Its plans; None where there is none.

    Returns
    -------
    matplotlib.figure.Figure
        One bar per plan from the sequence's first green on, on a common axis in s. Phases of
        the plan in force that the new plan omits are named below the bars.
    """
    rows = [(name, plan) for name, plan in (("in force", in_force), ("new", planned)) if plan]
    omitted = omitted_phases(in_force, planned)
    rings = len(signal.phasing.rings) if signal.phasing else 1
    bar_in = BAR_IN if rings == 1 else 0.8 * BAR_IN * rings
    height_in = 0.62 + bar_in * max(1, len(rows)) * 1.35 + (0.24 if omitted else 0.0)
    figure = style.blank(WIDTH_IN, height_in)
    bottom_in = 0.45 + (0.24 if omitted else 0.0)
    axes = figure.add_axes(
        (0.9 / WIDTH_IN, bottom_in / height_in, (WIDTH_IN - 1.9) / WIDTH_IN,
         (height_in - bottom_in - 0.08) / height_in)
    )  # fmt: skip
    longest = max((plan.cycle_s for _, plan in rows), default=60)
    axes.set_xlim(0, longest)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(
        "time after the sequence's first green begins [s]; written: green, yellow and red "
        "clearance in s; * coordinated phase"
    )
    style.bare(axes, "bottom")
    if signal.phasing is not None:
        for row, (_, plan) in enumerate(rows):
            _bar(axes, row, plan, signal.phasing, longest)
    if omitted:
        names = ", ".join(str(phase) for phase in omitted)
        noun = "phase" if len(omitted) == 1 else "phases"
        figure.text(
            0.9 / WIDTH_IN, 0.06 / height_in, f"omitted in the new plan: {noun} {names}",
            va="bottom", fontstyle="italic",
        )  # fmt: skip
    return figure


def omitted_phases(in_force: TimingPlan | None, planned: TimingPlan | None) -> tuple[int, ...]:
    """Return phases that the plan in force serves and the new one leaves out."""
    if in_force is None or planned is None:
        return ()
    return tuple(phase for phase in in_force.sequence if phase not in planned.sequence)


def _bar(axes: Axes, row: int, plan: TimingPlan, phasing: Phasing, longest: int) -> None:
    segments = phasing.segments(plan.sequence)
    rings = len(segments[0])
    height = BAR / rings
    for ring in range(rings):
        level = row + (ring - (rings - 1) / 2) * height
        numbers = [number for segment in segments for number in segment[ring]]
        for number in numbers:
            phase = phasing.phase(number)
            clearance = (
                phase.yellow_ds / TENTHS_PER_SECOND,
                phase.red_clear_ds / TENTHS_PER_SECOND,
            )
            if len(segments) == 1 and len(numbers) == 1:
                clearance = (0.0, 0.0)  # it rests in green
            begin_s = plan.start_s(number, phasing)
            _split(axes, level, height, begin_s, plan.split_s(number), clearance, longest)
            mark = "*" if number == plan.coordinated_phase else ""
            green = plan.split_s(number) - sum(clearance)
            _label(axes, level, begin_s, green, f"{number}{mark}", longest)
    begin_s = 0
    for segment in segments if len(segments) > 1 else ():
        # All rings cross a barrier together; it is drawn through all of them.
        axes.plot([begin_s, begin_s], [row - 0.42, row + 0.42], color=style.INK, lw=2.0)
        begin_s += max(sum(plan.split_s(number) for number in ring) for ring in segment)
    axes.text(
        1.008, row, f"cycle {plan.cycle_s} s", transform=axes.get_yaxis_transform(), va="center"
    )


def _split(
    axes: Axes,
    level: float,
    height: float,
    begin_s: float,
    split_s: float,
    clearance: tuple[float, float],
    longest: int,
) -> None:
    at = begin_s
    lengths = (split_s - sum(clearance), *clearance)
    for length, color in zip(lengths, (style.GREEN, style.YELLOW, style.RED), strict=True):
        if length > 0:
            axes.barh(
                level, length, left=at, height=height * 0.97, color=color, edgecolor=style.PAPER,
                lw=0.4,
            )  # fmt: skip
            if color != style.GREEN and length / longest >= NARROWEST_CLEARANCE:
                axes.text(
                    at + length / 2, level, f"{length:g}", ha="center", va="center",
                    color=style.ON_COLOR, fontsize=6.8,
                )  # fmt: skip
        at += length
    ends = [level - height * 0.58, level + height * 0.58]
    axes.plot([begin_s, begin_s], ends, color=style.INK, lw=0.9)


def _label(axes: Axes, level: float, begin_s: float, green: float, name: str, longest: int) -> None:
    room = green / longest
    if room >= 2.4 * NARROWEST_TEXT:
        label = f"ph {name}: {green:g} s"
    elif room >= NARROWEST_TEXT:
        label = f"{name}: {green:g}"
    else:
        label = name
    axes.text(
        begin_s + green / 2, level, label, ha="center", va="center",
        color=style.ON_COLOR, fontsize=7.8 if room >= NARROWEST_TEXT else 6.5,
    )  # fmt: skip
