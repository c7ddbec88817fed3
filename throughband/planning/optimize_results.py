"""What an optimization came to by every criterion, in words and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.measures.criteria import Criteria, QueueFinding, criteria_of
from engine.measures.objective import Objective
from engine.optimize.optimizer import Optimization
from engine.optimize.oversaturation import Overload, unserved_vph
from engine.optimize.waits import pedestrian_waits_s
from network.graph import RoadNetwork
from throughband.planning.objective_options import document_of

QUEUES_NAMED = 5


def result_document(network: RoadNetwork, done: Optimization) -> dict[str, Any]:
    """Return objective, criteria before and after, and queue findings for the notes of a plan."""
    street = done.street
    return {
        "objective": document_of(street.objective),
        "criteria": {
            "in_force": _document(criteria_of(street, network, done.in_force)),
            "planned": _document(criteria_of(street, network, done.planned)),
        },
        "buses": [
            {
                "line": rider.line_id,
                "signal": street.signals[rider.signal],
                "delay_s_in_force": round(float(done.in_force.bus_delay_s[row]), 2),
                "delay_s_planned": round(float(done.planned.bus_delay_s[row]), 2),
            }
            for row, rider in enumerate(street.riders)
        ],
        "overloads": [
            {k: round(v, 1) if isinstance(v, float) else v for k, v in asdict(o).items()}
            for o in done.overloads
        ],
        "queues_past_room": [
            {
                **{k: round(v, 2) if isinstance(v, float) else v for k, v in asdict(f).items()},
                "because_of_plan": f.because_of_plan,
            }
            for f in done.queues
        ],
    }


def result_lines(network: RoadNetwork, done: Optimization) -> list[str]:
    """Return what the plans come to, a line for each thing to know.

    Parameters
    ----------
    network, done
        The roads and the plans found.
    """
    street = done.street
    before = criteria_of(street, network, done.in_force)
    after = criteria_of(street, network, done.planned)
    rows = [
        ("stops per passage", before.stops, after.stops, 2),
        ("persons' delay, h", before.person_delay_h, after.person_delay_h, 1),
        ("fuel of waiting and stopping, L", before.fuel_l, after.fuel_l, 0),
        ("CO2 of it, kg", before.co2_kg, after.co2_kg, 0),
    ]
    lines = [
        "In force and planned: "
        + "; ".join(f"{name} {old:.{n}f}, {new:.{n}f}" for name, old, new, n in rows)
    ]
    if before.longest is not None and after.longest is not None:
        lines.append(
            f"Longest mean wait: {before.longest.delay_s:.0f} s ({before.longest.movement}) in "
            f"force, {after.longest.delay_s:.0f} s ({after.longest.movement}) planned"
        )
    lines += bus_lines(done)
    lines += overload_lines(done.overloads)
    if done.overloads and street.objective.queue_limit is not None:
        lines.append(
            f"Planned by a policy for that, with room at the edge used first: {street.objective}"
        )
    lines += _limit_lines(street.objective, network, done, after)
    return lines + queue_lines(done.queues)


def bus_lines(done: Optimization) -> list[str]:
    """Return how long a bus of each line waits at the signals, in force and planned."""
    waits: dict[str, tuple[float, float, int]] = {}
    before_s, after_s = done.in_force.bus_delay_s, done.planned.bus_delay_s
    for row, rider in enumerate(done.street.riders):
        before, after, signals = waits.get(rider.line_id, (0.0, 0.0, 0))
        waits[rider.line_id] = (
            before + float(before_s[row]), after + float(after_s[row]), signals + 1
        )  # fmt: skip
    return [
        f"A bus of line {name} waits {before:.0f} s at {signals} signals in force, {after:.0f} s "
        "planned"
        for name, (before, after, signals) in waits.items()
    ]


def overload_lines(overloads: tuple[Overload, ...]) -> list[str]:
    """Return which movements bring more than can be served, and how much."""
    if not overloads:
        return []
    signals = len({o.signal_id for o in overloads})
    lines = [
        f"Oversaturated: at {signals} signals more arrives than any split tried can serve, "
        f"{unserved_vph(overloads):.0f} veh/h in all in the busiest period:"
    ]
    lines += [
        f"  {o.signal_id}, {o.movement}: {o.unserved_vph:.0f} of {o.flow_vph:.0f} veh/h (cycle of "
        f"{o.cycle_s} s)"
        for o in overloads[:QUEUES_NAMED]
    ]
    if len(overloads) > QUEUES_NAMED:
        lines.append(f"  and {len(overloads) - QUEUES_NAMED} more, see overloads in plan.json")
    return lines


def queue_lines(queues: tuple[QueueFinding, ...]) -> list[str]:
    """Return which movements' mean queues pass their room, and whether that is the plan's doing."""
    ours = [f for f in queues if f.because_of_plan]
    if not ours:
        standing = [f for f in queues if f.after_veh > f.room_veh]
        return [
            "On no movement does the mean queue grow past its storage because of the plan"
            + (f" ({len(standing)} were past it before)" if standing else "")
        ]
    lines = [f"On {len(ours)} movements the mean queue grows past its storage because of the plan:"]
    for f in ours[:QUEUES_NAMED]:
        lines.append(
            f"  {f.movement}: {f.after_veh:.1f} vehicles in room for {f.room_veh:.1f} (lane "
            f"{f.lane}; in force {f.before_veh:.1f})"
        )
    if len(ours) > QUEUES_NAMED:
        lines.append(f"  and {len(ours) - QUEUES_NAMED} more, see queues_past_room in plan.json")
    return lines


def _limit_lines(
    objective: Objective, network: RoadNetwork, done: Optimization, after: Criteria
) -> list[str]:
    """Tell of limits that no plan found keeps."""
    lines = []
    limit = objective.queue_limit
    if limit is not None and limit.price is None and done.planned.over_limit:
        lines.append(
            f"No plan was found that keeps every queue within {100 * limit.part:.0f} % of its "
            f"room: {done.planned.over_limit} lanes pass it (in force {done.in_force.over_limit})"
        )
    wait_s = objective.longest_wait_s
    if wait_s is None:
        return lines
    if after.longest is not None and after.longest.delay_s > wait_s:
        lines.append(
            f"No plan was found under which no movement waits longer than {wait_s:g} s on average: "
            f"{after.longest.movement} waits {after.longest.delay_s:.0f} s"
        )
    walking = [
        (wait, plan.signal_id, where)
        for plan in done.plan_set.plans
        for where, wait in pedestrian_waits_s(network.signals[plan.signal_id], plan).items()
    ]
    if walking:
        wait, signal, where = max(walking)
        lines.append(f"People walk after {wait:.0f} s on average or less ({signal}, {where})")
    return lines


def _document(found: Criteria) -> dict[str, Any]:
    return {
        "delay_s": round(found.delay_s, 3),
        "stops": round(found.stops, 4),
        "person_delay_h": round(found.person_delay_h, 3),
        "fuel_l": round(found.fuel_l, 2),
        "co2_kg": round(found.co2_kg, 2),
        "longest_wait": None
        if found.longest is None
        else {"movement": found.longest.movement, "delay_s": round(found.longest.delay_s, 2)},
        "served_veh": round(found.served_veh, 1),
        "cost_s": round(found.cost_s, 3),
    }
