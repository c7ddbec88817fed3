"""The rings and barriers of a device as it tells them, and where a plan's events fall in them."""

from __future__ import annotations

from collections.abc import Mapping

from controllers.driver import Identity
from network.errors import ControllerError, PlanError, TopologyError
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND


def device_phasing(identity: Identity) -> Phasing:
    """Return a device's phases with their rings and barriers; its lamps are not on the wire.

    Phases of different rings that may be green together lie between the same barriers. A phase
    with no such partner has barriers of its own.
    """
    barriers: dict[int, int] = {}
    for phase in identity.phases:
        reached = {phase.number}
        fresh = {phase.number}
        while fresh:
            fresh = {
                other.number
                for other in identity.phases
                if any(
                    near.number in fresh
                    and other.ring != near.ring
                    and (other.number in near.concurrent or near.number in other.concurrent)
                    for near in identity.phases
                )
            } - reached
            reached |= fresh
        barriers.setdefault(phase.number, len(set(barriers.values())) + 1)
        barriers.update((number, barriers[phase.number]) for number in reached)
    return Phasing(
        tuple(
            Phase(
                phase.number,
                "r",
                max(1, phase.min_green_s),
                phase.yellow_ds,
                phase.red_clear_ds,
                phase.ring,
                barriers[phase.number],
            )
            for phase in identity.phases
        ),
        {},
    )


def segments_of(plan: TimingPlan, structure: Phasing) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Return what runs between the barriers of a device; `ControllerError` if it cannot."""
    try:
        return structure.segments(plan.sequence)
    except TopologyError as error:
        raise ControllerError(f"signal {plan.signal_id!r}: {error}") from error


def event_ds(plan: TimingPlan, structure: Phasing) -> int:
    """Return when the event that the offset names falls, after the cycle's first green."""
    phase = structure.phase(plan.coordinated_phase)
    try:
        begin_s = plan.start_s(phase.number, structure)
    except TopologyError as error:
        raise PlanError(f"signal {plan.signal_id!r}: {error}") from error
    end_ds = (begin_s + plan.split_s(phase.number)) * TENTHS_PER_SECOND
    return {
        OffsetReference.BEGIN_GREEN: begin_s * TENTHS_PER_SECOND,
        OffsetReference.BEGIN_YELLOW: end_ds - phase.clearance_ds,
        OffsetReference.END_YELLOW: end_ds - phase.red_clear_ds,
    }[plan.offset_reference]


def converted_offset_s(plan: TimingPlan, identity: Identity, reference: OffsetReference) -> int:
    """Return the offset that names the same instant by another event."""
    if reference is plan.offset_reference:
        return plan.offset_s
    limits = identity.phase(plan.coordinated_phase)
    if limits is None:
        raise ControllerError(f"the device has no phase {plan.coordinated_phase}")
    split_ds = plan.split_s(plan.coordinated_phase) * TENTHS_PER_SECOND
    end_yellow_ds = split_ds - limits.red_clear_ds
    after_green_ds: Mapping[OffsetReference, int] = {
        OffsetReference.BEGIN_GREEN: 0,
        OffsetReference.BEGIN_YELLOW: end_yellow_ds - limits.yellow_ds,
        OffsetReference.END_YELLOW: end_yellow_ds,
    }
    moved_ds = after_green_ds[reference] - after_green_ds[plan.offset_reference]
    if moved_ds % TENTHS_PER_SECOND:
        raise ControllerError(
            f"signal {plan.signal_id!r}: the device counts offsets from {reference}, which falls "
            "between whole seconds in this plan"
        )
    return (plan.offset_s + moved_ds // TENTHS_PER_SECOND) % plan.cycle_s
