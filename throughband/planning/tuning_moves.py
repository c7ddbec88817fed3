"""Moves of plans by hand: an offset or splits of one signal, and whether the result is lawful."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from network.errors import PlanError, UnsafePlanError
from network.graph import RoadNetwork
from network.safety import FAILURES, SignalRules
from network.timeline import Watcher
from network.timing import PlanSet, TimingPlan


@dataclass(frozen=True, slots=True)
class Move:
    """A change of one signal's plan.

    Attributes
    ----------
    signal_id
        The signal.
    offset_s
        Its new offset, s; None leaves it.
    splits_s
        New splits of some phases, s, clearance included; those not named stay.
    """

    signal_id: str
    offset_s: int | None = None
    splits_s: Mapping[int, int] = field(default_factory=dict)


def moved(plan: TimingPlan, move: Move) -> TimingPlan:
    """Return a plan with a move made; whether that is lawful is asked elsewhere.

    Raises
    ------
    PlanError
        If the move changes nothing that can be changed, or names a phase that the plan leaves out.
    """
    strange = sorted(set(move.splits_s) - set(plan.sequence))
    if strange:
        raise PlanError(
            f"signal {plan.signal_id!r}: split of phase {strange[0]}; allowed are the phases of "
            f"its plan, {', '.join(map(str, plan.sequence))}"
        )
    splits_s = tuple(
        move.splits_s.get(number, split_s)
        for number, split_s in zip(plan.sequence, plan.splits_s, strict=True)
    )
    offset_s = plan.offset_s if move.offset_s is None else move.offset_s
    return replace(plan, offset_s=offset_s, splits_s=splits_s)


def drafted(network: RoadNetwork, plan_set: PlanSet, moves: Iterable[Move]) -> PlanSet:
    """Return a set of plans with moves made in it; no traffic needs to be known for that.

    Parameters
    ----------
    network
        The roads.
    plan_set
        The plans in preparation; not changed.
    moves
        Of one coordination group or of several.

    Raises
    ------
    PlanError
        If two are of one signal, or one names what the plans have not.
    UnsafePlanError
        If the moved plans are not lawful, with every reason.
    """
    found = moved_plans(plan_set, moves)
    refusals = refusals_of(network, found.values(), {})
    if refusals:
        raise UnsafePlanError(refusals)
    plans = tuple(found.get(plan.signal_id, plan) for plan in plan_set.plans)
    return replace(plan_set, plans=plans, left_alone=dict(plan_set.left_alone))


def moved_plans(plan_set: PlanSet, moves: Iterable[Move]) -> dict[str, TimingPlan]:
    """Return the plans that moves make, by signal.

    Raises
    ------
    PlanError
        If two are of one signal, or one names what the plans have not.
    """
    found: dict[str, TimingPlan] = {}
    for move in moves:
        plan = plan_set.plan(move.signal_id)
        if plan is None:
            raise cannot_be_tuned(plan_set, move.signal_id)
        if move.signal_id in found:
            raise PlanError(f"signal {move.signal_id!r} is moved twice; allowed is once")
        found[move.signal_id] = moved(plan, move)
    return found


def cannot_be_tuned(plan_set: PlanSet, signal_id: str) -> PlanError:
    """Return the error that says why a signal's plan cannot be moved."""
    why = plan_set.left_alone.get(signal_id, "it is not among the plans")
    return PlanError(f"signal {signal_id!r} cannot be tuned: {why}")


def refusals_of(
    network: RoadNetwork,
    plans: Iterable[TimingPlan],
    judges: dict[str, tuple[SignalRules, Watcher]],
) -> tuple[str, ...]:
    """Return why plans are not lawful; judges of signals are kept for the next time."""
    broken: list[str] = []
    for plan in plans:
        name = plan.signal_id
        if name not in judges:
            if name not in network.signals:
                raise PlanError(f"signal {name!r} is not one of the network")
            signal = network.signals[name]
            judges[name] = SignalRules(signal), Watcher(signal)
        rules, watcher = judges[name]
        for judge in (rules.check, watcher.watch):
            try:
                broken += [found.text for found in judge(plan)]
            except FAILURES as error:
                broken.append(f"signal {name!r} cannot be judged ({error!r})")
    return tuple(dict.fromkeys(broken))
