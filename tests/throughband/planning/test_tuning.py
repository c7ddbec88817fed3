"""Tuning by hand: what a trial says is what the optimizer's own model says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures import cyclic_arrays as columns
from engine.measures import cyclic_kernels as kernels
from engine.measures.bandwidth import corridor_bands
from engine.measures.cyclic import CyclicTables, cost_weights
from engine.measures.cyclic_group import cyclic_group
from engine.measures.hcm_terms import level_of_service
from network.errors import PlanError, UnsafePlanError
from network.timing import CoordinationGroup, PlanSet, TimingPlan
from tests.engine.explained_streets import demand_of, plans_of, row
from throughband.planning.tuning import Tuning
from throughband.planning.tuning_moves import Move

NETWORK = row(3)
PLANS = plans_of(NETWORK)
STREET = demand_of(NETWORK).street(NETWORK)
PLAN_SET = PlanSet(NETWORK.name, tuple(PLANS.values()), {})


def tuning(plans: PlanSet = PLAN_SET, **changes: object) -> Tuning:
    return Tuning(NETWORK, STREET, plans, **changes)  # type: ignore[arg-type]


OPENED = tuning()


def delay_of(plans: dict[str, TimingPlan], column: int) -> float:
    """What the cyclic model's own cost makes of delay or stops alone, per second."""
    group = cyclic_group(STREET, sorted(plans))
    tables = CyclicTables(group, NETWORK, 80)
    for plan in plans.values():
        tables.set(plan)
    weights = np.zeros_like(cost_weights(group))
    weights[:, columns.PERIOD_S] = STREET.horizon_s
    weights[:, column] = 1.0
    return float(kernels.total_cost(tables.solve(), 80, weights))


@given(st.sampled_from("ABC"), st.integers(0, 79))
@settings(max_examples=25, deadline=None)
def test_a_trial_predicts_what_the_optimizers_model_says_of_the_moved_plans(
    name: str, offset_s: int
) -> None:
    trial = OPENED.trial([Move(name, offset_s)])
    plans = {**PLANS, name: replace(PLANS[name], offset_s=offset_s)}
    assert trial.total.now is not None
    volume_vps = float(STREET.lane_volume_vps.sum())
    delay_s = delay_of(plans, columns.DELAY) / volume_vps
    assert trial.total.now.delay_s == pytest.approx(delay_s, rel=1e-6)
    stops = delay_of(plans, columns.STOP_S) / volume_vps
    assert trial.total.now.stops == pytest.approx(stops, rel=1e-6)


def test_moves_are_tried_within_the_groups_that_the_plans_tell() -> None:
    grouped = tuning(replace(PLAN_SET, groups=(CoordinationGroup(80, ("B", "C")),)))
    assert grouped.trial([Move("A", 7)]).signals == ("A",)
    assert grouped.trial([Move("B", 7)]).signals == ("B", "C")


@given(st.sampled_from("ABC"), st.integers(0, 79))
@settings(max_examples=15, deadline=None)
def test_approaches_and_movements_each_add_up_to_the_total(name: str, offset_s: int) -> None:
    trial = OPENED.trial([Move(name, offset_s)])
    whole = trial.total
    for rows in (trial.approaches, trial.movements):
        volume_vph = sum(found.volume_vph for found in rows)
        assert volume_vph == pytest.approx(whole.volume_vph, rel=1e-6)
        for pick in ("delay_s", "stops"):
            parts = sum(found.volume_vph * getattr(found.now, pick) for found in rows)
            assert parts / volume_vph == pytest.approx(getattr(whole.now, pick), rel=1e-4)


def test_offsets_of_all_signals_turned_alike_change_nothing() -> None:
    moves = [Move(name, (plan.offset_s + 13) % 80) for name, plan in PLANS.items()]
    total = OPENED.trial(moves).total
    assert total.now is not None
    assert total.now.delay_s == pytest.approx(total.before.delay_s, rel=1e-9)


def test_a_trial_leaves_the_plans_as_they_were() -> None:
    first = OPENED.trial([Move("B", 3)])
    OPENED.trial([Move("A", 41), Move("C", 7, {1: 42, 2: 23})])
    assert OPENED.trial([Move("B", 3)]) == first
    assert OPENED.plan_set is PLAN_SET


