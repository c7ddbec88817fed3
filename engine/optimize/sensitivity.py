"""What one second more or less would cost, phase by phase and on the offset, and who pays for it.

A second given to a phase is taken from another: what is told is the cheapest lawful exchange. Of
rings side by side a second that crosses a barrier moves in both. The offset's reference point
stays where it is while seconds move, as it does in a controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.measures.evaluation import Tables, evaluate
from engine.measures.street import Floats
from engine.optimize.isolated import split_moves
from engine.optimize.problem import Choice
from engine.optimize.trials import GroupTrials
from network.timing import TimingPlan
from network.units import SECONDS_PER_HOUR

LEAST_TOLD_VEH_S = 1.0
"""Changes on a lane below this, in vehicle-seconds per hour, are not worth naming."""


@dataclass(frozen=True, slots=True)
class LaneChange:
    """What a change of plan does to one lane.

    Attributes
    ----------
    lane, link
        The stop lane and the link it ends.
    veh_s_per_h
        More (or, below 0, less) cost, vehicle-seconds in an hour.
    """

    lane: str
    link: str
    veh_s_per_h: float


@dataclass(frozen=True, slots=True)
class SecondCost:
    """What one second elsewhere would cost.

    Attributes
    ----------
    plan
        The signal's plan with the second moved.
    seconds
        By phase, the seconds it gets more or less; empty where the offset is moved.
    veh_s_per_h
        Cost of the whole group more than now, vehicle-seconds in an hour; below 0 it would pay.
    s_per_veh
        The same per vehicle that passes a signal of the group, s.
    hourly_veh_s_per_h
        The same by the hour-long model of the whole street; None where it was not asked.
    ample_veh_s_per_h
        The same with the traffic that plans are made to hold; None where that is not asked.
    pays, gains
        The lane that loses most and the one that gains most; None where none does.
    """

    plan: TimingPlan
    seconds: Mapping[int, int]
    veh_s_per_h: float
    s_per_veh: float
    hourly_veh_s_per_h: float | None
    ample_veh_s_per_h: float | None
    pays: LaneChange | None
    gains: LaneChange | None


@dataclass(frozen=True, slots=True)
class SignalSeconds:
    """What the seconds of one signal are worth.

    Attributes
    ----------
    signal_id
        The signal.
    later, earlier
        Its offset one second up and down.
    more, less
        By phase, the cheapest exchange that gives it a second and that takes one; None where no
        lawful exchange does.
    """

    signal_id: str
    later: SecondCost
    earlier: SecondCost
    more: Mapping[int, SecondCost | None]
    less: Mapping[int, SecondCost | None]

    @property
    def costs(self) -> tuple[SecondCost, ...]:
        """All that can be moved, each exchange once."""
        found = {id(self.later): self.later, id(self.earlier): self.earlier}
        for cost in (*self.more.values(), *self.less.values()):
            if cost is not None:
                found.setdefault(id(cost), cost)
        return tuple(found.values())


class HourlyModel:
    """The hour-long model of the whole street, for checking what the cyclic model says.

    Parameters
    ----------
    tables
        With the plans as they are.
    start_s
        System time of the demand's beginning.
    plans
        The same plans, by signal.
    """

    def __init__(self, tables: Tables, start_s: int, plans: Mapping[str, TimingPlan]) -> None:
        self._tables = tables
        self._start_s = start_s
        self._plans = dict(plans)
        self.cost_veh_s_per_h = self._played()

    def change(self, plan: TimingPlan) -> float:
        """Return what a plan in the place of its signal's costs more, vehicle-seconds an hour."""
        self._tables.set(plan)
        cost = self._played()
        self._tables.set(self._plans[plan.signal_id])
        return cost - self.cost_veh_s_per_h

    def _played(self) -> float:
        horizon_s = self._tables.street.horizon_s
        measures = evaluate(self._tables, self._start_s, horizon_s)
        return measures.cost_s * measures.volume_veh * SECONDS_PER_HOUR / horizon_s


