"""What the turns of an intersection are shown over a cycle, and the green they can use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from network.errors import PlanError
from network.inventory import Turn
from network.inventory_signals import Controller, Coordination
from network.phasing import GREEN_ASPECTS, Phase, Phasing
from network.timing import cycle_of
from network.units import TENTHS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of green.

    Attributes
    ----------
    begin_s, end_s
        Within the cycle; an end beyond it runs on at its beginning, s.
    protected
        Whether the turn has the right of way.
    """

    begin_s: float
    end_s: float
    protected: bool

    @property
    def length_s(self) -> float:
        """Length, s."""
        return self.end_s - self.begin_s


@dataclass(frozen=True, slots=True)
class PhaseGreen:
    """A phase in a plan.

    Attributes
    ----------
    number
        Phase number.
    green_s, clearance_s
        Displayed green, yellow change plus red clearance, s.
    protected, permitted
        Turns it serves.
    """

    number: int
    green_s: float
    clearance_s: float
    protected: frozenset[str]
    permitted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Display:
    """A cycle of an intersection.

    Attributes
    ----------
    cycle_s
        Cycle, s.
    windows
        Displayed green of each turn, in the order of the cycle; adjacent ones touch.
    barriers
        What runs between barriers, ring by ring.
    """

    cycle_s: float
    windows: Mapping[str, tuple[Window, ...]]
    barriers: tuple[tuple[tuple[PhaseGreen, ...], ...], ...]

    def clearance_s(self, turn_id: str) -> float:
        """Return the longest clearance of the phases that serve a turn, s; 0 without any."""
        return max(
            (
                phase.clearance_s
                for rings in self.barriers
                for ring in rings
                for phase in ring
                if turn_id in phase.protected or turn_id in phase.permitted
            ),
            default=0.0,
        )


def display_of(controller: Controller, plan: Coordination, turns: Sequence[Turn]) -> Display:
    """Return what a controller's plan shows to turns.

    Parameters
    ----------
    controller, plan
        The controller and one of its plans, with cycle and splits.
    turns
        The turns it controls.

    Raises
    ------
    PlanError
        The plan is free operation, its rings do not fill the cycle, or a split leaves no green.
    """
    where = f"controller {controller.controller_id!r}, plan {plan.plan_id!r}"
    if plan.cycle_ds is None or not plan.splits_ds:
        raise PlanError(f"{where}: found free operation; allowed is a plan with a cycle and splits")
    served: dict[int, tuple[set[int], set[int]]] = {p.number: (set(), set()) for p in plan.phases}
    for at, turn in enumerate(turns):
        given = (turn.protected_phases, turn.permitted_phases)
        given = controller.turn_phases.get((plan.plan_id, turn.turn_id), given)
        for kind, numbers in enumerate(given):
            for number in set(numbers) & set(served):
                served[number][kind].add(at)
    phases = []
    for phase in sorted(plan.phases, key=lambda p: (p.ring, p.barrier, p.position)):
        if not plan.splits_ds.get(phase.number):
            continue
        protected, permitted = served[phase.number]
        phases.append(
            Phase(
                phase.number,
                "".join(
                    "G" if at in protected else "g" if at in permitted else "r"
                    for at in range(len(turns))
                )
                or "r",
                1,
                phase.yellow_ds,
                phase.red_clear_ds,
                phase.ring,
                phase.barrier,
            )
        )
    if not phases:
        raise PlanError(f"{where}: no phase has a split")
    phasing = Phasing(tuple(phases), {})
    sequence = tuple(phase.number for phase in phases)
    intervals = cycle_of(phasing, sequence, plan.splits_ds, where)
    length_ds = sum(interval.duration_ds for interval in intervals)
    if length_ds != plan.cycle_ds:
        raise PlanError(
            f"{where}: its splits last {length_ds / TENTHS_PER_SECOND:g} s; allowed is the cycle "
            f"of {plan.cycle_ds / TENTHS_PER_SECOND:g} s"
        )
    shown: dict[str, tuple[Window, ...]] = {}
    for at, turn in enumerate(turns):
        began_ds, found = 0, []
        for interval in intervals:
            end_ds = began_ds + interval.duration_ds
            found.append((interval.aspects[at], began_ds, end_ds))
            began_ds = end_ds
        shown[turn.turn_id] = _windows(found)
    barriers = tuple(
        tuple(
            tuple(
                _phase_green(phasing.phase(number), plan.splits_ds[number], served, turns)
                for number in ring
            )
            for ring in segment
        )
        for segment in phasing.segments(sequence)
    )
    return Display(length_ds / TENTHS_PER_SECOND, shown, barriers)