def test_the_plans_in_force_are_told_beside_those_in_preparation() -> None:
    prepared = PlanSet(NETWORK.name, tuple(replace(p, offset_s=0) for p in PLANS.values()), {})
    opened = tuning(prepared, in_force=PLANS)
    back = opened.trial([Move(name, plan.offset_s) for name, plan in PLANS.items()])
    assert back.total.now == back.total.in_force
    assert back.total.now != back.total.before
    for band in back.bands:
        assert band.now == band.in_force


def test_plans_in_force_of_other_cycles_are_compared_all_the_same() -> None:
    slow = TimingPlan("B", 110, (1, 2, 3), (60, 30, 20), 0, 1)
    trial = tuning(in_force={**PLANS, "B": slow}).trial([Move("A", 1)])
    assert trial.total.in_force is not None
    assert trial.total.in_force != trial.total.before


def test_rows_of_a_signal_without_a_known_plan_in_force_have_none() -> None:
    known = {name: plan for name, plan in PLANS.items() if name != "B"}
    trial = tuning(in_force=known).trial([Move("A", 1)])
    assert {r.signal_id for r in trial.approaches if r.in_force is None} == {"B"}
    assert trial.total.in_force is None


def test_bands_are_those_of_the_moved_plans_in_both_directions() -> None:
    trial = OPENED.trial([Move("B", 9)])
    plans = {**PLANS, "B": replace(PLANS["B"], offset_s=9)}
    assert trial.bands
    for band in trial.bands:
        assert band.now == corridor_bands(OPENED.corridors[band.corridor], plans, NETWORK)
        assert band.before == corridor_bands(OPENED.corridors[band.corridor], PLANS, NETWORK)
    assert any(band.now and band.now.inbound for band in trial.bands)


def test_level_of_service_follows_control_delay_and_f_an_overfull_movement() -> None:
    crowded = demand_of(NETWORK, level=3.0).street(NETWORK)
    trial = Tuning(NETWORK, crowded, PLAN_SET).trial([Move("A", 0)])
    levels = [found.now for found in trial.movements if found.now is not None]
    assert any(level.saturation > 1.0 for level in levels)
    for level in levels:
        assert level.level_of_service == level_of_service(level.delay_s, level.saturation)
    for found in trial.approaches:
        assert found.now is not None
        assert found.now.level_of_service == level_of_service(found.now.delay_s)


def test_an_unlawful_move_is_refused_with_reasons_and_without_prediction() -> None:
    trial = OPENED.trial([Move("B", splits_s={3: 2, 1: 53})])
    assert not trial.lawful
    assert any("'B'" in reason for reason in trial.refusals)
    assert trial.total.now is None
    assert trial.movements[0].now is None
    assert all(band.now is None for band in trial.bands)
    assert trial.total.before.delay_s > 0


@pytest.mark.parametrize("offset_s", [-1, 80, 1000])
def test_an_offset_outside_the_cycle_is_refused(offset_s: int) -> None:
    trial = OPENED.trial([Move("B", offset_s)])
    assert any("offset" in reason for reason in trial.refusals)


def test_splits_that_do_not_fill_the_cycle_are_refused() -> None:
    assert not OPENED.trial([Move("B", splits_s={1: 41})]).lawful


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        ([], "none"),
        ([Move("B", 1), Move("B", 2)], "twice"),
        ([Move("Z", 1)], "'Z'"),
        ([Move("B", splits_s={9: 10})], "phase 9"),
        ([Move("B", 1.5)], "whole number"),  # type: ignore[arg-type]
    ],
)
def test_moves_that_make_no_sense_are_named(moves: list[Move], told: str) -> None:
    with pytest.raises(PlanError, match=told):
        OPENED.trial(moves)


def test_a_draft_holds_the_moved_plans_and_all_others() -> None:
    drafted = OPENED.draft([Move("A", 5), Move("B", splits_s={1: 38, 2: 27})])
    assert drafted.plan("A") == replace(PLANS["A"], offset_s=5)
    assert drafted.plan("B") == replace(PLANS["B"], splits_s=(38, 27, 15))
    assert drafted.plan("C") == PLANS["C"]
    assert drafted.digest != PLAN_SET.digest


def test_a_draft_that_is_unlawful_is_not_made() -> None:
    with pytest.raises(UnsafePlanError):
        OPENED.draft([Move("A", 80)])


def test_signals_left_alone_cannot_be_tuned_and_say_why() -> None:
    kept = PlanSet(NETWORK.name, (PLANS["A"], PLANS["B"]), {"C": "hands off"})
    with pytest.raises(PlanError, match="hands off"):
        tuning(kept).trial([Move("C", 1)])
