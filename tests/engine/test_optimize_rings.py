"""Splits and orders of phases under rings and barriers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.safety.drawn import lawful_plan, ring_signal, stage_signal
from engine.optimize.problem import Limits, choices
from engine.optimize.rings import filled, least_cycle_s, moves, orders, subsets
from network.graph import Signal
from network.safety import check
from network.timeline import watch
from network.timing import TimingPlan
from tests.strategies import network_of

MANY = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


def drawn(seed: int, rings: bool) -> tuple[Signal, TimingPlan]:
    rng = np.random.default_rng(seed)
    signal = ring_signal(rng) if rings else stage_signal(rng)
    return signal, lawful_plan(rng, signal)


@MANY
@given(st.integers(0, 10**6), st.booleans(), st.integers(0, 40))
def test_a_filled_cycle_meets_every_barrier_and_minimum(
    seed: int, rings: bool, more_s: int
) -> None:
    signal, plan = drawn(seed, rings)
    assert signal.phasing is not None
    cycle_s = least_cycle_s(signal.phasing, plan.sequence) + more_s
    splits = filled(
        signal.phasing, plan.sequence, cycle_s, lambda now: {n: 1.0 / s for n, s in now.items()}
    )
    assert splits is not None
    listed = tuple(splits[n] for n in plan.sequence)
    made = TimingPlan("X", cycle_s, plan.sequence, listed, 0, plan.sequence[0])
    assert check(made, signal) == ()


@MANY
@given(st.integers(0, 10**6), st.booleans())
def test_a_cycle_below_the_least_cannot_be_filled(seed: int, rings: bool) -> None:
    signal, plan = drawn(seed, rings)
    assert signal.phasing is not None
    cycle_s = least_cycle_s(signal.phasing, plan.sequence) - 1
    assert filled(signal.phasing, plan.sequence, cycle_s, dict) is None


@MANY
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([1, 2, 4]))
def test_moved_seconds_keep_the_cycle_and_both_checkers_content(
    seed: int, rings: bool, step_s: int
) -> None:
    signal, plan = drawn(seed, rings)
    assert signal.phasing is not None
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    for moved in moves(signal.phasing, plan.sequence, splits, step_s):
        candidate = TimingPlan(
            "X", plan.cycle_s, plan.sequence, tuple(moved[n] for n in plan.sequence), 0,
            plan.sequence[0],
        )  # fmt: skip
        assert moved != splits
        assert check(candidate, signal) == ()
        assert watch(candidate, signal) == ()


def test_a_stage_program_keeps_its_order_and_moves_between_any_two_stages() -> None:
    signal, plan = drawn(3, rings=False)
    assert signal.phasing is not None
    assert list(orders(signal.phasing, plan.sequence)) == [plan.sequence]
    splits = dict.fromkeys(plan.sequence, 100)
    count = len(plan.sequence)
    found = list(moves(signal.phasing, plan.sequence, splits, 1))
    assert len(found) == count * (count - 1)


def eight_phases() -> tuple[Signal, TimingPlan]:
    for seed in range(100):
        signal, plan = drawn(seed, rings=True)
        if len(plan.sequence) == 8:
            return signal, plan
    pytest.fail("no eight-phase signal was drawn")


def test_left_turns_lead_or_lag_on_each_side_of_each_barrier() -> None:
    signal, plan = eight_phases()
    assert signal.phasing is not None
    found = list(orders(signal.phasing, plan.sequence))
    assert found[0] == plan.sequence
    assert len(set(found)) == 16


def test_only_phases_that_others_serve_as_well_are_left_out() -> None:
    signal, plan = eight_phases()
    assert signal.phasing is not None
    served = {g for n in plan.sequence for g in range(8) if signal.phasing.phase(n).serves(g)}
    for kept in subsets(signal.phasing, plan.sequence):
        assert {g for n in kept for g in range(8) if signal.phasing.phase(n).serves(g)} == served


def test_every_choice_at_an_eight_phase_signal_is_lawful() -> None:
    signal, plan = eight_phases()
    from benchmarks.safety.drawn import in_force

    standing = in_force(signal, plan)
    choice = choices(network_of(standing), Limits())["X"]
    assert choice.sequences[0] == plan.sequence
    assert len(choice.sequences) > 1
