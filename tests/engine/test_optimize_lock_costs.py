"""What locks cost, and how plans' reasons tell of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.optimize.explain import reasons
from engine.optimize.explanation import Question, explanation_of
from engine.optimize.lock_checks import locked
from engine.optimize.lock_costs import LockCost, lock_costs
from engine.optimize.locks import (
    CycleLock,
    Lock,
    OffsetLock,
    PlanLock,
    SequenceLock,
    SplitLock,
)
from engine.optimize.narrative import lock_sentences
from engine.optimize.optimizer import optimize
from engine.optimize.problem import Limits
from engine.optimize.trials import GroupTrials
from network.graph import RoadNetwork
from network.timing import TimingPlan
from tests.engine.explained_streets import choices_of, demand_of, flows_of, plans_of, row
from tests.reference.toy_streets import PLAIN

AT = "locks.toml, line 4"


def priced(network: RoadNetwork, locks: Sequence[Lock], fitted: bool = False) -> list[LockCost]:
    """Price locks of the plans in force, or of plans fitted before."""
    street = demand_of(network).street(network)
    trials = GroupTrials(street, network, plans_of(network))
    if fitted:
        trials.descend(choices_of(network), 10)
    limits = Limits(locks=locked(network, locks))
    return list(lock_costs(network, street, trials.plans, limits))


def test_a_split_that_is_locked_poorly_costs_what_freeing_it_saves() -> None:
    network = row(1)
    lock = SplitLock(AT, ("A",), 3, 15, 15)
    (cost,) = priced(network, [lock])
    assert cost.lock == lock
    street = demand_of(network).street(network)
    free, held = (GroupTrials(street, network, plans_of(network)) for _ in range(2))
    able = choices_of(network)
    from_free = free.descend(able, 10)
    found = [
        held.trial([TimingPlan("A", 80, (1, 2, 3), (g, 65 - g, 15), 0, 1)]) for g in range(9, 57)
    ]
    assert cost.veh_s_per_h == pytest.approx((min(found) - from_free) * 3600.0, rel=0.02)
    assert cost.veh_s_per_h > 1000


def test_a_lock_on_what_is_best_costs_nothing() -> None:
    network = row(2)
    locks: list[Lock] = [OffsetLock(AT, ("A",), False), SequenceLock(AT, ("B",), (1, 2, 3))]
    street = demand_of(network).street(network)
    trials = GroupTrials(street, network, plans_of(network))
    trials.descend(choices_of(network), 20)
    limits = Limits(locks=locked(network, locks[:1]))
    (cost,) = lock_costs(network, street, trials.plans, limits)
    assert cost.veh_s_per_h == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize(
    "lock",
    [
        PlanLock(AT, ("A",)),
        CycleLock(AT, ("A", "B"), 80),
        OffsetLock(AT, ("A", "B"), True),
        SequenceLock(AT, ("A", "B")),
        SplitLock(AT, ("A", "B"), 2, 25, 255),
    ],
)
def test_no_lock_ever_pays(lock: Lock) -> None:
    (cost,) = priced(row(2), [lock])
    assert cost.veh_s_per_h >= 0.0


def test_a_cycle_that_another_lock_holds_too_is_not_freed_by_one() -> None:
    locks = [CycleLock(AT, ("A",), 80), CycleLock("line 9", ("B",), 80)]
    assert [cost.veh_s_per_h for cost in priced(row(2), locks)] == [0.0, 0.0]
    (alone,) = priced(row(2), locks[:1])
    assert alone.veh_s_per_h > 0


def test_locks_are_told_with_their_price() -> None:
    network = row(2)
    lock = SplitLock(AT, ("A",), 3, 15, 15)
    locks = locked(network, [lock])
    assert list(lock_sentences("A", locks, [])) == [f"Locked: 15 s for phase 3 ({AT})."]
    assert list(lock_sentences("A", locks, [LockCost(lock, 0.0)])) == [
        f"Locked: 15 s for phase 3 ({AT}); it costs nothing."
    ]
    (told,) = lock_sentences("A", locks, [LockCost(lock, 720.0)])
    assert told.endswith("letting it go would save 12 min of waiting an hour.")
    assert list(lock_sentences("B", locks, [])) == []


def test_reasons_hold_seconds_and_locks() -> None:
    network = row(2)
    lock = SplitLock(AT, ("A",), 3, 20, 20)
    limits = Limits(effort=60, locks=locked(network, [lock]))
    done = optimize(network, flows_of(network), 900, 0, limits, PLAIN)
    plans = {plan.signal_id: plan for plan in done.plan_set.plans}
    worth = explanation_of(Question(network, done.street, 0, plans, limits))
    costs = lock_costs(network, done.street, plans, limits)
    told = reasons(
        network, done.street, done.plan_set, done.groups, done.in_force, done.planned,
        worth, limits.locks, costs,
    )  # fmt: skip
    assert told["A"][-1].startswith("Locked: 20 s for phase 3")
    assert any("are needed at the least" in sentence for sentence in told["B"])
    # The price of a second of the locked phase is told although it may not move.
    (a,) = (s for g in worth.groups for s in g.signals if s.signal_id == "A")
    assert a.seconds.less[3] is not None
    plain = reasons(network, done.street, done.plan_set, done.groups, done.in_force, done.planned)
    assert told["A"][: len(plain["A"])] == plain["A"]
