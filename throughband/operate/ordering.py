"""What is ordered of the planner: the traffic ahead, and what of the street has to stay."""

from __future__ import annotations

from collections.abc import Mapping

from network.timing import TimingPlan
from throughband.operate.model import Ahead
from throughband.operate.office import Office
from throughband.operate.planner import PlanOrder


def order_for(office: Office, plans: Mapping[str, TimingPlan], coming: Ahead) -> PlanOrder:
    """Return the order of a plan for the traffic ahead, within what operation may change.

    Parameters
    ----------
    office
        What all parts share.
    plans
        Plans of operation's that are called, by signal.
    coming
        The traffic.
    """
    config = office.config
    kept = _kept(office)
    cycles = [plan.cycle_s for plan in running(office, plans).values()]
    shortest, longest = config.planning.shortest_cycle_s, config.planning.longest_cycle_s
    step = config.limits.most_steps.cycle_s
    if config.acts and step is not None and cycles:
        # What goes too far would have to be asked for; seek where we may go.
        shortest = max(shortest, min(cycles) - step)
        longest = max(shortest, min(longest, max(cycles) + step))
    calibration = config.planning.calibration
    return PlanOrder(
        config.scenario,
        None if calibration is None else str(calibration),
        {name: [float(v) for v in flow] for name, flow in coming.movement_vph.items()},
        coming.period_s,
        coming.start_s,
        dict(coming.lane_shares),
        kept,
        shortest,
        longest,
        config.planning.effort,
        config.planning.time_limit_s,
        config.planning.seeds,
        config.planning.workers,
        config.regime.worth_share,
        config.regime.worth_veh_h,
        _sequences(office, plans, kept),
    )


def running(office: Office, plans: Mapping[str, TimingPlan]) -> dict[str, TimingPlan]:
    """Return what runs at each signal: the plan that is called, else the one in force."""
    found = dict(plans)
    for signal in office.setting.network.signals.values():
        if signal.plan_in_force is not None:
            found.setdefault(signal.signal_id, signal.plan_in_force)
    return found


def _kept(office: Office) -> list[str]:
    """Signals that may not be changed: outside the limits, or without a controller."""
    limits = office.config.limits
    known = {device.signal_id for device in office.config.bridge.devices}
    return sorted(
        name for name in office.setting.network.signals if name not in known or not limits.has(name)
    )


def _sequences(
    office: Office, plans: Mapping[str, TimingPlan], kept: list[str]
) -> dict[str, list[int]]:
    """Return by signal the sequence that stays, where another would have to be asked for."""
    if not office.config.acts or office.config.limits.may_drop_phases:
        return {}
    return {
        name: list(plan.sequence)
        for name, plan in running(office, plans).items()
        if name not in kept
    }
