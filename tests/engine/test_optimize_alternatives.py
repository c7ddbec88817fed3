"""Other sequences, other cycles, and streets that are not as they were told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.cyclic import cyclic_cost
from engine.optimize.alternatives import cycles_around, next_sequence, stretched
from engine.optimize.locks import Hold
from engine.optimize.problem import Limits
from engine.optimize.regret import CLOCKS, SPEEDS, VOLUMES, refit_gain, regrets
from engine.optimize.trials import GroupTrials
from network.safety import check
from tests.engine.explained_streets import (
    WALKING,
    choices_of,
    demand_of,
    plans_of,
    row,
    trials_of,
    two_rings,
)


def test_the_next_sequence_is_lawful_another_one_and_costs_what_it_says() -> None:
    network = row(2)
    trials, able = trials_of(network), choices_of(network)
    before = dict(trials.plans)
    found = next_sequence(trials, able["B"])
    assert found is not None
    assert found.plan.sequence != before["B"].sequence
    assert check(found.plan, network.signals["B"]) == ()
    street, plans = trials.street, {**before, "B": found.plan}
    change = cyclic_cost(street, network, plans, ("A", "B")) - trials.cost()
    assert found.veh_s_per_h == pytest.approx(change * 3600.0, abs=1e-3)
    assert found.s_per_veh == pytest.approx(change / trials.volume_vps, abs=1e-6)
    assert trials.plans == before


def test_no_other_sequence_is_cheaper_at_any_offset_than_the_one_told() -> None:
    network = two_rings()
    flows = {name: np.array([120.0 + 30.0 * at]) for at, name in enumerate(network.movements)}
    street = replace(demand_of(network), movement_vph=flows).street(network)
    trials = GroupTrials(street, network, plans_of(network))
    choice = choices_of(network)["X"]
    found = next_sequence(trials, choice)
    assert found is not None
    assert found.tried == len(choice.sequences) - 1
    for sequence in choice.sequences:
        plan = trials.plans["X"]
        if sequence == plan.sequence or set(sequence) != set(plan.sequence):
            continue
        same = replace(plan, sequence=sequence, splits_s=tuple(map(plan.split_s, sequence)))
        if choice.lawful(same):
            assert (trials.trial([same]) - trials.cost()) * 3600.0 >= found.veh_s_per_h - 1e-3


def test_a_signal_without_another_sequence_has_none() -> None:
    network = row(1, phasing=WALKING)
    hold = Hold("A", sequence=(1, 2, 3))
    choice = replace(choices_of(network)["A"], sequences=((1, 2, 3),), hold=hold)
    assert next_sequence(trials_of(network), choice) is None


@pytest.mark.parametrize("cycle_s", [52, 60, 77, 95, 120])
def test_a_stretched_plan_keeps_shares_and_minimums(cycle_s: int) -> None:
    network = row(1, phasing=WALKING)
    plan, choice = plans_of(network)["A"], choices_of(network)["A"]
    found = stretched(choice, plan, cycle_s)
    assert found is not None
    assert check(found, network.signals["A"]) == ()
    assert sum(found.splits_s) == found.cycle_s == cycle_s
    least = [choice.phasing.phase(n).min_split_s for n in plan.sequence]
    if all(s * cycle_s / 80 > m + 1 for s, m in zip(plan.splits_s, least, strict=True)):
        shares = [s * cycle_s / 80 for s in plan.splits_s]
        assert found.splits_s == pytest.approx(shares, abs=1.0)


def test_cycles_around_are_refitted_and_the_plateau_is_within_one_per_cent() -> None:
    network = row(2)
    trials, able = trials_of(network), choices_of(network)
    before, cost = dict(trials.plans), trials.cost()
    found = cycles_around(trials, able, network, Limits())
    tried = {c.cycle_s: c.s_per_veh for c in found.tried}
    assert list(tried) == [60, 65, 70, 75, 80, 85, 90, 95, 100]
    # Refitting the present cycle never makes it dearer.
    assert tried[80] <= cost / trials.volume_vps + 1e-9
    best = min(tried.values())
    low, high = found.plateau_s
    assert low <= found.best_s <= high
    for cycle_s, value in tried.items():
        if low <= cycle_s <= high:
            assert value <= best * 1.01
    assert trials.plans == before
    assert trials.cost() == pytest.approx(cost)


def test_a_cycle_that_cannot_hold_its_pedestrians_names_the_signal_and_the_seconds() -> None:
    network = row(1, phasing=WALKING)
    plan = replace(plans_of(network)["A"], cycle_s=45, splits_s=(14, 22, 9), offset_s=0)
    trials = GroupTrials(trials_of(network).street, network, {"A": plan})
    found = cycles_around(trials, choices_of(network), network, Limits())
    # 9 s, 22 s and 9 s at the least.
    assert found.too_short_s == {"A": 5}
    assert min(c.cycle_s for c in found.tried) == 40


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6))
def test_regret_is_never_negative(seed: int) -> None:
    network = row(2, seed=seed)
    demand, able = demand_of(network, seed), choices_of(network)
    trials = GroupTrials(demand.street(network), network, plans_of(network))
    trials.descend(able, 100)
    found = regrets(network, demand, dict(trials.plans), able, seed, draws=2)
    assert [lost.error for lost in found] == [VOLUMES, CLOCKS, SPEEDS]
    for lost in found:
        assert -1e-9 <= lost.mean_pct <= lost.worst_pct
        assert lost.mean_s_per_veh >= -1e-9
    assert refit_gain(trials, able) == pytest.approx(0.0, abs=1e-5)


def test_a_plan_that_fits_nobody_regrets_more_than_one_that_fits() -> None:
    network = row(2)
    demand, able = demand_of(network), choices_of(network)
    trials = GroupTrials(demand.street(network), network, plans_of(network))
    poor = regrets(network, demand, plans_of(network), able, 1, draws=2)
    trials.descend(able, 10)
    fitted = regrets(network, demand, dict(trials.plans), able, 1, draws=2)
    for worse, better in zip(poor, fitted, strict=True):
        assert worse.mean_pct > better.mean_pct + 1.0


def test_equal_seeds_draw_equal_streets_and_others_do_not() -> None:
    network = row(2)
    demand, able, plans = demand_of(network), choices_of(network), plans_of(network)
    first, again, other = (regrets(network, demand, plans, able, s, draws=2) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_clocks_that_are_off_by_hand_cost_what_the_regret_says() -> None:
    network = row(2)
    demand, able = demand_of(network), choices_of(network)
    trials = GroupTrials(demand.street(network), network, plans_of(network))
    trials.descend(able, 10)
    plans, best = dict(trials.plans), trials.cost()
    (lost,) = (r for r in regrets(network, demand, plans, able, 3, draws=40) if r.error == CLOCKS)
    all_off = [
        100.0 * (trials.trial([replace(p, offset_s=(p.offset_s + late) % p.cycle_s)
                               for p, late in zip(plans.values(), (a, b), strict=True)]) / best - 1)
        for a in range(-2, 3) for b in range(-2, 3)
    ]  # fmt: skip
    assert lost.mean_pct == pytest.approx(float(np.mean(all_off)), abs=0.35 * max(all_off))
    assert min(abs(lost.worst_pct - value) for value in all_off) < 1e-3
