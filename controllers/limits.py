"""Last look before writing: the plan against what the controller itself says.

This is arithmetic on the plan and the device's own limits. The project's safety rules are asked
elsewhere and before; here the street has the last word.
"""

from __future__ import annotations

from typing import Final

from controllers.driver import Identity, PhaseLimits
from network.errors import TopologyError
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND

MAX_CYCLE_S: Final = 255
"""Greatest cycle, offset and split of the standard's tables."""


def contradictions(plan: TimingPlan, phasing: Phasing, identity: Identity) -> tuple[str, ...]:
    """Say in which ways a plan and a device do not fit.

    Parameters
    ----------
    plan
        The plan.
    phasing
        The phases and clearances the plan was made for.
    identity
        The device, as read from itself.

    Returns
    -------
    tuple of str
        One sentence per contradiction; empty when the plan may be written.
    """
    found: list[str] = []
    if identity.backup_time_s == 0:
        found.append(
            "unitBackupTime is 0: the device would keep our pattern for ever if we went silent"
        )
    if not 0 < plan.cycle_s <= MAX_CYCLE_S:
        found.append(f"cycle {plan.cycle_s} s is outside 1 to {MAX_CYCLE_S} s")
    if not 0 <= plan.offset_s < plan.cycle_s:
        found.append(f"offset {plan.offset_s} s is outside the cycle of {plan.cycle_s} s")
    if len(phasing.rings) > 1 or len(identity.rings) > 1:
        found.extend(_ring_contradictions(plan, phasing, identity))
    elif sum(plan.splits_s) != plan.cycle_s:
        found.append(f"splits sum to {sum(plan.splits_s)} s in a cycle of {plan.cycle_s} s")
    for number, split_s in zip(plan.sequence, plan.splits_s, strict=True):
        limits = identity.phase(number)
        if limits is None:
            found.append(f"phase {number} does not exist or is not enabled")
            continue
        if split_s * TENTHS_PER_SECOND < limits.min_split_ds:
            found.append(
                f"split {split_s} s of phase {number} is below the device's least, "
                f"{limits.min_split_ds / TENTHS_PER_SECOND} s"
            )
        try:
            found.extend(_differences(phasing.phase(number), limits))
        except TopologyError as error:
            found.append(str(error))
    return tuple(found)


def _ring_contradictions(plan: TimingPlan, phasing: Phasing, identity: Identity) -> list[str]:
    """Compare rings and barriers: the plan's sums, and who may run beside whom."""
    try:
        segments = phasing.segments(plan.sequence)
    except TopologyError as error:
        return [str(error)]
    found: list[str] = []
    filled_s = 0
    for segment in segments:
        sums = [sum(plan.split_s(number) for number in ring) for ring in segment]
        filled_s += max(sums)
        if len({total for total, ring in zip(sums, segment, strict=True) if ring}) > 1:
            shown = ", ".join(str(list(ring)) for ring in segment)
            found.append(f"rings {shown} last {sums} s between the same barriers")
    if filled_s != plan.cycle_s:
        found.append(f"splits fill {filled_s} s of a cycle of {plan.cycle_s} s")
    served = [(phasing.phase(n), identity.phase(n)) for n in plan.sequence]
    for phase, limits in served:
        if limits is not None and limits.ring != phase.ring:
            found.append(
                f"phase {phase.number} is in ring {limits.ring} of the device, in ring "
                f"{phase.ring} of the plan's phasing"
            )
    for at, (phase, limits) in enumerate(served):
        for other, others in served[at + 1 :]:
            if limits is None or others is None or phase.ring == other.ring:
                continue
            listed = other.number in limits.concurrent and phase.number in others.concurrent
            if phase.barrier == other.barrier and not listed:
                found.append(
                    f"phases {phase.number} and {other.number} run side by side in the plan, "
                    "phaseConcurrency of the device does not list them for each other"
                )
            either = other.number in limits.concurrent or phase.number in others.concurrent
            if phase.barrier != other.barrier and either:
                found.append(
                    f"phases {phase.number} and {other.number} never run side by side in the "
                    "plan's phasing, phaseConcurrency of the device lists them"
                )
    return found


def _differences(phase: Phase, limits: PhaseLimits) -> list[str]:
    """Compare what the plan was made for with what the device has."""
    compared = (
        ("minimum green in s", phase.min_green_s, limits.min_green_s),
        ("yellow change in tenths", phase.yellow_ds, limits.yellow_ds),
        ("red clearance in tenths", phase.red_clear_ds, limits.red_clear_ds),
    )
    return [
        f"phase {phase.number}: {what} is {theirs} in the device, {ours} in the plan's phasing"
        for what, ours, theirs in compared
        if ours != theirs
    ]
