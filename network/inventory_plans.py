"""Plans of the program told as a controller's timing sheet, and put into an inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from network.errors import PlanError
from network.graph import RoadNetwork
from network.inventory import Inventory
from network.inventory_signals import Controller, ControllerPhase, Coordination, ReferencePoint
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan
from network.units import TENTHS_PER_SECOND

_REFERENCES: Final = {
    OffsetReference.BEGIN_GREEN: ReferencePoint.BEGIN_GREEN,
    OffsetReference.BEGIN_YELLOW: ReferencePoint.BEGIN_YELLOW,
    OffsetReference.END_YELLOW: ReferencePoint.END_YELLOW,
}


def with_plans(
    inventory: Inventory,
    plans: Iterable[TimingPlan],
    network: RoadNetwork,
    owner: Mapping[str, str],
) -> Inventory:
    """Put plans into an inventory, in force before those it has.

    Parameters
    ----------
    inventory
        Where to.
    plans
        Plans of the network's signals.
    network
        Their phases.
    owner
        Controller by signal.

    Returns
    -------
    Inventory
        Controllers named by no plan keep theirs. Minimum greens, recalls and other values of a
        phase stay as the source has them; order, rings, barriers, splits, cycle and offset are
        the plan's.

    Raises
    ------
    PlanError
        If a plan speaks of a signal or a phase that the inventory lacks.
    """
    made = {plan.signal_id: plan for plan in plans}
    by_controller: dict[str, Coordination] = {}
    known = {controller.controller_id: controller for controller in inventory.controllers}
    for signal_id, plan in made.items():
        signal = network.signals.get(signal_id)
        controller = known.get(owner.get(signal_id, signal_id))
        if controller is None or signal is None or signal.phasing is None:
            raise PlanError(
                f"{inventory.name}: has no controller for signal {signal_id!r}; known are "
                f"{', '.join(sorted(known))}"
            )
        fresh = coordination_of(plan, signal.phasing, "throughband")
        before = controller.plans[0].phases if controller.plans else ()
        old = {phase.number: phase for phase in before}
        phases = tuple(
            replace(
                old[phase.number],
                ring=phase.ring,
                barrier=phase.barrier,
                position=phase.position,
                yellow_ds=phase.yellow_ds,
                red_clear_ds=phase.red_clear_ds,
            )
            if phase.number in old
            else phase
            for phase in fresh.phases
        )
        by_controller[controller.controller_id] = replace(fresh, phases=phases)
    return replace(
        inventory,
        controllers=tuple(
            _preferring(c, by_controller.get(c.controller_id)) for c in inventory.controllers
        ),
    )


def coordination_of(plan: TimingPlan, phasing: Phasing, plan_id: str) -> Coordination:
    """Tell a plan as a controller's sheet does.

    Parameters
    ----------
    plan, phasing
        A plan and the phases it speaks of.
    plan_id
        What to call it.
    """
    segments = phasing.segments(plan.sequence)
    coordinated = phasing.phase(plan.coordinated_phase)
    phases: list[ControllerPhase] = []
    together: list[int] = []
    for barrier, segment in enumerate(segments, start=1):
        for ring in segment:
            for position, number in enumerate(ring, start=1):
                phase = phasing.phase(number)
                phases.append(_controller_phase(phase, barrier, position))
                begins = plan.start_s(number, phasing) == plan.start_s(coordinated.number, phasing)
                if begins and phase.ring != coordinated.ring:
                    together.append(number)
    phases += [
        _controller_phase(phase, phase.barrier, len(phasing.phases))
        for phase in phasing.phases
        if phase.number not in plan.sequence
    ]
    return Coordination(
        plan_id,
        tuple(phases),
        {
            number: split_s * TENTHS_PER_SECOND
            for number, split_s in zip(plan.sequence, plan.splits_s, strict=True)
        },
        plan.cycle_s * TENTHS_PER_SECOND,
        plan.offset_s * TENTHS_PER_SECOND,
        _REFERENCES[plan.offset_reference],
        # Phases that begin with the coordinated one share its event whichever of them counts.
        (coordinated.number, *together)
        if plan.offset_reference is OffsetReference.BEGIN_GREEN
        else (coordinated.number,),
    )


def _controller_phase(phase: Phase, barrier: int, position: int) -> ControllerPhase:
    return ControllerPhase(
        phase.number,
        phase.ring,
        barrier,
        position,
        phase.min_green_s * TENTHS_PER_SECOND,
        phase.yellow_ds,
        phase.red_clear_ds,
        walk_ds=phase.walk_s * TENTHS_PER_SECOND or None,
        ped_clear_ds=phase.ped_clear_s * TENTHS_PER_SECOND or None,
    )


def _preferring(controller: Controller, plan: Coordination | None) -> Controller:
    if plan is None:
        return controller
    before = controller.plans[0].plan_id if controller.plans else ""
    taken = {old.plan_id for old in controller.plans}
    number = 1
    name = plan.plan_id
    while name in taken:
        number += 1
        name = f"{plan.plan_id}-{number}"
    phases = {
        (name, turn): served
        for (of_plan, turn), served in controller.turn_phases.items()
        if of_plan == before
    }
    return replace(
        controller,
        plans=(replace(plan, plan_id=name), *controller.plans),
        turn_phases={**controller.turn_phases, **phases},
    )
