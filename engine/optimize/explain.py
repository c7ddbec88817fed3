"""Why a plan is what it is, in sentences an engineer can check against the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.measures.evaluation import StreetMeasures
from engine.measures.street import Street
from engine.optimize.explanation import Explanation
from engine.optimize.groups import coupling, strong_links
from engine.optimize.lock_costs import LockCost
from engine.optimize.locks import Locks
from engine.optimize.narrative import lock_sentences, signal_sentences
from network.graph import RoadNetwork, Signal
from network.phasing import Phasing
from network.timing import PlanSet, TimingPlan


def reasons(
    network: RoadNetwork,
    street: Street,
    plan_set: PlanSet,
    groups: tuple[tuple[str, ...], ...],
    before: StreetMeasures,
    after: StreetMeasures,
    priced: Explanation | None = None,
    locks: Locks | None = None,
    costs: Sequence[LockCost] = (),
) -> dict[str, tuple[str, ...]]:
    """Explain every signal's plan.

    Parameters
    ----------
    network, street, plan_set, groups
        The problem and its solution.
    before, after
        What the model says of the plan in force and of the new one.
    priced
        What seconds of the plans are worth, to be told too.
    locks, costs
        What was locked, and what each lock costs.

    Returns
    -------
    dict
        Sentences by signal.
    """
    found: dict[str, tuple[str, ...]] = {}
    worth = {
        signal.signal_id: tuple(signal_sentences(signal, group))
        for group in (priced.groups if priced is not None else ())
        for signal in group.signals
    }
    linked = strong_links(coupling(street))
    cycles_s = {plan.signal_id: plan.cycle_s for plan in plan_set.plans}
    linked.add_nodes_from(cycles_s)
    for plan in plan_set.plans:
        signal = network.signals[plan.signal_id]
        if signal.phasing is None or signal.plan_in_force is None:
            continue
        group = next((g for g in groups if plan.signal_id in g), (plan.signal_id,))
        over_border = {
            name: cycles_s[name]
            for name in sorted(linked[plan.signal_id])
            if name in cycles_s and name not in group
        }
        found[plan.signal_id] = (
            _cycle(plan, signal.plan_in_force, group, plan_set, over_border),
            *_phases(plan, signal, signal.phasing),
            *_critical_lane(plan.signal_id, street, before, after),
            *_offset(plan, street, group),
            *worth.get(plan.signal_id, ()),
            *lock_sentences(plan.signal_id, locks or Locks(), costs),
            *(() if street.objective.is_default else (f"Planned for {street.objective}.",)),
        )
    return found


def _cycle(
    plan: TimingPlan,
    in_force: TimingPlan,
    group: tuple[str, ...],
    plan_set: PlanSet,
    over_border: Mapping[str, int],
) -> str:
    common_s = max(other.cycle_s for other in plan_set.plans if other.signal_id in group)
    with_whom = (
        f"half of the {common_s} s of its coordination group of {len(group)} signals"
        if 2 * plan.cycle_s == common_s
        else f"common to its coordination group of {len(group)} signals"
        if len(group) > 1
        else "its own"
        if over_border
        else "its own, since no strong platoon links it to a neighbor that has a plan"
    )
    border = "; platoons link it to " + ", ".join(
        f"{name} ({cycle_s} s)" for name, cycle_s in over_border.items()
    )
    apart = f"{border} too, but no cycle is common to both sides" if over_border else ""
    change = (
        f"instead of {in_force.cycle_s} s" if plan.cycle_s != in_force.cycle_s else "as in force"
    )
    return f"Cycle {plan.cycle_s} s {change}, {with_whom}{apart}."


def _phases(plan: TimingPlan, signal: Signal, phasing: Phasing) -> list[str]:
    assert signal.plan_in_force is not None
    sentences = []
    for number in signal.plan_in_force.sequence:
        if number in plan.sequence:
            continue
        phase = phasing.phase(number)
        turns = sorted(
            {
                movement.movement_id
                for movement in signal.movements
                for connection in movement.connections
                if any(phase.serves(group) for group in connection.groups)
            }
        )
        saved = phase.clearance_s
        sentences.append(
            f"Phase {number} is left out: all {len(turns)} movements it serves have green in "
            f"another phase, and its {saved:g} s of clearance need not be waited for."
        )
    return sentences


def _critical_lane(
    signal_id: str, street: Street, before: StreetMeasures, after: StreetMeasures
) -> list[str]:
    lanes = {
        int(street.lanes.lane[row])
        for row, signal in enumerate(street.lanes.signal)
        if street.signals[signal] == signal_id
    }
    if not lanes:
        return []
    worst = max(sorted(lanes), key=lambda lane: float(after.lane_saturation[lane]))
    return [
        f"Its most saturated lane is {street.lane_names[worst]}: degree of saturation "
        f"{after.lane_saturation[worst]:.2f} (in force {before.lane_saturation[worst]:.2f}), "
        f"predicted delay {after.lane_delay_s[worst]:.0f} s per vehicle "
        f"(in force {before.lane_delay_s[worst]:.0f} s)."
    ]


def _offset(plan: TimingPlan, street: Street, group: tuple[str, ...]) -> list[str]:
    approaches = {
        way.from_link
        for row, way in enumerate(street.ways)
        if street.signals[street.lanes.signal[row]] == plan.signal_id
    }
    flows: dict[str, float] = {}
    for row, way in enumerate(street.ways):
        flow_vph = 3600.0 * float(street.way_volume_vps[row])
        flows[way.to_link] = flows.get(way.to_link, 0.0) + flow_vph
    # Only a signal with the same cycle sends platoons at the same second of every cycle.
    partners = {
        way.to_link
        for row, way in enumerate(street.ways)
        if street.signals[street.lanes.signal[row]] in set(group) - {plan.signal_id}
    }
    arriving = [
        s for s in street.stream_table if s.approach_link in approaches and s.exit_link in partners
    ]
    if not arriving:
        return ["No platoon reaches it from a signal of its group, so its offset is free."]
    main = max(arriving, key=lambda s: (s.share * flows.get(s.exit_link, 0.0), s.exit_link))
    return [
        f"Offset {plan.offset_s} s (beginning of green of phase {plan.coordinated_phase}): the "
        f"strongest platoon reaches it on {main.approach_link}, "
        f"{main.share * flows.get(main.exit_link, 0.0):.0f} veh/h, "
        f"{main.start_s + main.travel_time_s:.0f} s after starting at the signal before."
    ]
