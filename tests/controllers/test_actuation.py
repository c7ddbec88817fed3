"""Actuation: who calls is served, who does not is left out, and nobody is ever cut short."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.crossings import Lamp, lamp_of
from controllers.emulator.phase_timing import (
    DUAL_ENTRY,
    MAX_RECALL,
    MIN_RECALL,
    NON_LOCK,
    PED_RECALL,
    REST_IN_WALK,
    SOFT_RECALL,
)
from controllers.emulator.tables import RED_REVERT_DS
from network.errors import ControllerError
from network.phasing import Phasing
from network.timing import TimingPlan
from tests.controllers.actuation import actuated, greens, occupy, put, stored
from tests.controllers.ring_tape import check_rings, recorded
from tests.controllers.strategies import phasings, plans, ring_cases
from tests.controllers.tape import check_tape
from tests.controllers.test_rings import EIGHT, PLAN
from tests.controllers.thorough import thorough

FORCE_MODES = ("floating", "fixed")
WALKING = Phasing(
    tuple(replace(p, walk_s=7, ped_clear_s=12) if p.number % 2 == 0 else p for p in EIGHT.phases),
    {},
)
WALKING_PLAN = TimingPlan(
    "s", 110, (1, 2, 3, 4, 5, 6, 7, 8), (20, 40, 20, 30, 25, 35, 20, 30), 0, 2
)


def fixed_time(phasing: Phasing, plan: TimingPlan, start_s: float = 0.0) -> Cabinet:
    return Cabinet(CabinetConfig("s", phasing, plan, 0, "look", "change", 0), start_s)


def assert_same(device: Cabinet, other: Cabinet, tenths: int) -> None:
    for tenth in range(tenths):
        assert device.aspects == other.aspects, tenth
        device.step()
        other.step()


# Saturated, actuation is fixed time


@thorough(6, 40, ring_cases(), st.integers(0, 90_000), st.sampled_from(FORCE_MODES))
def test_saturated_rings_show_the_fixed_plan_at_every_tenth(
    case: tuple[Phasing, TimingPlan], start_ds: int, mode: str
) -> None:
    phasing, plan = case
    device = actuated(phasing, plan, start_s=start_ds / 10)
    put(device, "coordForceMode", value=mode)
    occupy(device, range(1, device.detectors.count + 1))
    assert_same(device, fixed_time(phasing, plan, start_ds / 10), 2 * plan.cycle_s * 10)
    assert device.in_step
    assert device.monitor_fault == ""


@thorough(10, 60, st.data(), st.integers(0, 90_000), st.sampled_from(FORCE_MODES))
def test_a_saturated_stage_program_is_the_fixed_plan(
    data: st.DataObject, start_ds: int, mode: str
) -> None:
    phasing = data.draw(phasings())
    plan = data.draw(plans(phasing))
    device = actuated(phasing, plan, start_s=start_ds / 10)
    put(device, "coordForceMode", value=mode)
    occupy(device, range(1, device.detectors.count + 1))
    assert_same(device, fixed_time(phasing, plan, start_ds / 10), 3 * plan.cycle_s * 10)
    assert device.monitor_fault == ""


@thorough(6, 40, ring_cases(), st.integers(0, 3000), st.integers(1, 2000))
def test_a_control_that_asks_nothing_leaves_a_fixed_plan_as_it_was(
    case: tuple[Phasing, TimingPlan], before_ds: int, during_ds: int
) -> None:
    phasing, plan = case
    device, other = fixed_time(phasing, plan), fixed_time(phasing, plan)
    assert_same(device, other, before_ds)
    put(device, "ringControlGroupMax2", 1, value=1)
    assert_same(device, other, during_ds)
    put(device, "ringControlGroupMax2", 1, value=0)
    assert_same(device, other, 2 * plan.cycle_s * 10)
    assert device.in_step


# Whatever happens, the picture is lawful


def check_pedestrians(phasing: Phasing, tape: list[tuple[tuple[int, bool, Lamp], ...]]) -> None:
    """Assert that every Walk and every clearance was long enough and kept its green."""
    for ring in range(len(tape[0])):
        runs: list[list[tuple[int, bool, Lamp]]] = []
        for entry in (rings[ring] for rings in tape):
            if runs and runs[-1][0] == entry:
                runs[-1].append(entry)
            else:
                runs.append([entry])
        for before, run, after in zip(runs, runs[1:], runs[2:], strict=False):
            phase, green, lamp = run[0]
            if lamp is Lamp.DONT_WALK:
                continue
            assert green
            if lamp is Lamp.WALK:
                assert len(run) >= phasing.phase(phase).walk_s * 10
                if phasing.phase(phase).ped_clear_s:
                    assert after[0] == (phase, True, Lamp.CLEAR)
            else:
                assert before[0] == (phase, True, Lamp.WALK)
                assert len(run) == phasing.phase(phase).ped_clear_s * 10


def without_walks(phasing: Phasing) -> Phasing:
    """The same signal for the tapes that know vehicles only."""
    phases = tuple(replace(phase, walk_s=0, ped_clear_s=0) for phase in phasing.phases)
    return Phasing(phases, dict(phasing.fixed_clearances))


OPTIONS = st.integers(0, (1 << 14) - 1)
GROUPS = (
    "phaseControlGroupPhaseOmit",
    "phaseControlGroupPedOmit",
    "phaseControlGroupHold",
    "phaseControlGroupForceOff",
    "phaseControlGroupVehCall",
    "phaseControlGroupPedCall",
    "ringControlGroupRedRest",
    "ringControlGroupForceOff",
    "ringControlGroupMax2",
    "ringControlGroupMaxInhibit",
)


def commands(phasing: Phasing) -> st.SearchStrategy[tuple[object, ...]]:
    """Anything that traffic, pedestrians or central control may do."""
    numbers = st.sampled_from([phase.number for phase in phasing.phases])
    modes = st.integers(2, 8)
    return st.one_of(
        st.tuples(st.just("vehicle"), numbers, st.booleans()),
        st.tuples(st.just("vehicle"), numbers, st.booleans()),
        st.tuples(st.just("button"), numbers),
        st.tuples(st.just("options"), numbers, OPTIONS),
        st.tuples(st.just("mode"), numbers, modes),
        st.tuples(st.sampled_from(GROUPS), st.integers(0, 255)),
        st.tuples(st.just("systemPatternControl"), st.sampled_from([0, 1, 9, 254])),
        st.tuples(st.just("coordCorrectionMode"), st.integers(2, 5)),
        st.tuples(st.just("coordForceMode"), st.integers(2, 3)),
        st.tuples(st.just("coordMaximumMode"), st.integers(2, 5)),
        st.tuples(st.just("patternOffsetTime"), st.integers(0, 30)),
        st.tuples(st.just("unitControl"), st.sampled_from([0, 4, 8, 16, 56])),
    )


def obey(device: Cabinet, command: tuple[object, ...]) -> None:
    name, *values = command
    numbers = [value for value in values if isinstance(value, int)]
    if name == "vehicle":
        device.detect(numbers[0], present=bool(numbers[1]))
    elif name == "button":
        if device.config.phasing.phase(numbers[0]).walk_s:
            device.push_button(numbers[0])
    elif name == "options":
        put(device, "phaseOptions", numbers[0], value=numbers[1])
    elif name == "mode":
        put(device, "splitMode", 1, numbers[0], value=numbers[1])
    elif name in GROUPS or name == "patternOffsetTime":
        put(device, str(name), 1, value=numbers[0])
    else:
        put(device, str(name), value=numbers[0])


def play(device: Cabinet, orders: list[tuple[tuple[object, ...], int]]) -> tuple[list, list]:
    tape = [recorded(device)]
    feet = [tuple((r.phase, r.green, lamp_of(r)) for r in device.rings.rings)]
    for command, tenths in orders:
        obey(device, command)
        for _ in range(tenths):
            device.step()
            tape.append(recorded(device))
            feet.append(tuple((r.phase, r.green, lamp_of(r)) for r in device.rings.rings))
            assert device.monitor_fault == ""
    return tape, feet


@thorough(15, 100, ring_cases(), st.data())
def test_no_call_and_no_control_makes_rings_unlawful(
    case: tuple[Phasing, TimingPlan], data: st.DataObject
) -> None:
    phasing, plan = case
    device = actuated(phasing, plan, backup_s=data.draw(st.sampled_from([0, 60])))
    orders = st.lists(st.tuples(commands(phasing), st.integers(0, 250)), min_size=5, max_size=30)
    tape, feet = play(device, data.draw(orders))
    check_rings(without_walks(phasing), tape)
    check_pedestrians(phasing, feet)


@thorough(15, 100, st.data())
def test_no_call_and_no_control_makes_a_stage_program_unlawful(data: st.DataObject) -> None:
    phasing = data.draw(phasings(least=2, most=4))
    device = actuated(phasing, data.draw(plans(phasing)))
    while not device.rings.rings[0].green:
        device.step()
    kinds = commands(phasing)
    orders = data.draw(st.lists(st.tuples(kinds, st.integers(0, 250)), min_size=5, max_size=25))
    tape, _ = play(device, orders)
    told = [rings[0][3] for _, rings in tape]
    check_tape(phasing, [picture for picture, _ in tape], told)


@given(ring_cases(), st.data())
@settings(deadline=None, max_examples=5)
def test_the_same_orders_give_the_same_pictures(
    case: tuple[Phasing, TimingPlan], data: st.DataObject
) -> None:
    phasing, plan = case
    orders = data.draw(
        st.lists(st.tuples(commands(phasing), st.integers(0, 200)), min_size=5, max_size=10)
    )
    assert play(actuated(phasing, plan), orders) == play(actuated(phasing, plan), orders)


# Coordination


@thorough(10, 100, ring_cases(), st.data(), st.sampled_from(FORCE_MODES))
def test_the_coordinated_phase_is_green_in_its_split_whoever_calls(
    case: tuple[Phasing, TimingPlan], data: st.DataObject, mode: str
) -> None:
    phasing, plan = case
    phasing = without_walks(phasing)
    device = actuated(phasing, plan)
    put(device, "coordForceMode", value=mode)
    # A cabinet that is set up while it crosses a barrier takes its new program over behind it.
    other = fixed_time(phasing, plan)
    for _ in range(300):
        device.step()
        other.step()
    numbers = st.sets(st.sampled_from([phase.number for phase in phasing.phases]))
    for standing, tenths in data.draw(
        st.lists(st.tuples(numbers, st.integers(1, 400)), min_size=3, max_size=12)
    ):
        occupy(device, standing)
        for _ in range(tenths):
            device.step()
            other.step()
            assert device.in_step
            if plan.coordinated_phase in greens(other):
                assert plan.coordinated_phase in greens(device)


@thorough(10, 60, ring_cases(), st.data(), st.sampled_from([1, 254]))
def test_whoever_calls_is_served_within_two_cycles(
    case: tuple[Phasing, TimingPlan], data: st.DataObject, pattern: int
) -> None:
    phasing, plan = case
    phasing = without_walks(phasing)
    device = actuated(phasing, plan, pattern=pattern)
    served = [number for number in plan.sequence if plan.split_s(number)]
    rounds = sum(plan.splits_s) if pattern == 254 else plan.cycle_s
    traffic = data.draw(st.lists(st.sets(st.sampled_from(served)), min_size=1, max_size=6))
    for standing in traffic:
        occupy(device, standing)
        device.advance(data.draw(st.integers(1, 40)))
    target = data.draw(st.sampled_from(served))
    occupy(device, set(served) if data.draw(st.booleans()) else {target})
    for _ in range(2 * rounds * 10 + 100):
        if target in greens(device):
            return
        device.step()
    pytest.fail(f"phase {target} waits for ever")


# Single rules


def seconds_green(device: Cabinet, phase: int, most_s: int = 300) -> float:
    """Wait for a phase to turn green and return for how long it is."""
    lit = 0
    before = phase in greens(device)
    for _ in range(most_s * 10):
        device.step()
        before = before and phase in greens(device)
        if before:
            continue
        if phase in greens(device):
            lit += 1
        elif lit:
            return lit / 10
    raise AssertionError(f"phase {phase} was not served within {most_s} s")


def test_without_calls_the_coordinated_phase_rests() -> None:
    device = actuated(EIGHT, PLAN)
    device.advance(100)
    for _ in range(3000):
        device.step()
        assert greens(device)[0] == 2
    assert stored(device, "ringStatus", 1) == 3
    assert device.in_step


def test_a_vehicle_that_leaves_before_the_green_is_remembered_only_by_a_locking_phase() -> None:
    for option, locked in ((0, True), (NON_LOCK, False)):
        device = actuated(EIGHT, PLAN, {3: option})
        device.advance(100)
        device.detect(3, present=True)
        device.step()
        assert stored(device, "phaseStatusGroupVehCalls", 1) == 0b100
        device.detect(3, present=False)
        device.step()
        assert stored(device, "phaseStatusGroupVehCalls", 1) == 0b100 * locked


def test_a_green_gaps_out_a_passage_time_after_the_last_vehicle() -> None:
    device = actuated(EIGHT, PLAN, pattern=254)
    put(device, "phasePassage", 4, value=25)
    occupy(device, [4])
    while greens(device)[0] != 4:
        device.step()
    # The vehicle stays for 8 s, then the other street calls.
    occupy(device, [4, 2])
    device.advance(8)
    occupy(device, [2])
    lit = 0
    while greens(device)[0] == 4:
        device.step()
        lit += 1
    assert lit == 25
    assert stored(device, "ringStatus", 1) & 0x38 == 0x08


def test_a_green_is_maxed_out_while_others_wait() -> None:
    device = actuated(EIGHT, PLAN, pattern=254)
    put(device, "phaseMaximum1", 4, value=13)
    put(device, "phaseMaximum2", 4, value=21)
    occupy(device, [2, 4])
    assert seconds_green(device, 4) == pytest.approx(13, abs=0.1)
    assert stored(device, "ringStatus", 1) & 0x38 == 0x10
    put(device, "ringControlGroupMax2", 1, value=1)
    assert seconds_green(device, 4) == pytest.approx(21, abs=0.1)


def test_free_operation_rests_where_it_is_when_nobody_calls() -> None:
    device = actuated(EIGHT, PLAN, pattern=254)
    occupy(device, [3])
    device.advance(60)
    occupy(device, [])
    device.advance(300)
    assert greens(device)[0] == 3
    assert stored(device, "ringStatus", 1) == 3


def test_red_rest_darkens_a_ring_until_somebody_calls() -> None:
    device = actuated(EIGHT, PLAN, pattern=254)
    put(device, "ringControlGroupRedRest", 1, value=3)
    device.advance(60)
    assert device.aspects == "r" * 8
    occupy(device, [7])
    device.advance(1)
    assert greens(device) == [0, 7]
    assert device.monitor_fault == ""


def test_a_ring_that_rests_in_red_keeps_it_for_the_red_revert_time() -> None:
    device = actuated(EIGHT, PLAN, pattern=254)
    put(device, "ringControlGroupRedRest", 1, value=3)
    while device.aspects != "r" * 8 or any(ring.phase for ring in device.rings.rings):
        device.step()
    occupy(device, [7])
    dark = 0
    while greens(device) == [0, 0]:
        dark += 1
        device.step()
    assert dark == RED_REVERT_DS


@pytest.mark.parametrize(("mode", "green_s"), [("floating", 20), ("fixed", 25)])
def test_time_that_a_phase_leaves_goes_on_only_with_fixed_force_offs(
    mode: str, green_s: float
) -> None:
    # Phase 3 (split 15, green 10) gaps out at its minimum of 5 s; phase 4 (green 20) is saturated.
    device = actuated(EIGHT, PLAN)
    put(device, "coordForceMode", value=mode)
    put(device, "phasePassage", 3, value=0)
    device.advance(100)
    device.detect(3, present=True)
    device.step()
    device.detect(3, present=False)
    occupy(device, [4])
    assert seconds_green(device, 4) == green_s


def test_a_maximum_in_effect_ends_a_green_before_its_split() -> None:
    device = actuated(EIGHT, PLAN)
    put(device, "phaseMaximum1", 3, value=7)
    occupy(device, range(1, 9))
    device.advance(100)
    assert seconds_green(device, 3) == 10
    put(device, "coordMaximumMode", value="maximum1")
    device.advance(100)
    assert seconds_green(device, 3) == 7
    assert device.in_step


def test_a_late_call_waits_for_the_next_cycle_when_its_split_has_run_out() -> None:
    device = actuated(EIGHT, PLAN)
    # Phase 2 begins at zero; the splits of 3 and 4 run from 40 to 80 s.
    device.advance(200 + 74)
    occupy(device, [4])
    for _ in range(600):
        device.step()
        assert greens(device)[0] == 2
    device.advance(12)
    assert greens(device)[0] == 4


def test_split_modes_recall_omit_and_fix() -> None:
    device = actuated(EIGHT, PLAN)
    device.advance(100)
    put(device, "splitMode", 1, 3, value="minimumVehicleRecall")
    assert seconds_green(device, 3) == 5
    put(device, "splitMode", 1, 4, value="maximumVehicleRecall")
    device.advance(100)
    assert seconds_green(device, 4) == 20
    put(device, "splitMode", 1, 4, value="phaseOmitted")
    put(device, "splitTime", 1, 3, value=40)
    occupy(device, [4])
    device.advance(150)
    assert device.pattern == 1
    with pytest.raises(AssertionError, match="not served"):
        seconds_green(device, 4)


@pytest.mark.parametrize(
    ("option", "green_s"), [(MIN_RECALL, 5), (MAX_RECALL, 10), (SOFT_RECALL, None)]
)
def test_phase_options_recall(option: int, green_s: float | None) -> None:
    device = actuated(EIGHT, PLAN, {3: option})
    put(device, "phasePassage", 3, value=0)
    device.advance(100)
    if green_s is None:
        device.advance(60)
        assert greens(device)[0] in (2, 3)
    else:
        assert seconds_green(device, 3) == green_s


def test_dual_entry_fills_the_other_ring() -> None:
    for option, beside in ((0, 0), (DUAL_ENTRY, 8)):
        device = actuated(EIGHT, PLAN, {8: option})
        device.advance(100)
        occupy(device, [3])
        while greens(device)[0] != 3:
            device.step()
        assert greens(device)[1] == beside


def test_hold_keeps_a_green_and_force_off_ends_it() -> None:
    device = actuated(EIGHT, PLAN, pattern=254)
    occupy(device, [4, 2])
    while greens(device)[0] != 4:
        device.step()
    put(device, "phaseControlGroupHold", 1, value=0b1000)
    device.advance(200)
    assert greens(device)[0] == 4
    put(device, "phaseControlGroupHold", 1, value=0)
    device.step()
    while greens(device)[0] != 4:
        device.step()
    device.advance(6)
    put(device, "phaseControlGroupForceOff", 1, value=0b1000)
    device.step()
    assert greens(device)[0] == 0
    assert stored(device, "phaseControlGroupForceOff", 1) == 0
    assert device.monitor_fault == ""


def test_controls_call_and_lapse_with_the_backup_timer() -> None:
    device = actuated(EIGHT, PLAN, backup_s=30)
    device.advance(100)
    put(device, "phaseControlGroupVehCall", 1, value=0b100)
    put(device, "phaseControlGroupPhaseOmit", 1, value=0b1000)
    assert stored(device, "phaseStatusGroupVehCalls", 1) == 0b100
    device.advance(31)
    assert stored(device, "phaseControlGroupVehCall", 1) == 0
    assert stored(device, "phaseControlGroupPhaseOmit", 1) == 0
    assert device.control == "backupMode"


def test_central_control_can_actuate_a_detector() -> None:
    device = actuated(EIGHT, PLAN)
    device.advance(100)
    put(device, "vehicleDetectorControlGroupActuation", 1, value=0b100)
    assert stored(device, "vehicleDetectorStatusGroupActive", 1) == 0b100
    assert seconds_green(device, 3) == 10


def test_a_button_calls_walk_and_its_clearance() -> None:
    device = actuated(WALKING, WALKING_PLAN)
    device.advance(110)
    device.push_button(4)
    assert stored(device, "phaseStatusGroupPedCalls", 1) == 0b1000
    while greens(device)[0] != 4:
        device.step()
    shown = []
    for _ in range(190):
        shown.append(
            (
                stored(device, "phaseStatusGroupWalks", 1),
                stored(device, "phaseStatusGroupPedClears", 1),
            )
        )
        device.step()
    assert shown == [(8, 0)] * 70 + [(0, 8)] * 120
    assert stored(device, "phaseStatusGroupPedCalls", 1) == 0
    assert stored(device, "phaseStatusGroupDontWalks", 1) & 0b1000


def test_pedestrians_that_outlast_a_split_are_let_across_and_the_offset_is_found_again() -> None:
    device = actuated(WALKING, WALKING_PLAN)
    # Walk, its clearance and the phase's own need 24 s.
    put(device, "splitTime", 1, 4, value=15)
    put(device, "splitTime", 1, 3, value=35)
    occupy(device, range(1, 9))
    device.advance(220)
    assert (device.in_step, device.pattern) == (True, 1)
    assert seconds_green(device, 4) == 10
    device.push_button(4)
    assert seconds_green(device, 4) == 19
    device.advance(330)
    assert device.in_step
    assert seconds_green(device, 4) == 10
    assert not device.coordination_alarm
    assert device.monitor_fault == ""


def test_rest_in_walk_walks_while_the_green_rests() -> None:
    device = actuated(WALKING, WALKING_PLAN, {2: REST_IN_WALK | PED_RECALL}, pattern=254)
    occupy(device, [2])
    device.advance(200)
    assert stored(device, "phaseStatusGroupWalks", 1) == 0b10
    occupy(device, [4])
    device.advance(2)
    assert stored(device, "phaseStatusGroupPedClears", 1) == 0b10
    device.advance(10)
    assert greens(device)[0] == 2
    device.advance(10)
    assert greens(device)[0] == 4


def test_a_button_without_a_crossing_is_refused() -> None:
    with pytest.raises(ControllerError, match="phase 3 has no pedestrians"):
        actuated(WALKING, WALKING_PLAN).push_button(3)


def test_three_cycles_out_of_step_raise_the_coordination_alarm() -> None:
    device = actuated(EIGHT, PLAN)
    occupy(device, range(1, 9))
    device.advance(100)
    put(device, "coordCorrectionMode", value="addOnly")
    put(device, "patternOffsetTime", 1, value=90)
    device.advance(250)
    assert not stored(device, "shortAlarmStatus") & 0x10
    device.advance(100)
    assert stored(device, "shortAlarmStatus") & 0x10
    device.advance(400)
    assert device.in_step
    assert not stored(device, "shortAlarmStatus") & 0x10