def seconds_of(
    trials: GroupTrials,
    choice: Choice,
    hourly: HourlyModel | None = None,
    ample: GroupTrials | None = None,
) -> SignalSeconds:
    """Price every second of a signal's plan.

    Parameters
    ----------
    trials
        The group's plans; as before afterwards.
    choice
        The signal's phases.
    hourly
        The hour-long model with the same plans, to check what is told.
    ample
        The same plans under the traffic that they are made to hold.

    Returns
    -------
    SignalSeconds
    """
    name = choice.signal.signal_id
    plan = trials.plans[name]
    base = trials.lane_costs()
    pricing = _Pricing(trials, plan, base, hourly, ample)
    exchanges = [(trials.trial([moved]), moved) for moved in split_moves(choice, plan, 1)]
    told: dict[TimingPlan, SecondCost] = {}
    more: dict[int, SecondCost | None] = {}
    less: dict[int, SecondCost | None] = {}
    for number in plan.sequence:
        for side, sign in ((more, 1), (less, -1)):
            found = [
                (cost, moved.splits_s, moved)
                for cost, moved in exchanges
                if (moved.split_s(number) - plan.split_s(number)) * sign > 0
            ]
            if not found:
                side[number] = None
                continue
            _, _, moved = min(found, key=lambda item: item[:2])
            if moved not in told:
                told[moved] = pricing.of(moved)
            side[number] = told[moved]
    return SignalSeconds(
        name, pricing.of(_turned(plan, 1)), pricing.of(_turned(plan, -1)), more, less
    )


def exchanged(
    trials: GroupTrials, choice: Choice, cost: SecondCost, most_s: int
) -> tuple[tuple[int, float], ...]:
    """Return what it costs to repeat an exchange of seconds.

    Parameters
    ----------
    trials, choice
        As for `seconds_of`.
    cost
        The exchange.
    most_s
        Seconds to go at most.

    Returns
    -------
    tuple of (int, float)
        Seconds moved and the cost more than now, vehicle-seconds in an hour; as far as lawful.
    """
    plan = trials.plans[choice.signal.signal_id]
    base = trials.cost()
    found = []
    for times in range(1, most_s + 1):
        splits = tuple(
            split_s + times * cost.seconds.get(number, 0)
            for number, split_s in zip(plan.sequence, plan.splits_s, strict=True)
        )
        moved = replace(plan, splits_s=splits)
        short = any(
            split_s < choice.phasing.phase(number).min_split_s
            for number, split_s in zip(plan.sequence, splits, strict=True)
        )
        if short or not choice.lawful(moved):
            break
        found.append((times, (trials.trial([moved]) - base) * SECONDS_PER_HOUR))
    return tuple(found)


class _Pricing:
    """Tells what a changed plan costs, and where."""

    def __init__(
        self,
        trials: GroupTrials,
        plan: TimingPlan,
        base: Floats,
        hourly: HourlyModel | None,
        ample: GroupTrials | None,
    ) -> None:
        self._ample = ample
        self._ample_cost = ample.cost() if ample is not None else 0.0
        self._trials = trials
        self._plan = plan
        self._base = base
        self._hourly = hourly

    def of(self, moved: TimingPlan) -> SecondCost:
        change = (self._trials.trial_lanes([moved]) - self._base) * SECONDS_PER_HOUR
        total = float(change.sum())
        seconds = {
            number: moved.split_s(number) - self._plan.split_s(number)
            for number in self._plan.sequence
            if moved.split_s(number) != self._plan.split_s(number)
        }
        return SecondCost(
            moved,
            seconds,
            total,
            total / SECONDS_PER_HOUR / max(self._trials.volume_vps, 1e-12),
            self._hourly.change(moved) if self._hourly else None,
            self._with_margin(moved),
            self._lane(change, int(np.argmax(change)), 1.0),
            self._lane(change, int(np.argmin(change)), -1.0),
        )

    def _with_margin(self, moved: TimingPlan) -> float | None:
        if self._ample is None:
            return None
        return (self._ample.trial([moved]) - self._ample_cost) * SECONDS_PER_HOUR

    def _lane(self, change: Floats, row: int, sign: float) -> LaneChange | None:
        if sign * change[row] < LEAST_TOLD_VEH_S:
            return None
        street, lane = self._trials.street, self._trials.group.lane_of(row)
        link = street.approach_names[int(street.lane_approach[lane])]
        return LaneChange(street.lane_names[lane], link, float(change[row]))


def _turned(plan: TimingPlan, seconds: int) -> TimingPlan:
    return replace(plan, offset_s=(plan.offset_s + seconds) % plan.cycle_s)
