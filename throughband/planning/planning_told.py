"""What commands that plan ask of plans, and say about street and search."""

from __future__ import annotations

from engine.measures.objective import Goal
from engine.optimize.optimizer import Optimization
from engine.optimize.problem import Limits
from throughband.exchange.imported import buses_of
from throughband.planning.calibration_tables import summary
from throughband.planning.plan_orders import PlanOrder
from throughband.setting import Setting
from throughband.teller import Teller


def limits_of(order: PlanOrder, setting: Setting, effort: int, teller: Teller) -> Limits:
    """Return what is asked of the plans of a setting, with the bus lines beside it."""
    buses = buses_of(setting.scenario, setting.network)
    limits = order.limits(setting.network, effort, buses)
    if buses:
        counted = limits.objective.goal is Goal.PERSON_DELAY
        teller.say(
            f"{len(buses)} bus lines, {sum(3600.0 / line.headway_s for line in buses):.0f} buses "
            "an hour in all"
            + ("" if counted else "; their passengers count with --minimize person-delay")
        )
    return limits


def describe(setting: Setting, teller: Teller) -> None:
    """Say what a setting holds, which signals stay as they are, and what was rounded."""
    network = setting.network
    alone = [signal for signal in network.signals.values() if signal.left_alone]
    teller.say(
        f"{network.name}: {len(network.links)} links, {len(network.movements)} signalized "
        f"movements, {len(network.signals)} signals"
        + (f", {len(alone)} of them left alone" if alone else "")
    )
    if setting.calibration is not None:
        teller.say(summary(setting.calibration))
    for signal in alone:
        teller.say(f"{signal.signal_id} is left alone: {signal.left_alone}")
    rounded = [s.signal_id for s in network.signals.values() if s.plan_in_force and not s.exact]
    if rounded:
        teller.say(
            f"{len(rounded)} programs in force are actuated or not in whole seconds; reasons and "
            f"emulated controllers take their nominal times, SUMO plays them as they are: "
            + ", ".join(rounded)
        )


def tell_halt(done: Optimization, reason: str, effort: int, teller: Teller) -> None:
    """Say of a search that was cut short by what, and how far it was."""
    if done.cut_short:
        teller.say(
            f"Halted by {reason} after {done.evaluations} of {effort} evaluations; these are "
            "the best lawful plans so far"
        )
