"""What whole plans are worth in the hour-long model, and whether they may be returned at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine.measures.evaluation import StreetMeasures, Tables, evaluate
from engine.measures.street import Street
from engine.optimize.bound import Certificate, certify
from engine.optimize.problem import Limits
from network.errors import EngineError
from network.graph import RoadNetwork
from network.safety import require_safe
from network.timing import PlanSet, TimingPlan, in_step

Appraisal = tuple[PlanSet, StreetMeasures, StreetMeasures, dict[tuple[str, ...], Certificate]]


def appraised(
    network: RoadNetwork,
    street: Street,
    limits: Limits,
    start_s: int,
    plans: Mapping[str, TimingPlan],
    groups: Sequence[tuple[str, ...]],
    absent: Mapping[str, str],
) -> Appraisal:
    """Check plans, price them beside those in force, and certify their offsets.

    Parameters
    ----------
    network, street, limits, start_s
        What was asked.
    plans
        What was found, by signal.
    groups
        Signals under one cycle, or half of it.
    absent
        Why signals have no plan, as far as it is known.

    Returns
    -------
    tuple
        The plan set, what the model says of the plans in force and of the new ones, and a
        certificate for each group of several signals.

    Raises
    ------
    UnsafePlanError
        If a plan fails a safety check.
    EngineError
        If plans break a lock.
    """
    plan_set = PlanSet(
        network.name,
        tuple(plans.values()),
        left_alone(network, absent, plans),
        in_step(groups, plans),
    )
    require_safe(plan_set, network)
    broken = limits.locks.broken(plans)
    if broken:
        raise EngineError(f"the plans found break locks: {'; '.join(broken)}")
    tables = street_tables(network, street, limits)
    before = evaluate(tables, start_s, street.horizon_s)
    for plan in plans.values():
        tables.set(plan)
    after = evaluate(tables, start_s, street.horizon_s)
    still = [name for name, hold in limits.locks.holds.items() if hold.offset or hold.tied]
    certificates = {
        group: certify(street, network, plans, group, locked=still)
        for group in groups
        if len(group) > 1
    }
    return plan_set, before, after, certificates


def scaled(street: Street, factor: float) -> Street:
    """Return the street with all its demand times a factor; who drives where stays the same."""
    return replace(
        street,
        approaches=street.approaches._replace(outside_vps=street.approaches.outside_vps * factor),
        lane_volume_vps=street.lane_volume_vps * factor,
        way_volume_vps=street.way_volume_vps * factor,
    )


def busiest(street: Street) -> float:
    """Return the traffic of the busiest period over that of the mean one."""
    by_period = street.approaches.outside_vps.sum(axis=1)
    return float(by_period.max() / max(by_period.mean(), 1e-12))


def street_tables(network: RoadNetwork, street: Street, limits: Limits) -> Tables:
    """Return the tables of the hour-long model with the plans in force set."""
    longest = max(
        [limits.longest_cycle_s, *limits.locks.cycles_s]
        + [s.plan_in_force.cycle_s for s in network.signals.values() if s.plan_in_force]
    )
    tables = Tables(street, network, longest)
    for signal in network.signals.values():
        if signal.plan_in_force is not None:
            tables.set(signal.plan_in_force)
        else:
            tables.open_always(signal.signal_id)
    return tables


def left_alone(
    network: RoadNetwork, absent: Mapping[str, str], plans: Mapping[str, TimingPlan]
) -> dict[str, str]:
    """Return by signal why it gets no plan."""
    return {
        signal.signal_id: signal.left_alone
        or absent.get(signal.signal_id, "no sequence of its phases passes the safety rules")
        for signal in network.signals.values()
        if signal.signal_id not in plans
    }
