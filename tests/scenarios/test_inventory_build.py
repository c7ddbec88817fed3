"""From an inventory to a street one can simulate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.validate.sumo_process import run_process
from network.inventory import Inventory, Turn, TurnKind
from network.inventory_signals import Controller
from network.phasing import Interval
from network.readers.sumo_program import read_programs
from network.safety import check
from network.timeline import watch
from scenarios.inventory_build import (
    NET_NAME,
    PROGRAMS_NAME,
    ROUTES_NAME,
    BuiltStreet,
    build_inventory,
    warnings_of,
)
from tests.inventories import NEMA, arterial, phase, plan

pytestmark = pytest.mark.sumo
TENTHS = {1: 155, 2: 347, 3: 150, 4: 250, 5: 172, 6: 330, 7: 140, 8: 260}


def run(command: Sequence[str], work: Path) -> str:
    return run_process(command, work, 60.0)


def build(inventory: Inventory, folder: Path) -> BuiltStreet:
    return build_inventory(inventory, folder, run)


def _with_turns(inventory: Inventory, **values: object) -> Inventory:
    turns = tuple(
        replace(turn, **values) if turn.kind is TurnKind.RIGHT else turn  # type: ignore[arg-type]
        for turn in inventory.turns
    )
    return replace(inventory, turns=turns)


def test_phases_keep_the_numbers_rings_and_barriers_of_the_source(tmp_path: Path) -> None:
    built = build(arterial(), tmp_path)
    phasing = built.network.signals["c0"].phasing
    assert phasing is not None
    assert {p.number: (p.ring, p.barrier) for p in phasing.phases} == {
        number: place[:2] for number, place in NEMA.items()
    }


def test_a_plan_in_whole_seconds_is_in_force_exactly(tmp_path: Path) -> None:
    signal = build(arterial(), tmp_path).network.signals["c1"]
    plan_in_force = signal.plan_in_force
    assert plan_in_force is not None
    assert signal.exact
    assert (plan_in_force.cycle_s, plan_in_force.offset_s) == (90, 10)
    assert plan_in_force.splits_s == (15, 35, 15, 25, 17, 33, 14, 26)


def test_sumo_plays_the_tenths_of_the_source(tmp_path: Path) -> None:
    built = build(arterial(1, [plan(TENTHS, 545, cycle_ds=902)]), tmp_path)
    program = read_programs([tmp_path / PROGRAMS_NAME])["c0"]
    assert sum(picture.duration_ds for picture in program.pictures) == 902
    # phase 2 begins at 54.5 s, 15.5 s after the first barrier
    assert program.offset_s == pytest.approx(39.0)
    signal = built.network.signals["c0"]
    assert not signal.exact
    assert signal.plan_in_force is not None
    assert signal.plan_in_force.cycle_s == 90


def test_what_sumo_shows_is_what_the_phases_say(tmp_path: Path) -> None:
    built = build(arterial(), tmp_path)
    programs = read_programs([tmp_path / PROGRAMS_NAME])
    for name, signal in built.network.signals.items():
        assert signal.plan_in_force is not None
        assert signal.phasing is not None
        shown = [Interval(p.aspects, p.duration_ds) for p in programs[name].pictures]
        assert shown == list(signal.plan_in_force.intervals(signal.phasing))
        assert programs[name].offset_s == signal.plan_in_force.begin_s(signal.phasing)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_plan_in_force_is_lawful(tmp_path: Path, data: st.DataObject) -> None:
    halves = [data.draw(st.integers(320, 700), label="barrier") for _ in range(2)]
    splits = {}
    for first in (1, 3, 5, 7):
        half = halves[first % 4 // 2]
        splits[first] = data.draw(st.integers(125, half - 160), label=f"split {first}")
        splits[first + 1] = half - splits[first]
    walk = data.draw(st.sampled_from([None, 40, 70]))
    yellow_ds = data.draw(st.integers(30, 50))
    phases = tuple(
        phase(
            number,
            60,
            yellow_ds=yellow_ds,
            red_clear_ds=data.draw(st.integers(0, 25)),
            walk_ds=walk,
            ped_clear_ds=walk and data.draw(st.integers(10, 80)),
        )
        for number in NEMA
    )
    offset_ds = data.draw(st.integers(0, sum(halves) - 1))
    timing = replace(plan(splits, offset_ds, sum(halves)), phases=phases)
    built = build(arterial(1, [timing], counted=False), tmp_path)
    signal = built.network.signals["c0"]
    assert signal.plan_in_force is not None
    assert check(signal.plan_in_force, signal) == ()
    assert watch(signal.plan_in_force, signal) == ()


def test_several_nodes_of_one_controller_are_one_signal(tmp_path: Path) -> None:
    inventory = arterial()
    first = inventory.controllers[0]
    joint = Controller("both", ("c0", "c1"), first.plans)
    built = build(replace(inventory, controllers=(joint,)), tmp_path)
    assert list(built.network.signals) == ["both"]
    assert len(built.network.signals["both"].movements) == 24
    assert built.signals == {"both": "both"}


def test_a_right_turn_on_red_stops_first(tmp_path: Path) -> None:
    signal = build(arterial(1), tmp_path).network.signals["c0"]
    assert signal.phasing is not None
    right = [m for m in signal.movements if m.turn == "r"]
    shown = {
        p.aspects[c.groups[0]] for m in right for c in m.connections for p in signal.phasing.phases
    }
    assert shown == {"G", "s", "r"}


def test_right_on_red_is_not_taken_for_granted(tmp_path: Path) -> None:
    built = build(_with_turns(arterial(1), right_on_red=None), tmp_path)
    phasing = built.network.signals["c0"].phasing
    assert phasing is not None
    assert not any("s" in p.aspects for p in phasing.phases)
    assert any("right on red is not given" in finding for finding in built.findings)


def test_nobody_misses_the_yellow_for_a_turn_on_red_of_the_other_ring(tmp_path: Path) -> None:
    built = build(arterial(1), tmp_path)
    signal = built.network.signals["c0"]
    assert signal.plan_in_force is not None
    assert signal.phasing is not None
    cycle = signal.plan_in_force.intervals(signal.phasing)
    for before, after in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
        for was, becomes in zip(before.aspects, after.aspects, strict=True):
            assert (was, becomes) not in {("G", "s"), ("G", "r"), ("g", "s"), ("g", "r")}


def test_a_slip_lane_is_not_signalized(tmp_path: Path) -> None:
    built = build(_with_turns(arterial(1), channelized="yield"), tmp_path)
    assert {m.turn for m in built.network.signals["c0"].movements} == {"s", "l"}
    assert len(built.movements) == 12


def test_a_turn_without_a_phase_goes_with_its_neighbor(tmp_path: Path) -> None:
    built = build(_with_turns(arterial(1), protected_phases=(), right_on_red=False), tmp_path)
    signal = built.network.signals["c0"]
    assert signal.phasing is not None
    right = next(m for m in signal.movements if m.from_link == "w0_c0.2" and m.turn == "r")
    assert [
        p.number for p in signal.phasing.phases if p.serves(right.connections[0].groups[0])
    ] == [2]


def test_a_turn_that_never_gets_green_is_not_built(tmp_path: Path) -> None:
    inventory = arterial(1)
    bare: list[Turn] = [
        replace(turn, protected_phases=(), permitted_phases=())
        if turn.from_link == "n0>c0"
        else turn
        for turn in inventory.turns
    ]
    built = build(replace(inventory, turns=tuple(bare)), tmp_path)
    assert not any(m.startswith("n0_c0.2>") and m.endswith("s0") for m in built.movements.values())
    assert any("is not built" in finding for finding in built.findings)


def test_protected_ways_that_cross_yield_as_the_net_says(tmp_path: Path) -> None:
    inventory = arterial(1)
    # the west approach is served by phase 6 as well, which the east approach has too
    turns = tuple(
        replace(t, protected_phases=(6,), permitted_phases=())
        if t.from_link == "w0>c0" and t.kind is TurnKind.LEFT
        else t
        for t in inventory.turns
    )
    built = build(replace(inventory, turns=turns), tmp_path)
    signal = built.network.signals["c0"]
    assert signal.phasing is not None
    left = next(m for m in signal.movements if m.from_link == "w0_c0.2" and m.turn == "l")
    assert signal.phasing.phase(6).aspects[left.connections[0].groups[0]] == "g"
    assert any("they yield" in finding for finding in built.findings)


def test_a_controller_without_a_plan_keeps_the_program_of_sumo(tmp_path: Path) -> None:
    inventory = arterial(1)
    silent = Controller("c0", ("c0",), ())
    built = build(replace(inventory, controllers=(silent,)), tmp_path)
    assert built.network.signals["c0"].program_id == "0"
    assert any("has no timing plan" in finding for finding in built.findings)


def test_a_walk_that_the_green_does_not_hold_is_left_to_the_push_button(tmp_path: Path) -> None:
    walked = replace(plan(), phases=tuple(phase(n, walk_ds=70, ped_clear_ds=110) for n in NEMA))
    built = build(arterial(1, [walked]), tmp_path)
    phasing = built.network.signals["c0"].phasing
    assert phasing is not None
    assert {p.number for p in phasing.phases if p.walk_s} == {2, 4, 6, 8}
    assert any("push button" in finding for finding in built.findings)


def test_without_counts_there_are_no_routes(tmp_path: Path) -> None:
    built = build(arterial(counted=False), tmp_path)
    assert built.vehicles == 0
    assert not (tmp_path / ROUTES_NAME).exists()


def test_equal_inventories_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        build(arterial(), tmp_path / name)
    for file in (NET_NAME, PROGRAMS_NAME, ROUTES_NAME):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_warnings_are_told_once_and_not_without_end() -> None:
    said = "\n".join(f"Warning: number {n % 30}" for n in range(90))
    assert len(warnings_of(said)) == 21
    assert warnings_of(said)[-1] == "and 10 more"