def usable(
    windows: Sequence[Window], cycle_s: float, start_loss_s: float, extension_s: float
) -> tuple[Window, ...]:
    """Return the effective green of a turn.

    Parameters
    ----------
    windows
        Displayed green.
    cycle_s
        Cycle, s.
    start_loss_s, extension_s
        l1, lost where green begins, and e, gained where it ends, s. Windows no more than e apart
        are one green: nothing is lost between them, and an arrow gives way to a permitted green
        e after its end. Nothing is lost or gained where green never ends.

    Returns
    -------
    tuple of Window
        HCM 2000, equation 16-1: g = G + Y - tL, with tL = l1 + Y - e; those left without green
        are left out.
    """
    if sum(window.length_s for window in windows) >= cycle_s - 1e-9:
        return tuple(windows)
    count = len(windows)
    gaps_s = [
        (windows[(at + 1) % count].begin_s - window.end_s) % cycle_s
        for at, window in enumerate(windows)
    ]
    joined = [gap_s <= extension_s + 1e-9 for gap_s in gaps_s]
    ends_s = []
    for at, window in enumerate(windows):
        following = windows[(at + 1) % count]
        gained_s = extension_s
        if joined[at]:
            # An arrow's last drivers are the first of the permitted green.
            arrow = window.protected and not following.protected
            most_s = gaps_s[at] + following.length_s
            gained_s = min(extension_s, most_s) if arrow else gaps_s[at]
        ends_s.append(window.end_s + gained_s)
    first = next((at for at in range(count) if not joined[at - 1]), 0)
    used: dict[int, Window] = {}
    lost_s = 0.0
    for at in (*range(first, count), *range(first)):
        window = windows[at]
        begin_s = window.begin_s
        if joined[at - 1]:
            begin_s = ends_s[at - 1] - (cycle_s if at == 0 else 0.0)
        else:
            lost_s = start_loss_s
        # What a short window cannot lose, the one that follows it does.
        taken_s = min(lost_s, max(0.0, ends_s[at] - begin_s))
        lost_s -= taken_s
        if ends_s[at] > begin_s + taken_s:
            used[at] = replace(window, begin_s=begin_s + taken_s, end_s=ends_s[at])
    return tuple(used[at] for at in sorted(used))


def _windows(shown: Sequence[tuple[str, int, int]]) -> tuple[Window, ...]:
    merged: list[tuple[str, int, int]] = []
    for aspect, begin_ds, end_ds in shown:
        if aspect not in GREEN_ASPECTS:
            continue
        if merged and merged[-1][0] == aspect and merged[-1][2] == begin_ds:
            merged[-1] = (aspect, merged[-1][1], end_ds)
        else:
            merged.append((aspect, begin_ds, end_ds))
    cycle_ds = shown[-1][2]
    around = len(merged) > 1 and merged[-1][2] == cycle_ds and merged[0][1] == 0
    if around and merged[-1][0] == merged[0][0]:
        aspect, _, end_ds = merged.pop(0)
        merged[-1] = (aspect, merged[-1][1], cycle_ds + end_ds)
    return tuple(
        Window(begin_ds / TENTHS_PER_SECOND, end_ds / TENTHS_PER_SECOND, aspect == "G")
        for aspect, begin_ds, end_ds in merged
    )


def _phase_green(
    phase: Phase,
    split_ds: int,
    served: Mapping[int, tuple[set[int], set[int]]],
    turns: Sequence[Turn],
) -> PhaseGreen:
    protected, permitted = served[phase.number]
    return PhaseGreen(
        phase.number,
        (split_ds - phase.clearance_ds) / TENTHS_PER_SECOND,
        phase.clearance_s,
        frozenset(turns[at].turn_id for at in protected),
        frozenset(turns[at].turn_id for at in permitted - protected),
    )
