"""Programs as arrays: the same splits and the same seconds as the plain way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measures.cyclic import CyclicTables
from engine.measures.cyclic_group import cyclic_group
from engine.measures.cyclic_service import way_service
from engine.measures.street import Driving, Street, build_street
from engine.optimize.isolated import IsolatedSignal
from engine.optimize.problem import Limits, choices
from engine.optimize.programs import Program, SignalPrograms
from engine.optimize.splits import allocate
from network.errors import InsufficientDataError
from network.graph import RoadNetwork, Signal
from tests.reference.toy_streets import PROTECTED_LEFTS, crossroads
from tests.strategies import network_of, signals

LIMITS = Limits(longest_cycle_s=180, cycle_step_s=30)


def flowing(
    network: RoadNetwork, seed: int, driving: Driving | None = None, most_vph: float = 400.0
) -> Street:
    rng = np.random.default_rng(seed)
    flows = {name: rng.uniform(20.0, most_vph, size=1) for name in network.movements}
    return build_street(network, flows, 900, driving)


@settings(max_examples=60, deadline=None)
@given(signals(), st.integers(0, 10**6), st.integers(0, 60))
def test_splits_and_seconds_are_those_of_the_plain_way(
    signal: Signal, seed: int, spare_s: int
) -> None:
    network = network_of(signal)
    found = choices(network, LIMITS)
    if not found:
        return
    choice = found["X"]
    driving = Driving(start_loss_s=seed % 3, end_gain_s=seed // 3 % 3)
    street = flowing(network, seed, driving)
    group = cyclic_group(street, ["X"])
    programs = SignalPrograms(choice, street, group.ways.tolist())
    sequence = choice.sequences[seed % len(choice.sequences)]
    cycle_s = choice.least_cycle_s(sequence) + spare_s
    want = allocate(choice, sequence, cycle_s, street)
    got = programs.allocated(sequence, cycle_s)
    assert (got is None) == (want is None)
    if got is None or want is None:
        return
    assert got.splits_s == want.splits_s
    assert (programs.shown(got, cycle_s) == way_service(group, network, want, cycle_s)).all()
    twice = programs.shown(got, 2 * cycle_s)
    assert (twice[:, :cycle_s] == twice[:, cycle_s:]).all()


def test_programs_of_any_sequence_and_cycle_are_shown_as_one_by_one() -> None:
    network = crossroads(1, pocket_m=50.0, phasing=PROTECTED_LEFTS)
    street = flowing(network, 1)
    choice = choices(network, Limits())["A"]
    programs = SignalPrograms(choice, street, cyclic_group(street, ["A"]).ways.tolist())
    mixed = [
        program
        for cycle_s in (120, 60, 120)
        for sequence in choice.sequences
        if (program := programs.allocated(sequence, cycle_s)) is not None
    ]
    together = programs.shown_each(mixed, 120)
    assert len({(program.sequence, program.cycle_s) for program in mixed}) > 1
    assert (together == [programs.shown(program, 120) for program in mixed]).all()


@settings(max_examples=30, deadline=None)
@given(signals(), st.integers(0, 400))
def test_plan_begins_when_it_is_told_to(signal: Signal, begin_s: int) -> None:
    network = network_of(signal)
    found = choices(network, LIMITS)
    if not found:
        return
    choice = found["X"]
    street = flowing(network, 1)
    programs = SignalPrograms(choice, street, cyclic_group(street, ["X"]).ways.tolist())
    sequence = choice.sequences[0]
    program = programs.allocated(sequence, choice.least_cycle_s(sequence))
    if program is not None:
        plan = programs.plan(program, begin_s)
        assert plan.begin_s(choice.phasing) == begin_s % program.cycle_s


@pytest.mark.parametrize("seed", range(4))
def test_programs_of_a_signal_alone_cost_what_its_steady_cycle_costs(seed: int) -> None:
    network = crossroads(1, pocket_m=50.0, phasing=PROTECTED_LEFTS)
    street = flowing(network, seed, most_vph=150.0)
    isolated = IsolatedSignal(street, choices(network, Limits())["A"], Limits())
    best = isolated.candidates(70)
    programs = [candidate.program for candidate in best]
    tables = CyclicTables(cyclic_group(street, ["A"]), network, 70)
    for candidate, again in zip(best, isolated.costs(programs), strict=True):
        tables.set(candidate.plan)
        assert candidate.cost == pytest.approx(tables.cost(), rel=5e-4)
        assert again == pytest.approx(candidate.cost, rel=1e-6)
    assert best[0].cost <= isolated.roughly(70).cost * (1 + 1e-9)


def test_moved_seconds_keep_the_cycle_and_the_least_splits() -> None:
    network = crossroads(1, phasing=PROTECTED_LEFTS)
    street = flowing(network, 1)
    choice = choices(network, Limits())["A"]
    programs = SignalPrograms(choice, street, cyclic_group(street, ["A"]).ways.tolist())
    start = Program((1, 2, 3), (40, 30, 10), 80)
    moved = programs.moved(start, (1, 4))
    assert moved
    for program in moved:
        assert sum(program.splits_s) == 80
        for number, split in zip(program.sequence, program.splits_s, strict=True):
            assert split >= choice.phasing.phase(number).min_split_s


def test_signal_that_nobody_uses_cannot_be_studied() -> None:
    network = crossroads(2, 2000.0)
    flows = {m: np.array([100.0 if "0" in m.split(">")[0] else 0.0]) for m in network.movements}
    street = build_street(network, flows, 900)
    with pytest.raises(InsufficientDataError, match="'B'"):
        IsolatedSignal(street, choices(network, Limits())["B"], Limits())
