"""The living street goes over to a new plan: pushed, called, in step, and kept alive to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controllers.ntcip.reach import reaching
from controllers.push import push
from controllers.receipt import PushReceipt
from controllers.release import PlanRelease
from controllers.watch import await_pattern, refresh
from engine.validate.simulator import RunMeasures, SimulationCase
from network.counts import CountSeries
from network.errors import ControllerError, ScenarioError
from network.graph import RoadNetwork
from network.timing import PlanSet
from throughband.counts.demand import INTERVAL_S
from throughband.street import BACKUP_TIME_S, PERIOD_S, Street
from throughband.teller import Tell

REMAINING_S = 900
"""Time of the scenario left for the new plan on the live street, s."""

LEAST_REMAINING_S = 300
"""Time that controllers are given to get in step with the new plan, s."""

LOOK_S = 10
MOST_LOOKS = 60


@dataclass(frozen=True, slots=True)
class LiveResult:
    """What became of the plan on the live street.

    Attributes
    ----------
    receipt
        What was written to the controllers.
    pushed_s, in_step_after_s
        When the patterns were called, street time, and how long until every controller ran its
        own in step.
    counts
        The whole live day, to hold the forecast against.
    measures
        The live day as a whole, plan in force first, new plan after.
    statuses
        Per signal, the pattern it runs at the end and who controls it.
    """

    receipt: PushReceipt
    pushed_s: float
    in_step_after_s: float
    counts: CountSeries
    measures: RunMeasures
    statuses: Mapping[str, str]


async def change_over(
    street: Street,
    network: RoadNetwork,
    plan_set: PlanSet,
    release: PlanRelease,
    journal: Callable[[Mapping[str, object]], None],
    clock: Callable[[], datetime],
    case: SimulationCase,
    tell: Tell,
) -> LiveResult:
    """Push plans to the controllers of a living street, and play it to its end under them.

    Parameters
    ----------
    street
        The street at the moment of the change.
    network, plan_set, release
        What is pushed, and its approval.
    journal, clock
        The record, and the time of day for it.
    case, tell
        Until when the street lives, and who is told how far it is.

    Raises
    ------
    ControllerError
        A signal has no controller, or the push failed and was taken back.
    """
    phasings = {
        signal.signal_id: signal.phasing
        for signal in network.signals.values()
        if signal.phasing is not None
    }
    served = {device.signal_id for device in street.devices}
    unserved = [p.signal_id for p in plan_set.plans if p.signal_id not in served]
    if unserved:
        raise ControllerError(
            f"no controller runs {', '.join(unserved)}; their plans cannot be pushed"
        )
    receipt = await push(
        plan_set,
        release,
        street.devices,
        phasings,
        clock=clock,
        journal=journal,
        # The cabinets keep the street's time, which stands still while nobody drives.
        connect=reaching(lambda: datetime.fromtimestamp(street.time_s, UTC)),
    )
    pushed_s = street.time_s

    async def look() -> None:
        await street.run_until(min(street.time_s + LOOK_S, case.end_s))
        tell("street", *played_of(case, street.time_s))

    looks = min(MOST_LOOKS, max(1, int((case.end_s - pushed_s) // LOOK_S)))
    statuses = await await_pattern(receipt, street.devices, tick=look, most_ticks=looks)
    in_step_s = street.time_s - pushed_s
    journal(
        {
            "event": "in step",
            "utc": clock().isoformat(),
            "street_s": street.time_s,
            "after_s": in_step_s,
        }
    )
    while street.time_s < case.end_s - 1e-9:
        # Well within the backup time, or the controllers would go back to their own plan.
        await street.run_until(min(street.time_s + BACKUP_TIME_S / 3, case.end_s))
        await refresh(receipt, street.devices)
        tell("street", *played_of(case, street.time_s))
    return LiveResult(
        receipt,
        pushed_s,
        in_step_s,
        street.counts(),
        street.finish(),
        {name: f"pattern {s.pattern}, {s.control}" for name, s in statuses.items()},
    )


def change_time_s(case: SimulationCase) -> float:
    """Return when the live street pauses for the new plan: after counts, at an interval's end.

    Raises
    ------
    ScenarioError
        The window is too short for counting and a change of plans.
    """
    least_s = INTERVAL_S + LEAST_REMAINING_S
    if case.end_s - case.begin_s < least_s:
        raise ScenarioError(
            f"the window of {case.end_s - case.begin_s:g} s in {case.config_file} is too short for "
            f"a run: counting takes {INTERVAL_S} s and the change of plans {LEAST_REMAINING_S} s; "
            "raise --end"
        )
    whole = (case.end_s - case.begin_s - REMAINING_S) // INTERVAL_S
    half = (case.end_s - case.begin_s) / 2 // INTERVAL_S
    intervals = max(1.0, whole, half)
    assert INTERVAL_S % PERIOD_S == 0
    return min(case.begin_s + intervals * INTERVAL_S, case.end_s)


def played_of(case: SimulationCase, now_s: float) -> tuple[int, int]:
    """Return how many seconds of a case have been played, and how many there are."""
    return int(now_s - case.begin_s), int(case.end_s - case.begin_s)
