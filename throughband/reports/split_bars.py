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
    height_in = 0.62 + BAR_IN * max(1, len(rows)) * 1.35 + (0.24 if omitted else 0.0)
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
    at = 0.0
    for number, split in zip(plan.sequence, plan.splits_s, strict=True):
        phase = phasing.phase(number)
        yellow, red = phase.yellow_ds / TENTHS_PER_SECOND, phase.red_clear_ds / TENTHS_PER_SECOND
        if len(plan.sequence) == 1:
            yellow = red = 0.0  # it rests in green
        green = split - yellow - red
        begin = at
        for length, color in ((green, style.GREEN), (yellow, style.YELLOW), (red, style.RED)):
            if length > 0:
                axes.barh(
                    row, length, left=at, height=0.62, color=color, edgecolor=style.PAPER, lw=0.4
                )
                if color != style.GREEN and length / longest >= NARROWEST_CLEARANCE:
                    axes.text(
                        at + length / 2, row, f"{length:g}", ha="center", va="center",
                        color=style.ON_COLOR, fontsize=6.8,
                    )  # fmt: skip
            at += length
        mark = "*" if number == plan.coordinated_phase else ""
        room = green / longest
        if room >= 2.4 * NARROWEST_TEXT:
            label = f"ph {number}{mark}: {green:g} s"
        elif room >= NARROWEST_TEXT:
            label = f"{number}{mark}: {green:g}"
        else:
            label = f"{number}{mark}"
        axes.text(
            begin + green / 2, row, label, ha="center", va="center",
            color=style.ON_COLOR, fontsize=7.8 if room >= NARROWEST_TEXT else 6.5,
        )  # fmt: skip
        axes.plot([begin, begin], [row - 0.36, row + 0.36], color=style.INK, lw=0.9)
    axes.text(
        1.008, row, f"cycle {plan.cycle_s} s", transform=axes.get_yaxis_transform(), va="center"
    )
