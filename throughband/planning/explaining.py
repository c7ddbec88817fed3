"""What ``throughband explain`` does: tell why a plan is what it is, and what it could stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engine.measures.corridor import Corridor
from engine.measures.corridor_search import strongest_corridor
from engine.measures.objective import Objective
from engine.optimize.corridors import named_corridors
from engine.optimize.explanation import Explanation, Question, explanation_of
from engine.optimize.narrative import group_paragraph
from engine.optimize.problem import Limits
from engine.optimize.regret import Demand as StreetDemand
from network.graph import RoadNetwork
from network.safety import check, require_safe
from network.timing import PlanSet
from throughband.counts.demand import COUNTING_SEEDS, Demand, counted_days, demand, read_counts
from throughband.exchange.imported import corridors_of, imported_counts
from throughband.planning.calibration_tables import summary
from throughband.planning.explained_locks import HeldLocks, held_locks, locks_met
from throughband.planning.explanation_files import JSON_NAME, TEXT_NAME, write_explanation
from throughband.planning.objective_options import objective_in
from throughband.planning.plan_files import plan_for
from throughband.results import output_folder
from throughband.setting import Setting, open_setting
from throughband.teller import Teller

STRONGEST: Final = "Strongest corridor"


def explain_scenario(
    name: str,
    plan: Path | None,
    counts: Path | None,
    out: Path,
    begin_s: float | None,
    end_s: float | None,
    seed: int,
    calibration: Path | None = None,
    lock: Path | None = None,
) -> None:
    """Carry out ``throughband explain``."""
    with Teller(4) as teller, output_folder(out) as folder:
        teller.step("read the network and the plan")
        setting = open_setting(name, begin_s, end_s, calibration)
        if setting.calibration is not None:
            teller.say(summary(setting.calibration))
        plan_set = plans_in_force(setting.network) if plan is None else plan_for(plan, setting)
        require_safe(plan_set, setting.network)
        locks = None if lock is None else locks_met(lock, setting.network, plan_set)
        teller.step("measure the traffic")
        wanted = _demand(setting, counts, begin_s is not None or end_s is not None, teller)
        teller.step("price every second")
        objective = Objective() if plan is None else objective_in(plan)
        found = explained(setting, wanted, plan_set, seed, teller, objective)
        held = HeldLocks()
        if locks is not None:
            together = [c.signals for c in corridors_of(setting.scenario, setting.network)]
            held = held_locks(
                *(setting.network, found.street, plan_set, locks, objective), together
            )
        teller.step("write the explanation")
        source = "the plans in force" if plan is None else f"the plans of {plan}"
        write_explanation(folder, setting.scenario.name, plan_set, found, source, held)
        for number, group in enumerate(found.groups, 1):
            teller.say(group_paragraph(group, number))
        for line in held.lines():
            teller.say(line)
        teller.say(f"Explanation: {out / TEXT_NAME}, {out / JSON_NAME}")


def plans_in_force(network: RoadNetwork) -> PlanSet:
    """Return the lawful plans in force; the other signals are left alone, with the reason."""
    plans, alone = [], {}
    for name, signal in network.signals.items():
        if signal.left_alone or signal.plan_in_force is None or signal.phasing is None:
            alone[name] = signal.left_alone or "its plan in force is not known"
            continue
        broken = check(signal.plan_in_force, signal)
        if broken:
            alone[name] = broken[0].text
        else:
            plans.append(signal.plan_in_force)
    return PlanSet(network.name, tuple(plans), alone)


def explained(
    setting: Setting,
    wanted: Demand,
    plan_set: PlanSet,
    seed: int,
    teller: Teller | None = None,
    objective: Objective | None = None,
) -> Explanation:
    """Explain plans of a setting under a demand.

    Parameters
    ----------
    setting, wanted
        The roads and the flows.
    plan_set
        The plans.
    seed
        For what is drawn.
    teller
        Shows progress.
    objective
        What the plans are to be good for, which prices every second.
    """
    flows = wanted.flows
    network = setting.network
    objective = objective or Objective()
    built = StreetDemand(
        flows.movement_vph(), flows.interval_s, setting.driving, wanted.lane_shares, objective
    )
    street = built.street(network)
    named = corridors_of(setting.scenario, network)
    corridors: Mapping[str, Corridor] = named_corridors(network, street, named)
    if not corridors:
        strongest = strongest_corridor(network, street)
        corridors = {STRONGEST: strongest} if strongest is not None else {}
    return explanation_of(
        Question(
            network,
            street,
            int(flows.start_s),
            {found.signal_id: found for found in plan_set.plans},
            Limits(objective=objective),
            [corridor.signals for corridor in named],
            corridors,
            built,
            seed,
            [group.signals for group in plan_set.groups],
        ),
        teller.tell if teller else None,
    )


def _demand(setting: Setting, counts: Path | None, windowed: bool, teller: Teller) -> Demand:
    counts = counts or imported_counts(setting.scenario)
    if counts is None:
        days = counted_days(
            setting.case,
            setting.network,
            COUNTING_SEEDS,
            lambda done, whole: teller.tell("days", done, whole),
        )
        return demand(setting.network, days)
    days = read_counts(counts, setting.network)
    if windowed:
        days = tuple(day.slice(setting.scenario.begin_s, setting.scenario.end_s) for day in days)
    return demand(setting.network, days)
