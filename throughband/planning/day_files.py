"""The files of a planned day: plans, schedule, SUMO programs, timing sheet, record."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from engine.measures.transition import transition
from engine.optimize.day_draws import DrawnDays
from engine.optimize.planned_day import PlannedDay
from engine.optimize.robust import Robustness
from network.day_plan import SECONDS_PER_DAY, Action, CalendarRule, DayPlan, ScheduledPlan, clock
from network.files import phasing_of, replace_file, write_plan
from network.graph import RoadNetwork
from network.schedule import DaySchedule
from network.schedule_file import write_schedule
from network.sumo_day import Stretch, write_sumo_day
from network.timing import PlanSet
from network.units import TENTHS_PER_SECOND
from throughband.planning.objective_options import document_of
from throughband.results import versions, write_json

DAY_NAME: Final = "every day"
SCHEDULE_NAME: Final = "schedule.toml"
SUMO_NAME: Final = "plan.add.xml"
SHEET_NAME: Final = "timing.csv"
RECORD_NAME: Final = "day.json"


def plan_names(done: PlannedDay) -> tuple[str, ...]:
    """Return what the plans of a day are called."""
    return tuple(f"plan-{number}" for number in range(1, len(done.plans) + 1))


def actions_of(done: PlannedDay) -> tuple[Action, ...]:
    """Return when the plans of a day begin, from midnight on.

    Before the first and after the last period of a day that is not whole, its first and its last
    plan run.
    """
    names = plan_names(done)
    day, run = done.day, done.choice.run
    begins = {day.begin_s(t): names[run[t]] for t in done.choice.switches(day.wraps)}
    end_s = day.start_s + day.periods * day.period_s
    if day.wraps or end_s > SECONDS_PER_DAY:
        # Midnight falls into one of the periods.
        at_midnight = run[min((SECONDS_PER_DAY - day.start_s) // day.period_s, len(run) - 1)]
        if day.start_s == 0:
            at_midnight = run[0]
        if not day.wraps:
            begins.setdefault(day.start_s, names[run[0]])
    else:
        at_midnight = run[0]
    begins.setdefault(0, names[at_midnight])
    actions: list[Action] = []
    for at_s in sorted(begins):
        if not actions or actions[-1].run != begins[at_s]:
            actions.append(Action(at_s, begins[at_s]))
    return tuple(actions)


def schedule_of(done: PlannedDay, name: str, time_zone: str) -> DaySchedule:
    """Return the schedule that runs the plans every day of the week.

    Parameters
    ----------
    done
        The planned day.
    name
        Of the scenario.
    time_zone
        IANA name of the clock it follows.
    """
    plans = {
        plan: ScheduledPlan(plan, number, f"{plan}.json")
        for number, plan in enumerate(plan_names(done), 1)
    }
    day = DayPlan(DAY_NAME, actions_of(done))
    rule = CalendarRule(DAY_NAME, frozenset(range(7)))
    return DaySchedule(name, time_zone, plans, {DAY_NAME: day}, (rule,))


def stretches_of(
    actions: Sequence[Action], plan_sets: Mapping[str, PlanSet], network: RoadNetwork
) -> dict[str, list[Stretch]]:
    """Return what each signal runs in SUMO from second zero on, transitions included.

    Parameters
    ----------
    actions
        Of the day, from midnight on.
    plan_sets
        Plans by name; all of them retime the same signals.
    network
        Where they belong.
    """
    found: dict[str, list[Stretch]] = {}
    first = plan_sets[actions[0].run]
    for plan in first.plans:
        phasing = phasing_of(plan, network, SUMO_NAME)
        running, name, in_step_s = plan, f"throughband-{actions[0].run}", 0
        own = [Stretch(name, 0, (plan,))]
        for action in actions[1:]:
            then = plan_sets[action.run].plan(plan.signal_id)
            if then is None or then == running:
                continue
            move = transition(running, then, phasing, max(action.at_s, in_step_s))
            if move.cycles:
                way = f"{name}-to-{action.run}-{action.at_s}"
                own.append(Stretch(way, move.crossing_s, move.cycles, once=True))
            name = f"throughband-{action.run}"
            own.append(Stretch(name, move.in_step_s, (then,)))
            running, in_step_s = then, move.in_step_s
        found[plan.signal_id] = own
    return found


def write_day(
    folder: Path,
    done: PlannedDay,
    network: RoadNetwork,
    scenario: str,
    time_zone: str,
    findings: Sequence[str],
    drawn: DrawnDays | None = None,
) -> None:
    """Write everything that a planned day comes to.

    Parameters
    ----------
    folder
        Where to.
    done
        The planned day.
    network
        Where the plans belong.
    scenario, time_zone
        For the schedule.
    findings
        What was said of the flows, for the record.
    drawn
        What drawn days cost, if they were played.
    """
    names = plan_names(done)
    plan_sets = {name: plan.plan_set for name, plan in zip(names, done.plans, strict=True)}
    actions = actions_of(done)
    for name, plan in zip(names, done.plans, strict=True):
        notes = {
            "made_for": plan.origin,
            "groups": [list(group) for group in plan.groups],
            "objective": document_of(done.objective),
        }
        write_plan(folder / f"{name}.json", plan.plan_set, network, notes)
    write_plan(
        folder / "single-plan.json",
        done.single.plan_set,
        network,
        {"made_for": "the best single plan of the day, to compare with"},
    )
    write_schedule(folder / SCHEDULE_NAME, schedule_of(done, scenario, time_zone))
    write_sumo_day(folder / SUMO_NAME, stretches_of(actions, plan_sets, network), network)
    replace_file(folder / SHEET_NAME, timing_sheet(actions, plan_sets, network))
    write_json(folder / RECORD_NAME, record(done, findings, drawn))


def timing_sheet(
    actions: Sequence[Action], plan_sets: Mapping[str, PlanSet], network: RoadNetwork
) -> str:
    """Return a row per plan, signal and phase, as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["plan", "runs", "signal", "cycle_s", "group_cycle_s", "offset_s", "offset_reference",
         "coordinated_phase", "phase", "ring", "split_s", "green_s", "yellow_s", "red_clear_s",
         "walk_s", "ped_clear_s"]
    )  # fmt: skip
    for name, plan_set in plan_sets.items():
        for plan in plan_set.plans:
            phasing = phasing_of(plan, network, SHEET_NAME)
            group = plan_set.group_of(plan.signal_id)
            group_cycle_s = plan.cycle_s if group is None else group.cycle_s
            for number, split_s in zip(plan.sequence, plan.splits_s, strict=True):
                phase = phasing.phase(number)
                green_ds = split_s * TENTHS_PER_SECOND - phase.clearance_ds
                writer.writerow(
                    [name, times_of(actions, name), plan.signal_id, plan.cycle_s,
                     group_cycle_s, plan.offset_s,
                     str(plan.offset_reference), plan.coordinated_phase, number, phase.ring,
                     split_s, f"{green_ds / TENTHS_PER_SECOND:g}",
                     f"{phase.yellow_ds / TENTHS_PER_SECOND:g}",
                     f"{phase.red_clear_ds / TENTHS_PER_SECOND:g}", phase.walk_s,
                     phase.ped_clear_s]
                )  # fmt: skip
    return out.getvalue()


