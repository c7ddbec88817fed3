"""Timing in tenths of a second, rounded to whole seconds that still meet at the barriers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from network.inventory_signals import Controller
from network.phasing import Phasing
from network.ring_timing import RingTiming
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND


def whole_seconds(
    controller: Controller,
    timing: RingTiming,
    begin_ds: int,
    phasing: Phasing,
    signal_id: str,
    findings: list[str],
) -> tuple[TimingPlan, bool]:
    """Round a controller's timing to whole seconds.

    Parameters
    ----------
    controller, timing
        What is in force, in tenths.
    begin_ds
        When the first barrier falls behind system zero, tenths.
    phasing
        Its phases; none gets less than its least split, if the cycle has to grow for it.
    signal_id
        Whose plan it is.
    findings
        Takes what has to be known.

    Returns
    -------
    plan : TimingPlan
        Rings meet at every barrier; the offset is that of the coordinated phase's green.
    exact : bool
        Whether nothing was rounded.
    """
    segments = phasing.segments(timing.sequence)
    lengths_ds = [
        max(sum(timing.splits_ds[number] for number in ring) for ring in segment)
        for segment in segments
    ]
    least_s = [
        max(sum(phasing.phase(number).min_split_s for number in ring) for ring in segment)
        for segment in segments
    ]
    lengths_s = apportion(lengths_ds, least_s)
    splits_s: dict[int, int] = {}
    for segment, length_s in zip(segments, lengths_s, strict=True):
        for ring in segment:
            parts_ds = [timing.splits_ds[number] for number in ring]
            least = [phasing.phase(number).min_split_s for number in ring]
            splits_s |= zip(ring, apportion(parts_ds, least, length_s), strict=True)
    cycle_s = sum(lengths_s)
    if abs(cycle_s * TENTHS_PER_SECOND - timing.cycle_ds) >= TENTHS_PER_SECOND:
        findings.append(
            f"controller {controller.controller_id!r}: its least greens need a cycle of {cycle_s} "
            f"s in whole seconds; {timing.cycle_ds / TENTHS_PER_SECOND:g} s is in force"
        )
    meant = [n for n in controller.plans[0].reference_phases if n in timing.splits_ds]
    coordinated = meant[0] if meant else timing.longest
    begin_s = (begin_ds + TENTHS_PER_SECOND // 2) // TENTHS_PER_SECOND
    splits = tuple(splits_s[number] for number in timing.sequence)
    shifted = TimingPlan(signal_id, cycle_s, timing.sequence, splits, 0, coordinated)
    plan = TimingPlan(
        signal_id,
        cycle_s,
        timing.sequence,
        splits,
        (begin_s + shifted.start_s(coordinated, phasing)) % cycle_s,
        coordinated,
    )
    exact = (
        begin_ds == begin_s * TENTHS_PER_SECOND
        and cycle_s * TENTHS_PER_SECOND == timing.cycle_ds
        and all(splits_s[n] * TENTHS_PER_SECOND == ds for n, ds in timing.splits_ds.items())
    )
    return plan, exact


def apportion(
    values_ds: Sequence[int], least_s: Sequence[int], whole_s: int | None = None
) -> list[int]:
    """Round tenths to whole seconds that keep a sum.

    Parameters
    ----------
    values_ds
        What to round, tenths of a second.
    least_s
        None may become shorter than this, whole seconds.
    whole_s
        The sum wanted; that of the values, rounded, by default. No less than what is least.

    Returns
    -------
    list of int
        Whole seconds; if `least_s` asks for more than `whole_s`, their sum is larger.
    """
    if whole_s is None:
        whole_s = (sum(values_ds) + TENTHS_PER_SECOND // 2) // TENTHS_PER_SECOND
    # Rounding the running sums moves no boundary by more than half a second.
    total_ds = sum(values_ds)
    sums = [round(sum_ds * whole_s / total_ds) for sum_ds in accumulate(values_ds)]
    parts = [b - a for a, b in zip([0, *sums], sums, strict=False)]
    for index, least in enumerate(least_s):
        while parts[index] < least:
            parts[index] += 1
            spare = [parts[i] - least_s[i] for i in range(len(parts))]
            giver = max(range(len(parts)), key=lambda i, s=spare: s[i])  # type: ignore[misc]
            if spare[giver] > 0:
                parts[giver] -= 1
    return parts
