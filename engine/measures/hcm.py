"""Operational analysis of one signalized intersection by the Highway Capacity Manual.

Highway Capacity Manual 2000 (HCM), chapter 16: lane groups, flows, saturation flows, capacity,
control delay, level of service, queues. Where HCM 2010 differs and it matters:

- a lane group over capacity is level F (exhibit 18-4), not only by its delay;
- the uniform delay of protected and permitted green together is the area of the queue polygon,
  which HCM 2010 uses throughout and HCM 2000 tabulates by case in appendix E; left turns that only
  yield have it if the practice asks for it;
- k of actuated phases follows from v/c, where HCM 2010 takes the capacity a phase could have at
  its maximum green;
- HCM 2010 estimates the average green of actuated phases; here the plan's splits are taken as
  they are, the greens of a pretimed plan or of phases that max out, as in HCM 2000 without its
  appendix B;
- the permitted saturation flow of lanes of their own follows HCM 2010's equation 31-100, whose
  values are those of HCM 2000, exhibit C16-3.

Not modeled: parking, buses, turns on red unless their volume is given, blocking by pockets that
are too short, and spillback. A shared lane whose left turns see red while its through traffic has
green counts as one in which they yield.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.measures.hcm_critical import critical
from engine.measures.hcm_display import Display, display_of
from engine.measures.hcm_greens import Green, Scene, greens_of
from engine.measures.hcm_groups import (
    Group,
    HcmPractice,
    flows_of,
    lane_groups,
    may_split,
    opposing_links,
    split_de_facto,
)
from engine.measures.hcm_lane_group import analyzed, approach, mean
from engine.measures.hcm_results import Conditions, IntersectionAnalysis
from engine.measures.hcm_terms import level_of_service
from network.errors import EngineError, InsufficientDataError, PlanError
from network.graph import RoadNetwork
from network.inventory import Inventory, Turn
from network.inventory_of import inventory_of
from network.inventory_signals import ControlKind, Controller, Coordination
from network.timing import TimingPlan
from network.units import TENTHS_PER_SECOND


def analyze(
    inventory: Inventory,
    controller_id: str,
    plan_id: str | None = None,
    practice: HcmPractice | None = None,
    conditions: Conditions | None = None,
) -> IntersectionAnalysis:
    """Analyze an intersection as an engineer's files describe it.

    Parameters
    ----------
    inventory
        The street with its volumes.
    controller_id, plan_id
        The controller, and which of its plans; the one in force where not given.
    practice
        What to assume where the street is silent; the manual's defaults where not given.
    conditions
        Arrivals, upstream signals, initial queues, turns on red; none where not given.

    Returns
    -------
    IntersectionAnalysis

    Raises
    ------
    EngineError
        No such controller or plan, or a value is impossible.
    InsufficientDataError
        No turn has a volume.
    PlanError
        The plan cannot run, or leaves a turn with traffic without green.
    """
    practice = practice or HcmPractice()
    conditions = conditions or Conditions()
    controller, plan = _chosen(inventory, controller_id, plan_id)
    at_nodes = [turn for turn in inventory.turns if turn.node_id in controller.nodes]
    turns = [turn for turn in at_nodes if not turn.uncontrolled and turn.lanes]
    where = f"controller {controller_id!r}"
    if not any(turn.volume_vph for turn in turns):
        raise InsufficientDataError(f"{where}: none of its {len(turns)} turns has a volume")
    names = {turn.turn_id for turn in turns}
    conditions.require_known(names, {turn.from_link for turn in turns})
    display = display_of(controller, plan, turns)
    flows = flows_of(turns, conditions.right_on_red_vph, practice)
    notes = [
        f"Turn {turn.turn_id} has no volume; it counts as empty."
        for turn in turns
        if turn.volume_vph is None
    ]
    notes += [
        f"Turn {turn.turn_id} is not controlled by the signal and was left out."
        for turn in at_nodes
        if turn.uncontrolled
    ]
    scene = Scene(
        display,
        practice,
        {street.link_id: street for street in inventory.links},
        _with_green(lane_groups(turns, flows), display, where, notes),
        opposing_links(inventory, (turn.from_link for turn in turns)),
        conditions.arrivals,
    )
    scene, greens = _settled(scene, where, notes)
    found = critical(scene, greens)
    groups = tuple(
        analyzed(group, own, scene, conditions, _extension_s(group, controller, plan, practice))
        for group, own in zip(scene.groups, greens, strict=True)
    )
    groups = tuple(replace(group, critical=at in found.groups) for at, group in enumerate(groups))
    flow_vph, delay_s = mean(groups)
    return IntersectionAnalysis(
        controller_id,
        plan.plan_id,
        display.cycle_s,
        found.lost_s,
        groups,
        tuple(approach(link, groups) for link in dict.fromkeys(g.link_id for g in groups)),
        flow_vph,
        delay_s,
        level_of_service(delay_s),
        found.flow_ratio,
        found.volume_capacity(display.cycle_s),
        tuple(notes),
    )


def analyze_signal(
    network: RoadNetwork,
    plan: TimingPlan,
    movement_vph: Mapping[str, float],
    practice: HcmPractice | None = None,
    conditions: Conditions | None = None,
) -> IntersectionAnalysis:
    """Analyze a signal of the road network under a plan.

    Parameters
    ----------
    network
        Where the signal stands.
    plan
        The plan; it names the signal.
    movement_vph
        Volume of its movements, veh/h; one that is missing counts as empty.
    practice, conditions
        As for `analyze`; turns are named as movements are. Without a peak hour factor of their
        own all movements have the practice's: give 1 where volumes are flows already.
    """
    signal = network.signals.get(plan.signal_id)
    if signal is None or signal.phasing is None:
        raise PlanError(f"network {network.name!r}: signal {plan.signal_id!r} has no phases")
    known = {movement.movement_id for movement in signal.movements}
    unknown = sorted(set(movement_vph) - known)
    if unknown:
        raise EngineError(
            f"signal {plan.signal_id!r}: found a volume for {unknown[0]!r}; allowed are "
            f"{', '.join(sorted(known))}"
        )
    ways = signal.connections
    ends = dict.fromkeys(link for way in ways for link in (way.from_link, way.to_link))
    corner = RoadNetwork(
        network.name,
        {link: network.links[link] for link in ends},
        {plan.signal_id: replace(signal, plan_in_force=plan)},
        ways,
    )
    told = inventory_of(corner)
    turns = tuple(replace(t, volume_vph=movement_vph.get(t.turn_id, 0.0)) for t in told.turns)
    return analyze(replace(told, turns=turns), plan.signal_id, None, practice, conditions)


def _chosen(
    inventory: Inventory, controller_id: str, plan_id: str | None
) -> tuple[Controller, Coordination]:
    for controller in inventory.controllers:
        if controller.controller_id != controller_id:
            continue
        for plan in controller.plans:
            if plan_id in (None, plan.plan_id):
                return controller, plan
        plans = ", ".join(plan.plan_id for plan in controller.plans) or "none"
        raise EngineError(f"controller {controller_id!r}: no plan {plan_id!r}; it has {plans}")
    known = ", ".join(controller.controller_id for controller in inventory.controllers) or "none"
    raise EngineError(f"{inventory.name}: no controller {controller_id!r}; it has {known}")


def _with_green(
    groups: Sequence[Group], display: Display, where: str, notes: list[str]
) -> list[Group]:
    served = []
    for group in groups:
        if display.windows[group.main.turn_id]:
            served.append(group)
        elif group.flow_vph > 0.0:
            raise PlanError(
                f"{where}: turn {group.main.turn_id!r} has traffic, and no phase of the plan "
                "serves it"
            )
        else:
            notes.append(f"Turn {group.main.turn_id} has neither traffic nor green: left out.")
    return served


def _settled(
    scene: Scene, where: str, notes: list[str]
) -> tuple[Scene, tuple[tuple[Green, ...], ...]]:
    """Work out all greens, with de facto left-turn lanes divided off."""
    while True:
        greens = tuple(greens_of(group, scene) for group in scene.groups)
        for group, own in zip(scene.groups, greens, strict=True):
            if not own or not sum(green.per_cycle_veh for green in own) > 0.0:
                raise PlanError(
                    f"{where}: turn {group.main.turn_id!r} has no effective green after "
                    f"{scene.practice.start_loss_s:g} s of start-up lost time"
                )
        at = next(
            (i for i, group in enumerate(scene.groups) if _is_de_facto(group, greens[i])), None
        )
        if at is None:
            return scene, greens
        group = scene.groups[at]
        notes.append(f"Left turns from {group.link_id} fill a shared lane: a de facto lane.")
        divided = (*scene.groups[:at], *split_de_facto(group), *scene.groups[at + 1 :])
        scene = replace(scene, groups=divided)


def _is_de_facto(group: Group, greens: Sequence[Green]) -> bool:
    others = group.flow_vph - group.left_vph
    if not may_split(group) or not group.left_vph or not others > 0.0:
        return False
    yielding = [green.permitted.lane_share for green in greens if green.permitted is not None]
    if yielding:
        return max(yielding) >= 1.0
    # Protected: left turns take 1 / 0.95 of the green a car straight on takes.
    return group.left_vph / 0.95 > others / (len(group.lanes) - 1)


def _extension_s(
    group: Group, controller: Controller, plan: Coordination, practice: HcmPractice
) -> float | None:
    """Return the unit extension of a group's phase; None where it is pretimed or coordinated."""
    turn: Turn = group.main
    given = (turn.protected_phases, turn.permitted_phases)
    served = controller.turn_phases.get((plan.plan_id, turn.turn_id), given)
    numbers = {number for numbers in served for number in numbers}
    if plan.control is ControlKind.PRETIMED:
        return None
    if plan.control is not ControlKind.ACTUATED and numbers & set(plan.reference_phases):
        return None
    for phase in plan.phases:
        if phase.number in numbers and phase.extension_ds:
            return phase.extension_ds / TENTHS_PER_SECOND
    return practice.unit_extension_s