def times_of(actions: Sequence[Action], name: str) -> str:
    """Return when a plan runs, as ``06:30-09:00 15:00-19:00``."""
    ends = [*(clock(action.at_s)[:5] for action in actions[1:]), "24:00"]
    return " ".join(
        f"{clock(action.at_s)[:5]}-{end}"
        for action, end in zip(actions, ends, strict=True)
        if action.run == name
    )


def record(
    done: PlannedDay, findings: Sequence[str], drawn: DrawnDays | None = None
) -> dict[str, Any]:
    """Return what ``day.json`` holds."""
    names = plan_names(done)
    actions = actions_of(done)
    return {
        "periods": {
            "start_s": done.day.start_s,
            "period_s": done.day.period_s,
            "count": done.day.periods,
            "whole_day": done.day.wraps,
            "volume_vph": [round(volume, 1) for volume in done.day.volume_vph.tolist()],
            "plans": [names[number] for number in done.choice.run],
        },
        "actions": [{"at": clock(action.at_s), "run": action.run} for action in actions],
        "cost_veh_s": {
            "in_force": round(done.in_force_cost, 1),
            "single_plan": round(done.table[0].cost, 1),
            "day": round(done.choice.cost, 1),
            "transitions": round(done.choice.transition_cost, 1),
        },
        "played_through": {
            name: {
                "cost_veh_s": round(found.cost, 1),
                "waiting_veh": [round(waiting, 1) for waiting in found.waiting_veh],
                "period_costs_veh_s": [round(cost, 1) for cost in found.period_costs],
            }
            for name, found in (
                ("in_force", done.through.in_force),
                ("single_plan", done.through.single),
                ("day", done.through.planned),
            )
        },
        "drawn": None
        if drawn is None
        else {
            "by_quantiles": bool(done.day.low_vph),
            "sigma": Robustness().sigma,
            "in_force_veh_s": np.round(drawn.in_force, 1).tolist(),
            "planned_veh_s": np.round(drawn.planned, 1).tolist(),
        },
        "plans": [
            {
                "name": name,
                "runs": times_of(actions, name),
                "cycles_s": sorted({p.cycle_s for p in plan.plan_set.plans}),
                "made_for": plan.origin,
                "digest": plan.digest,
            }
            for name, plan in zip(names, done.plans, strict=True)
        ],
        "numbers_of_plans": [
            {
                "plans": row.plans,
                "cost_veh_s": round(row.cost, 1),
                "transitions_veh_s": round(row.transition_cost, 1),
                "switches": row.switches,
                "saving_pct": round(row.saving_pct, 3),
            }
            for row in done.table
        ],
        "reason": done.reason,
        "objective": document_of(done.objective),
        "distance_of_followers": {
            "optimized": round(done.apart_before, 4),
            "drawn_together": round(done.apart, 4),
        },
        "robust": [
            {
                "plan": names[row.plan],
                "nominal": {"mean": row.nominal.mean, "tail": row.nominal.tail},
                "robust": {"mean": row.robust.mean, "tail": row.robust.tail},
            }
            for row in done.robust
        ],
        "optimizations": done.optimizations,
        "cut_short": done.cut_short,
        "findings": list(findings),
        "versions": versions(),
    }
