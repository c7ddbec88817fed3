"""Last look before writing: the plan against what the controller itself says.

This is arithmetic on the plan and the device's own limits. The project's safety rules are asked
elsewhere and before; here the street has the last word.
"""

from __future__ import annotations

from typing import Final

from controllers.device_profile import DeviceProfile
from controllers.driver import Identity, PhaseLimits
from network.errors import TopologyError
from network.phasing import Phase, Phasing
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND

MAX_CYCLE_S: Final = 255
"""Greatest cycle, offset and split of the standard's tables."""

TS2_CYCLE_S: Final = 30
"""Least cycle that NEMA TS 2 asks of a controller."""

SECONDS_PER_DAY: Final = 86_400
ACTION_TIME: Final = 65_535
"""Value of `timebaseAscPatternSync` by which each action counts cycles from its own time."""

MAXIMUM_1: Final = "maximum1"

NO_BACKUP: Final = (
    "unitBackupTime is 0: the device would keep our pattern for ever if we went silent"
)


def contradictions(
    plan: TimingPlan,
    phasing: Phasing,
    identity: Identity,
    *,
    walk_must_fit: bool = True,
) -> tuple[str, ...]:
    """Say in which ways a plan and a device do not fit.

    Parameters
    ----------
    plan
        The plan.
    phasing
        The phases and clearances the plan was made for.
    identity
        The device, as read from itself.
    walk_must_fit
        Whether every split must hold walk and pedestrian clearance. A controller accepts less
        where somebody has to push a button, serves them all the same, and then loses step;
        without this policy only phases are held to it whose walk comes unasked.

    Returns
    -------
    tuple of str
        One sentence per contradiction; empty when the plan may be written.
    """
    found: list[str] = []
    if identity.backup_time_s == 0:
        found.append(NO_BACKUP)
    if identity.profile is not None:
        found.extend(_setup_contradictions(identity.profile))
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
        least_ds = limits.least_split_ds(walk=walk_must_fit)
        if split_s * TENTHS_PER_SECOND < least_ds:
            found.append(
                f"split {split_s} s of phase {number} is below the device's least, "
                f"{least_ds / TENTHS_PER_SECOND} s"
            )
        if split_s > MAX_CYCLE_S:
            found.append(f"split {split_s} s of phase {number} is above {MAX_CYCLE_S} s")
        try:
            found.extend(_differences(phasing.phase(number), limits))
        except TopologyError as error:
            found.append(str(error))
    return tuple(found)


def warnings(plan: TimingPlan, identity: Identity) -> tuple[str, ...]:
    """Say what a person should know who puts a plan on a device although it may be written.

    Parameters
    ----------
    plan
        The plan.
    identity
        The device, as read from itself.

    Returns
    -------
    tuple of str
        One sentence each; empty when there is nothing to say.
    """
    found: list[str] = []
    left_s = SECONDS_PER_DAY % plan.cycle_s
    if left_s:
        found.append(
            f"a cycle of {plan.cycle_s} s does not divide the day: at midnight the reference "
            f"jumps by {left_s} s and the device corrects its offset"
        )
    if plan.cycle_s < TS2_CYCLE_S:
        found.append(
            f"a cycle of {plan.cycle_s} s is below {TS2_CYCLE_S} s, the least that NEMA TS 2 asks "
            "of a controller"
        )
    for number, split_s in zip(plan.sequence, plan.splits_s, strict=True):
        limits = identity.phase(number)
        if limits is None:
            continue
        if split_s * TENTHS_PER_SECOND < limits.min_split_ds:
            found.append(
                f"split {split_s} s of phase {number} is too short to walk: a pedestrian who "
                "pushes the button takes the signal out of step"
            )
        profile = identity.profile
        if profile is None or profile.maximum_mode != MAXIMUM_1 or not limits.maximum_s:
            continue
        green_ds = split_s * TENTHS_PER_SECOND - limits.yellow_ds - limits.red_clear_ds
        if number != plan.coordinated_phase and green_ds > limits.maximum_s * TENTHS_PER_SECOND:
            found.append(
                f"phase {number} is green for {green_ds / TENTHS_PER_SECOND} s in the plan; the "
                f"device ends it after its maximum of {limits.maximum_s} s, for coordMaximumMode "
                f"is {MAXIMUM_1}"
            )
    if identity.profile is not None:
        found.extend(_setup_warnings(plan, identity.profile))
    if identity.clock_error_s is None:
        found.append("the device's clock was not compared with ours")
    return tuple(found)


def remarks(identity: Identity) -> tuple[str, ...]:
    """Say what of a device, whatever the plan, forbids a push or should be known before one.

    Parameters
    ----------
    identity
        The device, as read from itself.
    """
    found: list[str] = []
    if identity.backup_time_s == 0:
        found.append(NO_BACKUP)
    if identity.profile is not None:
        found.extend(_setup_contradictions(identity.profile))
        found.extend(_device_warnings(identity.profile))
    return tuple(found)


def _setup_contradictions(profile: DeviceProfile) -> list[str]:
    found: list[str] = []
    if profile.sync_minute == ACTION_TIME:
        found.append(
            "timebaseAscPatternSync is 65535: cycles count from the time of each action, the "
            "plan's from midnight"
        )
    elif profile.sync_minute:
        found.append(
            f"timebaseAscPatternSync is {profile.sync_minute}: cycles count from that minute of "
            "the day, the plan's from midnight"
        )
    if not profile.backup_renewed:
        found.append(
            f"unitUserDefinedBackupTime is {profile.user_backup_time_s} s and calling a pattern "
            "does not renew it: the device would leave our pattern while we are there"
        )
    if profile.pattern_table == "other":
        found.append("patternTableType is other: its rows depend on each other in unknown ways")
    return found


def _setup_warnings(plan: TimingPlan, profile: DeviceProfile) -> list[str]:
    found: list[str] = []
    for overlap in profile.overlaps:
        missing = sorted(set(overlap.included) - set(plan.sequence))
        if missing:
            found.append(
                f"overlap {overlap.number} follows phases {list(overlap.included)}, of which the "
                f"plan leaves out {missing}"
            )
    return [*found, *_device_warnings(profile)]


def _device_warnings(profile: DeviceProfile) -> list[str]:
    found: list[str] = []
    if profile.preempts:
        numbers = [preempt.number for preempt in profile.preempts]
        found.append(f"preempts {numbers} take the signal out of coordination when called")
    if profile.correction in ("", "other"):
        found.append("how the device reaches a new offset is not told by coordCorrectionMode")
    return found


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
