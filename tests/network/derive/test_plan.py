"""Derived plans are lawful by construction: both checkers accept them everywhere."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.validate.sumo_process import run_process
from network.derive import DerivedSignal, Practice, derive_signal, derived_plan
from network.errors import PlanError
from network.graph import RoadNetwork, Signal
from network.readers.sumo_net import read_sumo_network
from network.timing import TimingPlan
from scenarios.builders import build
from scenarios.layout import arterial, grid
from scenarios.town import town
from tests.network import streets
from tests.network.derive.corners import FOUR, Lanes, corner, faults


def planned(
    network: RoadNetwork, signal: Signal, **options: object
) -> tuple[Signal, DerivedSignal, TimingPlan]:
    found = derive_signal(network, signal, **options)  # type: ignore[arg-type]
    plan = derived_plan(signal, found, options.get("movement_vph"))  # type: ignore[arg-type]
    bare = replace(signal, phasing=found.phasing, plan_in_force=None, left_alone="")
    return bare, found, plan


def require_lawful(network: RoadNetwork, signal: Signal, **options: object) -> None:
    bare, found, plan = planned(network, signal, **options)
    assert faults(bare, plan) == []
    width = found.phasing.group_count
    served = {g for p in found.phasing.phases for g in range(width) if p.serves(g)}
    assert served >= {group for c in signal.connections for group in c.groups}


LANES: tuple[Lanes, ...] = (
    ("rsl",),
    ("rs", "l"),
    ("rs", "sl"),
    ("r", "s", "l"),
    ("rs", "s", "l", "l"),
    ("rsl", "l"),
    ("rs", "s", "tl"),
    ("rl",),
    ("r", "l"),
)


@st.composite
def corners(draw: st.DrawFn) -> tuple[RoadNetwork, Signal]:
    """Draw an intersection of two to six legs at odd angles."""
    count = draw(st.integers(2, 6))
    bearings = [360.0 * i / count + draw(st.integers(-20, 20)) for i in range(count)]
    legs = {b: draw(st.sampled_from([*LANES, None])) for b in bearings}
    exits = [b for b in bearings if legs[b] is None or draw(st.integers(0, 4))]
    speeds = {b: draw(st.sampled_from([8.3, 13.9, 17.0, 22.0])) for b in bearings}
    network, signal = corner(legs, exits=exits, speed_mps=speeds)
    assume(signal.connections)
    return network, signal


@settings(max_examples=250, deadline=None)
@given(corners(), st.data())
def test_derived_plans_of_odd_intersections_are_accepted_by_both(
    case: tuple[RoadNetwork, Signal], data: st.DataObject
) -> None:
    network, signal = case
    flows = data.draw(
        st.none()
        | st.fixed_dictionaries({m.movement_id: st.floats(0, 2500) for m in signal.movements})
    )
    practice = Practice(pedestrians=data.draw(st.booleans()))
    require_lawful(network, signal, movement_vph=flows, practice=practice)


@pytest.mark.parametrize("pedestrians", [True, False])
@pytest.mark.parametrize("name", streets.ALL)
def test_derived_plans_of_real_signals_are_accepted_by_both(name: str, pedestrians: bool) -> None:
    network = streets.network(name)
    practice = Practice(pedestrians=pedestrians)
    judged = 0
    for signal in network.signals.values():
        if signal.movements:
            require_lawful(network, signal, practice=practice)
            judged += 1
    assert judged


def test_no_yielding_left_is_trapped_where_no_street_crosses() -> None:
    """Once phase 6 rested through the whole cycle while the left turns against it ended."""
    legs = {0.0: None, 89.0: ("rs", "l"), 177.0: None, 269.0: ("rsl",)}
    network, signal = corner(legs, speed_mps={269.0: 22.0})
    require_lawful(network, signal)
    reasons = derive_signal(network, signal).reasons
    assert any("no street crosses" in reason for reason in reasons)


def netconvert(command: Sequence[str], work: Path) -> str:
    return run_process(command, work, 120.0)


@pytest.mark.sumo
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", ["arterial", "grid", "town"])
def test_derived_plans_of_made_up_streets_are_accepted_by_both(
    kind: str, seed: int, tmp_path: Path
) -> None:
    layouts = {
        "arterial": lambda: arterial(5, seed),
        "grid": lambda: grid(3, 3, seed),
        "town": lambda: town(20, seed),
    }
    network = read_sumo_network(build(layouts[kind](), tmp_path, netconvert).net_file)
    for signal in network.signals.values():
        require_lawful(network, signal)


def test_the_rings_of_a_plan_meet_at_the_barriers() -> None:
    _, found, plan = planned(*corner(FOUR))
    splits = dict(zip(plan.sequence, plan.splits_s, strict=True))
    assert splits[1] + splits[2] == splits[5] + splits[6]
    assert splits[3] + splits[4] == splits[7] + splits[8]
    assert sum(splits[n] for n in (1, 2, 3, 4)) == plan.cycle_s
    for phase in found.phasing.phases:
        assert splits[phase.number] >= phase.min_split_s


def test_more_traffic_makes_a_longer_cycle_and_the_busy_phase_longer() -> None:
    network, signal = corner(FOUR)
    practice = Practice(pedestrians=False)
    quiet = {m.movement_id: 40.0 for m in signal.movements}
    busy = {**quiet, "in180>out0": 1900.0, "in0>out180": 1400.0}
    _, _, slow = planned(network, signal, movement_vph=busy, practice=practice)
    _, _, fast = planned(network, signal, movement_vph=quiet, practice=practice)
    assert slow.cycle_s > fast.cycle_s
    assert slow.split_s(2) > 1.5 * fast.split_s(2)


def test_oversaturation_gives_the_longest_cycle() -> None:
    network, signal = corner(FOUR)
    flows = {m.movement_id: 1500.0 for m in signal.movements}
    assert planned(network, signal, movement_vph=flows)[2].cycle_s == 120


@pytest.mark.parametrize("flow", [-1.0, float("nan"), float("inf")])
def test_impossible_flows_are_refused(flow: float) -> None:
    network, signal = corner(FOUR)
    found = derive_signal(network, signal)
    with pytest.raises(PlanError, match="in0>out180"):
        derived_plan(signal, found, {"in0>out180": flow})


def test_least_splits_beyond_any_cycle_are_refused() -> None:
    network, signal = corner(FOUR)
    found = derive_signal(network, signal, practice=Practice(lane_width_m=30.0))
    with pytest.raises(PlanError, match="255 s"):
        derived_plan(signal, found)


def test_a_derived_signal_travels_to_another_process() -> None:
    found = derive_signal(*corner(FOUR))
    assert pickle.loads(pickle.dumps(found)) == found
