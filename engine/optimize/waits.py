"""How long people who walk wait at a signal, from its plan alone."""

from __future__ import annotations

from network.graph import Signal
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND

_GREEN = frozenset("Gg")


def pedestrian_waits_s(signal: Signal, plan: TimingPlan) -> dict[str, float]:
    """Return how long people wait on average at each crossing of a signal.

    They come evenly over the cycle; who comes outside the walk waits for the next, so that a red of
    r in a cycle of C costs r² / 2C on average (HCM 2000, equation 18-5).

    Parameters
    ----------
    signal
        Its phases and its connections.
    plan
        A plan of it.

    Returns
    -------
    dict
        s, by "phase N" where the walk belongs to a phase, and by "crossing N" where it is a signal
        group of its own; empty where nobody walks.
    """
    phasing = signal.phasing
    if phasing is None:
        return {}
    waits: dict[str, float] = {}
    for number in plan.sequence:
        walk_s = phasing.phase(number).walk_s
        if walk_s:
            # The walk stands at the beginning of the green; nothing says that it rests there.
            waits[f"phase {number}"] = (plan.cycle_s - walk_s) ** 2 / (2.0 * plan.cycle_s)
    listened = {group for c in signal.connections for group in c.groups}
    crossings = [group for group in range(phasing.group_count) if group not in listened]
    if not crossings:
        return waits
    shown = [(part.aspects, part.duration_ds) for part in plan.intervals(phasing)]
    for group in crossings:
        reds = _reds_s([(aspects[group] in _GREEN, length) for aspects, length in shown])
        if reds:
            waits[f"crossing {group}"] = sum(red**2 for red in reds) / (2.0 * plan.cycle_s)
    return waits


def _reds_s(shown: list[tuple[bool, int]]) -> list[float]:
    """Return the reds of a cycle, s; none where it is never green."""
    first = next((at for at, (green, _) in enumerate(shown) if green), None)
    if first is None:
        return []
    reds = [0.0]
    for green, length_ds in shown[first:] + shown[:first]:
        if green and reds[-1] > 0.0:
            reds.append(0.0)
        elif not green:
            reds[-1] += length_ds / TENTHS_PER_SECOND
    return [red for red in reds if red > 0.0]
