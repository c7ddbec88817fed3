"""What a plan changes against the plan in force, second by second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.timing import PlanSet, TimingPlan
from network.units import TENTHS_PER_SECOND

LONGEST_S: Final = 3600
"""Two cycles are laid over each other up to here; beyond, what repeats has been seen."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a signal shows from a second of its cycle to another, as system time counts it."""

    begin_s: float
    end_s: float
    aspects: str


@dataclass(frozen=True, slots=True)
class Side:
    """A plan of a signal as the street sees it."""

    cycle_s: int
    offset_s: int
    splits_s: Mapping[int, int]
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class SignalDifference:
    """A signal before and after.

    Attributes
    ----------
    signal_id
        The signal.
    before, after
        The plan in force and the new one; None where there is none.
    compared_s
        Seconds laid over each other.
    differing_s
        Seconds of them in which some lamp shows something else.
    changes
        What changes, a sentence each.
    """

    signal_id: str
    before: Side | None
    after: Side | None
    compared_s: int
    differing_s: int
    changes: tuple[str, ...]


def differences(
    network: RoadNetwork, after: PlanSet, before: Mapping[str, TimingPlan]
) -> tuple[SignalDifference, ...]:
    """Compare a plan set with what runs.

    Parameters
    ----------
    network
        Its signals, for their phases.
    after
        The new plans.
    before
        What runs, by signal; signals that are not in it run the network's plans in force.
    """
    found = []
    for plan in after.plans:
        signal = network.signals.get(plan.signal_id)
        if signal is not None and signal.phasing is not None:
            now = before.get(plan.signal_id) or signal.plan_in_force
            found.append(_difference(signal, signal.phasing, now, plan))
    return tuple(found)


def _difference(
    signal: Signal, phasing: Phasing, before: TimingPlan | None, after: TimingPlan
) -> SignalDifference:
    if before is None:
        side = _side(after, phasing)
        return SignalDifference(
            signal.signal_id,
            None,
            side,
            after.cycle_s,
            after.cycle_s,
            ("timed for the first time",),
        )
    whole_s = min(LONGEST_S, math.lcm(before.cycle_s, after.cycle_s))
    one, other = _by_second(before, phasing), _by_second(after, phasing)
    differing = sum(
        one[second % before.cycle_s] != other[second % after.cycle_s] for second in range(whole_s)
    )
    return SignalDifference(
        signal.signal_id,
        _side(before, phasing),
        _side(after, phasing),
        whole_s,
        differing,
        tuple(_changes(before, after)),
    )


def _changes(before: TimingPlan, after: TimingPlan) -> list[str]:
    told = []
    if before.cycle_s != after.cycle_s:
        told.append(f"cycle {before.cycle_s} s -> {after.cycle_s} s")
    if before.offset_s != after.offset_s:
        told.append(f"offset {before.offset_s} s -> {after.offset_s} s")
    if before.coordinated_phase != after.coordinated_phase:
        told.append(f"coordinated phase {before.coordinated_phase} -> {after.coordinated_phase}")
    if before.offset_reference != after.offset_reference:
        told.append(f"offset reference {before.offset_reference} -> {after.offset_reference}")
    if before.sequence != after.sequence:
        was, becomes = (" ".join(map(str, plan.sequence)) for plan in (before, after))
        told.append(f"sequence {was} -> {becomes}")
    for phase in sorted({*before.sequence, *after.sequence}):
        if before.split_s(phase) != after.split_s(phase):
            told.append(
                f"split of phase {phase} {before.split_s(phase)} s -> {after.split_s(phase)} s"
            )
    return told


def _side(plan: TimingPlan, phasing: Phasing) -> Side:
    at_ds = plan.begin_s(phasing) * TENTHS_PER_SECOND
    cycle_ds = plan.cycle_s * TENTHS_PER_SECOND
    shown = []
    for interval in plan.intervals(phasing):
        begin_ds = at_ds % cycle_ds
        end_ds = begin_ds + interval.duration_ds
        pieces = [(begin_ds, end_ds)]
        if end_ds > cycle_ds:
            pieces = [(begin_ds, cycle_ds), (0, end_ds - cycle_ds)]
        shown += [
            Shown(b / TENTHS_PER_SECOND, e / TENTHS_PER_SECOND, interval.aspects) for b, e in pieces
        ]
        at_ds += interval.duration_ds
    splits_s = dict(zip(plan.sequence, plan.splits_s, strict=True))
    ordered = tuple(sorted(shown, key=lambda piece: piece.begin_s))
    return Side(plan.cycle_s, plan.offset_s, splits_s, ordered)


def _by_second(plan: TimingPlan, phasing: Phasing) -> list[tuple[tuple[float, str], ...]]:
    """Return for each second of a cycle what is shown in it, with the moment it begins."""
    seconds: list[list[tuple[float, str]]] = [[] for _ in range(plan.cycle_s)]
    for piece in _side(plan, phasing).shown:
        for second in range(int(piece.begin_s), math.ceil(piece.end_s)):
            seconds[second].append((max(0.0, round(piece.begin_s - second, 1)), piece.aspects))
    return [tuple(second) for second in seconds]
