"""Groups refitted with their sequences staying: as good as the whole descent, and within limits."""

from __future__ import annotations

import numpy as np
import pytest

from engine.optimize.refit import refit
from engine.optimize.trials import GroupTrials
from network.safety import check
from tests.engine.explained_streets import choices_of, demand_of, plans_of, row, trials_of

ROUNDS = 2


def test_refits_save_what_the_descent_over_the_whole_group_saves() -> None:
    saved: dict[str, list[float]] = {"whole": [], "refit": []}
    for seed in range(1, 6):
        network = row(3, seed=seed)
        able = choices_of(network)
        for name in saved:
            trials = trials_of(network, seed)
            before = trials.cost()
            after = trials.descend(able, ROUNDS) if name == "whole" else refit(trials, able)
            assert after == pytest.approx(trials.cost(), rel=1e-12)
            saved[name].append(1.0 - after / before)
    assert np.mean(saved["refit"]) >= np.mean(saved["whole"])
    assert min(np.subtract(saved["refit"], saved["whole"])) > -0.002


def test_a_refit_keeps_sequences_cycles_and_the_law() -> None:
    network = row(3)
    trials = trials_of(network)
    before, plans = trials.cost(), dict(trials.plans)
    assert refit(trials, choices_of(network)) < before
    for name, plan in trials.plans.items():
        assert (plan.sequence, plan.cycle_s) == (plans[name].sequence, plans[name].cycle_s)
        assert plan.offset_reference is plans[name].offset_reference
        assert check(plan, network.signals[name]) == ()
    again = GroupTrials(trials.street, network, trials.plans)
    assert again.cost() == pytest.approx(trials.cost(), rel=1e-12)


def test_offsets_that_may_not_turn_stay() -> None:
    network = row(3)
    trials = trials_of(network)
    offsets = {name: plan.offset_s for name, plan in trials.plans.items()}
    refit(trials, choices_of(network), turned=["B"])
    for name in "AC":
        assert trials.plans[name].offset_s == offsets[name]
    assert trials.plans["B"].offset_s != offsets["B"]


def test_plans_that_are_fitted_already_are_left_as_they_are() -> None:
    network = row(3)
    demand = demand_of(network)
    trials = GroupTrials(demand.street(network), network, plans_of(network))
    for _ in range(6):
        cost = refit(trials, choices_of(network))
    plans = dict(trials.plans)
    assert refit(trials, choices_of(network)) == pytest.approx(cost, rel=1e-4)
    assert refit(trials, choices_of(network)) <= cost
    assert set(trials.plans) == set(plans)
