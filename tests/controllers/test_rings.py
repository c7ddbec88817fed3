"""The emulated cabinet with several rings."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import strategies as st

from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.channels import ChannelMonitor
from controllers.ntcip.objects import OBJECTS, Syntax, instance
from network.errors import ControllerError
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan
from tests.controllers.ring_tape import Row, check_rings, recorded
from tests.controllers.strategies import many_rings, ring_cases
from tests.controllers.thorough import thorough

CORRECTIONS = ("dwell", "shortway", "addOnly", "subtractOnly")


def lamps(number: int) -> str:
    return "".join("G" if group == number else "r" for group in range(1, 9))


EIGHT = Phasing(
    tuple(
        Phase(n, lamps(n), 5, 30, 20, 1 if n < 5 else 2, 1 if n in (1, 2, 5, 6) else 2)
        for n in range(1, 9)
    ),
    {},
)
PLAN = TimingPlan("s", 100, (1, 2, 3, 4, 5, 6, 7, 8), (20, 40, 15, 25, 30, 30, 20, 20), 0, 2)


def cabinet(phasing: Phasing = EIGHT, plan: TimingPlan = PLAN, start_s: float = 0.0) -> Cabinet:
    return Cabinet(CabinetConfig("s", phasing, plan, 0, "look", "change", 0), start_s)


def put(device: Cabinet, name: str, *index: int, value: int | bytes) -> None:
    syntax = Syntax.INTEGER if isinstance(value, int) else Syntax.OCTETS
    assert device.store.set([(instance(name, *index), syntax, value)], b"change") is None


def stored(device: Cabinet, name: str, *index: int) -> int | bytes:
    found = device.store.get(instance(name, *index))
    assert found is not None
    return found[1]


def load(device: Cabinet, row: int, plan: TimingPlan, coordinated: Iterable[int] = ()) -> str:
    """Write a plan to a row inside a transaction; return what the check says."""
    phasing = device.config.phasing
    point = {
        OffsetReference.BEGIN_GREEN: "firstCoordPhsGrnBegin",
        OffsetReference.BEGIN_YELLOW: "firstCoordPhsGrnEnd",
        OffsetReference.END_YELLOW: "firstCoordPhsYelEnd",
    }[plan.offset_reference]
    put(device, "dbCreateTransaction", value=2)
    put(device, "patternCycleTime", row, value=plan.cycle_s)
    put(device, "patternOffsetTime", row, value=plan.offset_s)
    put(device, "patternSequenceNumber", row, value=row)
    put(device, "patternCoordSyncPoint", row, value=OBJECTS["patternCoordSyncPoint"].number(point))
    for ring in phasing.rings:
        order = bytes(n for n in plan.sequence if phasing.phase(n).ring == ring)
        put(device, "sequenceData", row, ring, value=order)
    for phase in phasing.phases:
        split_s = plan.split_s(phase.number)
        mode = "maximumVehicleRecall" if split_s else "phaseOmitted"
        put(device, "splitTime", row, phase.number, value=split_s)
        put(device, "splitMode", row, phase.number, value=OBJECTS["splitMode"].number(mode))
        named = phase.number in (plan.coordinated_phase, *coordinated)
        put(device, "splitCoordPhase", row, phase.number, value=int(named))
    put(device, "dbCreateTransaction", value=3)
    text = device.store.transaction.error_text.decode()
    put(device, "dbCreateTransaction", value=1)
    return text


def correct_by(device: Cabinet, mode: str) -> None:
    put(device, "coordCorrectionMode", value=OBJECTS["coordCorrectionMode"].number(mode))


def play(device: Cabinet, tenths: int, tape: list[Row]) -> None:
    for _ in range(tenths):
        device.step()
        tape.append(recorded(device))


def assert_shows(device: Cabinet, plan: TimingPlan, seconds: int) -> None:
    phasing = device.config.phasing
    film = [i.aspects for i in plan.intervals(phasing) for _ in range(i.duration_ds)]
    begin_ds = plan.begin_s(phasing) * 10
    for _ in range(seconds * 10):
        assert device.aspects == film[(device.reference_ds - begin_ds) % len(film)]
        device.step()


@thorough(25, 60, ring_cases(), st.integers(0, 600_000))
def test_two_cycles_show_the_plan_in_force_at_every_tenth(
    case: tuple[Phasing, TimingPlan], start_ds: int
) -> None:
    phasing, plan = case
    device = cabinet(phasing, plan, start_ds / 10)
    assert_shows(device, plan, 2 * plan.cycle_s)
    assert device.in_step
    assert device.monitor_fault == ""


@thorough(12, 40, ring_cases(count=2), st.sampled_from(CORRECTIONS), st.integers(0, 3000))
def test_a_change_of_pattern_is_lawful_and_arrives(
    case: tuple[Phasing, TimingPlan, TimingPlan], mode: str, change_ds: int
) -> None:
    phasing, old, new = case
    device = cabinet(phasing, old)
    correct_by(device, mode)
    assert load(device, 9, new) == ""
    tape = [recorded(device)]
    play(device, change_ds, tape)
    put(device, "systemPatternControl", value=9)
    # Splits near their minimum leave little to subtract, so that way may take long.
    most = 200 if mode == "subtractOnly" else 20
    for _ in range(most * new.cycle_s):
        play(device, 10, tape)
        if device.in_step and device.pattern == 9:
            break
    assert (device.in_step, device.pattern) == (True, 9)
    assert device.monitor_fault == ""
    check_rings(phasing, tape)
    assert_shows(device, new, new.cycle_s)


@thorough(15, 40, ring_cases(count=3), st.data())
def test_no_order_of_commands_breaks_a_minimum_a_clearance_or_a_barrier(
    case: tuple[Phasing, TimingPlan, TimingPlan, TimingPlan], data: st.DataObject
) -> None:
    phasing, plan, *others = case
    device = cabinet(phasing, plan, data.draw(st.integers(0, 90_000)))
    for row, other in enumerate(others, start=9):
        assert load(device, row, other) == ""
    put(device, "patternOffsetTime", 10, value=255)
    # A phase alone in its ring and at its barrier, everything else left out.
    only = TimingPlan("s", 60, (phasing.phases[0].number,), (60,), 0, phasing.phases[0].number)
    load(device, 11, only)
    tape = [recorded(device)]
    commands = st.one_of(
        st.tuples(st.just("systemPatternControl"), st.sampled_from([0, 1, 9, 10, 11, 99, 254])),
        st.tuples(st.just("coordOperationalMode"), st.sampled_from([0, 0, 1, 9, 11, 254])),
        st.tuples(st.just("coordCorrectionMode"), st.integers(1, 5)),
        st.tuples(st.just("globalTime"), st.integers(0, 200_000)),
        st.tuples(st.just("timebaseAscPatternSync"), st.integers(0, 1500)),
    )
    orders = st.lists(st.tuples(commands, st.integers(0, 400)), min_size=1, max_size=15)
    for (name, value), tenths in data.draw(orders):
        put(device, name, value=value)
        play(device, tenths, tape)
    assert device.monitor_fault == ""
    check_rings(phasing, tape)


@thorough(20, 60, many_rings(), st.sampled_from(CORRECTIONS[:3]), st.integers(0, 900))
def test_any_number_of_rings_and_barriers_keeps_step(
    case: tuple[Phasing, TimingPlan, TimingPlan], mode: str, change_ds: int
) -> None:
    phasing, old, new = case
    device = cabinet(phasing, old, 1234.0)
    assert_shows(device, old, 2 * old.cycle_s)
    correct_by(device, mode)
    assert load(device, 9, new) == ""
    tape = [recorded(device)]
    play(device, change_ds, tape)
    put(device, "systemPatternControl", value=9)
    for _ in range(25 * new.cycle_s):
        play(device, 10, tape)
        if device.in_step and device.pattern == 9:
            break
    assert (device.in_step, device.pattern) == (True, 9)
    check_rings(phasing, tape)
    assert_shows(device, new, new.cycle_s)
    assert device.monitor_fault == ""


def test_a_ring_without_phases_at_a_barrier_is_dark() -> None:
    phasing = Phasing(tuple(p for p in EIGHT.phases if p.number not in (7, 8)), {})
    plan = TimingPlan("s", 100, (1, 2, 3, 4, 5, 6), (20, 40, 15, 25, 30, 30), 0, 1)
    device = cabinet(phasing, plan)
    device.advance(61)
    ring = device.rings.rings[1]
    assert (ring.phase, ring.green, ring.aspects) == (0, False, "r" * 8)
    assert stored(device, "ringStatus", 2) == 6
    assert device.aspects == lamps(3)
    assert_shows(device, plan, 200)


def test_a_ring_of_one_phase_rests_while_the_other_goes_round() -> None:
    phasing = Phasing((EIGHT.phase(1), EIGHT.phase(2), EIGHT.phase(6)), {})
    plan = TimingPlan("s", 60, (1, 2, 6), (25, 35, 60), 10, 2)
    device = cabinet(phasing, plan, 33.0)
    assert_shows(device, plan, 180)
    put(device, "patternOffsetTime", 1, value=40)
    device.advance(600)
    assert device.in_step
    assert_shows(device, TimingPlan("s", 60, (1, 2, 6), (25, 35, 60), 40, 2), 120)


def test_free_operation_waits_at_the_barrier_for_the_slower_ring() -> None:
    device = cabinet()
    tape = [recorded(device)]
    put(device, "phaseMaximum1", 6, value=50)
    put(device, "systemPatternControl", value=254)
    play(device, 4000, tape)
    assert (device.pattern, device.free_status) == (254, "commandFree")
    check_rings(EIGHT, tape)
    # Phase 2 would end after 15 + 5 + 35 s; it waits for 25 + 5 + 50 s of the other ring.
    both = [rings for _, rings in tape[1500:]]
    ends = [
        [a[ring][0] == phase and a[ring][1] and not b[ring][1] for a, b in itertools.pairwise(both)]
        for ring, phase in ((0, 2), (1, 6))
    ]
    assert ends[0] == ends[1]
    assert sum(ends[0]) >= 1


def test_dwelling_rests_in_the_coordinated_phase_and_the_one_beside_it() -> None:
    device = cabinet()
    correct_by(device, "dwell")
    put(device, "patternOffsetTime", 1, value=15)
    greens: dict[int, list[int]] = {n: [] for n in range(1, 9)}
    for _ in range(3000):
        before = [(ring.phase, ring.green, ring.lit_ds) for ring in device.rings.rings]
        device.step()
        for (phase, green, lit_ds), ring in zip(before, device.rings.rings, strict=True):
            if green and not ring.green:
                greens[phase].append(lit_ds + 1)
    assert {n: max(found) for n, found in greens.items() if n not in (2, 6)} == {
        n: PLAN.split_s(n) * 10 - 50 for n in (1, 3, 4, 5, 7, 8)
    }
    assert (max(greens[2]), max(greens[6])) == (500, 400)
    assert device.in_step


@pytest.mark.parametrize(
    ("splits", "cycle", "status"),
    [
        ({2: 41}, 100, "splitOverrun"),
        ({2: 39}, 100, "badPlan"),
        ({}, 39, "badCycleTime"),
        ({2: 51, 1: 9}, 100, "badPlan"),
    ],
)
def test_rings_that_do_not_fit_run_free_and_say_why(
    splits: dict[int, int], cycle: int, status: str
) -> None:
    device = cabinet()
    assert load(device, 9, PLAN) == ""
    put(device, "patternCycleTime", 9, value=cycle)
    for phase, split_s in splits.items():
        put(device, "splitTime", 9, phase, value=split_s)
    put(device, "systemPatternControl", value=9)
    device.advance(300)
    assert (device.pattern, device.free_status) == (254, status)
    assert device.monitor_fault == ""


def test_what_the_splits_leave_goes_to_both_rings() -> None:
    device = cabinet()
    load(device, 9, TimingPlan("s", 110, PLAN.sequence, PLAN.splits_s, 0, 2))
    put(device, "systemPatternControl", value=9)
    device.advance(800)
    filled = (20, 50, 15, 25, 30, 40, 20, 20)
    assert_shows(device, TimingPlan("s", 110, PLAN.sequence, filled, 0, 2), 110)


@pytest.mark.parametrize(("point", "event_s"), [("first", 20), ("last", 30)])
def test_the_offset_names_the_first_or_the_last_coordinated_phase(point: str, event_s: int) -> None:
    device = cabinet()
    assert load(device, 9, PLAN, coordinated=(6,)) == ""
    sync = OBJECTS["patternCoordSyncPoint"]
    put(device, sync.name, 9, value=sync.number(f"{point}CoordPhsGrnBegin"))
    put(device, "systemPatternControl", value=9)
    device.advance(800)
    assert device.in_step
    begun = TimingPlan("s", 100, PLAN.sequence, PLAN.splits_s, (100 - event_s + 20) % 100, 2)
    assert_shows(device, begun, 100)


@pytest.mark.parametrize(
    ("ring", "order", "problem"),
    [
        (1, (1, 3, 2, 4), "comes back to barrier 1"),
        (1, (3, 4, 1, 2), "crosses its barriers in the order"),
        (2, (5, 6, 7, 4), "unknown phases"),
        (2, (5, 6, 6), "serves a phase twice"),
    ],
)
def test_a_sequence_that_rings_cannot_share_is_refused(
    ring: int, order: tuple[int, ...], problem: str
) -> None:
    device = cabinet()
    load(device, 9, PLAN)
    put(device, "dbCreateTransaction", value=2)
    put(device, "sequenceData", 9, ring, value=bytes(order))
    put(device, "dbCreateTransaction", value=3)
    assert problem in device.store.transaction.error_text.decode()


def test_coordinated_phases_must_be_able_to_be_green_together() -> None:
    assert "coordinates phases [2, 8]" in load(cabinet(), 9, PLAN, coordinated=(8,))
    assert "2 coordinated phases in its ring" in load(cabinet(), 9, PLAN, coordinated=(4,))


def test_the_tables_tell_rings_and_who_may_run_together() -> None:
    device = cabinet(plan=TimingPlan("s", 100, (2, 4, 6, 8), (60, 40, 60, 40), 0, 2))
    assert stored(device, "maxRings") == 2
    assert [stored(device, "phaseRing", n) for n in range(1, 9)] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert stored(device, "phaseConcurrency", 2) == bytes((5, 6))
    assert stored(device, "phaseConcurrency", 7) == bytes((3, 4))
    assert stored(device, "sequenceData", 1, 1) == bytes((2, 1, 4, 3))
    assert stored(device, "sequenceData", 1, 2) == bytes((6, 5, 8, 7))


def test_status_groups_show_both_rings() -> None:
    device = cabinet(plan=TimingPlan("s", 100, PLAN.sequence, PLAN.splits_s, 20, 2))

    def status() -> list[int | bytes]:
        names = ("Greens", "Yellows", "Reds", "PhaseOns", "PhaseNexts")
        groups = [stored(device, f"phaseStatusGroup{name}", 1) for name in names]
        return [*groups, stored(device, "ringStatus", 1), stored(device, "ringStatus", 2)]

    assert status() == [0x11, 0, 0xEE, 0x11, 0x11, 0, 0]
    device.advance(5)
    assert status() == [0x11, 0, 0xEE, 0x11, 0x11, 1, 1]
    device.advance(10)
    assert status() == [0x10, 0x01, 0xEE, 0x11, 0x12, 0x24, 1]
    device.advance(3)
    assert status() == [0x10, 0, 0xEF, 0x11, 0x12, 0x25, 1]
    device.advance(2)
    assert status() == [0x12, 0, 0xED, 0x12, 0x12, 0, 1]


def test_a_plan_whose_rings_differ_is_refused() -> None:
    splits = (20, 40, 15, 25, 30, 29, 20, 20)
    with pytest.raises(ControllerError, match="rings last"):
        cabinet(plan=TimingPlan("s", 100, PLAN.sequence, splits, 0, 2))


def test_a_plan_whose_rings_cross_the_barriers_in_other_orders_is_refused() -> None:
    crossed = TimingPlan("s", 100, (1, 2, 3, 4, 7, 8, 5, 6), PLAN.splits_s, 0, 2)
    with pytest.raises(ControllerError, match="crosses its barriers in the order"):
        cabinet(plan=crossed)


def both(first: int, second: int) -> str:
    pairs = zip(lamps(first), lamps(second), strict=True)
    return "".join("G" if "G" in pair else "r" for pair in pairs)


@pytest.mark.parametrize(
    ("tape", "fault"),
    [
        ([both(2, 6), both(2, 8)], "conflict"),
        ([both(2, 6), both(2, 5)], "ends without yellow"),
        ([both(2, 6), "rGrrryrr"] + ["rGrrrrrr"] * 25, "is yellow for 0.1 s only"),
        ([lamps(2)] + [both(2, 6)] * 30 + ["rGrrryrr"], "is green for 3.0 s only"),
        ([both(2, 6)] + ["ryrrryrr"] * 30 + ["rrrrrrrr"] * 9 + [both(4, 8)], "0.9 s after group"),
        ([both(2, 6), "rGrrrxrr"], "is no picture"),
    ],
)
def test_the_channel_monitor_trips(tape: list[str], fault: str) -> None:
    monitor = ChannelMonitor(EIGHT, tape[0])
    for picture in tape[1:]:
        monitor.watch(picture)
    assert fault in monitor.fault


def test_a_tripped_channel_monitor_flashes_the_cabinet() -> None:
    device = cabinet()
    device.monitor.watch("G" * 8)
    device.step()
    assert device.aspects == "o" * 8
