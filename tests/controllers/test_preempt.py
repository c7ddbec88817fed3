"""Preemption in the emulated cabinet, from entry to exit."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import strategies as st

from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.preempt_table import ENABLED, LOCKED_COLUMNS, NON_LOCKING, NOT_OVER_NEXT
from controllers.emulator.store import Fault
from controllers.ntcip.objects import OBJECTS, Edition, Syntax, instance
from network.phasing import Phasing
from network.timing import TimingPlan
from tests.controllers.actuation import actuated, occupy
from tests.controllers.ring_tape import Row, check_rings, recorded
from tests.controllers.strategies import many_rings, phasings, plans, ring_cases
from tests.controllers.tape import check_tape
from tests.controllers.test_rings import EIGHT, PLAN, assert_shows, lamps
from tests.controllers.thorough import thorough

ROWS = 4
MOST_CYCLES = 20


def cabinet(
    phasing: Phasing = EIGHT,
    plan: TimingPlan = PLAN,
    begun_s: float = 0.0,
    edition: Edition = Edition.V03,
) -> Cabinet:
    """A cabinet; `PLAN` began so many seconds ago with phases 1 and 5."""
    config = CabinetConfig("s", phasing, plan, 0, "look", "change", 0, edition=edition)
    return Cabinet(replace(config, preempts=ROWS), begun_s + plan.begin_s(phasing))


def put(device: Cabinet, name: str, *index: int, value: int | bytes) -> None:
    syntax = Syntax.INTEGER if isinstance(value, int) else Syntax.OCTETS
    assert device.store.set([(instance(name, *index), syntax, value)], b"change") is None


def stored(device: Cabinet, name: str, *index: int) -> object:
    found = device.store.get(instance(name, *index))
    assert found is not None
    return found[1]


def set_up(
    device: Cabinet,
    row: int,
    dwell: Sequence[int],
    track: Sequence[int] = (),
    leave: Sequence[int] = (),
    control: int = ENABLED,
    **numbers: int,
) -> None:
    """Fill a row; numbers go by the rest of their object's name."""
    put(device, "preemptControl", row, value=control)
    put(device, "preemptDwellPhase", row, value=bytes(dwell))
    put(device, "preemptTrackPhase", row, value=bytes(track))
    put(device, "preemptExitPhase", row, value=bytes(leave))
    for name, value in numbers.items():
        put(device, f"preempt{name}", row, value=value)


def state(device: Cabinet, row: int = 1) -> str:
    number = stored(device, "preemptState", row)
    assert isinstance(number, int)
    return OBJECTS["preemptState"].values[number]


def states(device: Cabinet, seconds: int, row: int = 1) -> list[tuple[str, int]]:
    """Run on; return the states passed through and how many tenths each lasted."""
    found: list[str] = []
    for _ in range(seconds * 10):
        device.step()
        found.append(state(device, row))
    return [(name, len(list(run))) for name, run in itertools.groupby(found)]


def until(device: Cabinet, wanted: str, row: int = 1, most_s: int = 200) -> None:
    for _ in range(most_s * 10):
        if state(device, row) == wanted:
            return
        device.step()
    raise AssertionError(f"still {state(device, row)} after {most_s} s")


def phases(device: Cabinet) -> tuple[int, ...]:
    return tuple(ring.phase for ring in device.rings.rings)


def back_in_step(device: Cabinet, tape: list[Row] | None = None) -> int:
    """Run until coordination is back; return after how many tenths."""
    cycle_s = device.config.plan_in_force.cycle_s
    for tenths in range(MOST_CYCLES * cycle_s * 10):
        if device.in_step and device.pattern == 1:
            return tenths
        device.step()
        if tape is not None:
            tape.append(recorded(device))
    raise AssertionError(f"not in step after {MOST_CYCLES} cycles")


def test_a_preempt_goes_from_entry_through_track_and_dwell_to_its_exit() -> None:
    device = cabinet(begun_s=40.0)
    set_up(device, 1, (4, 8), (1, 5), (3, 7), TrackGreen=12, DwellGreen=20)
    tape = [recorded(device)]
    device.preemption.wire(1, on=True)
    for _ in range(1200):
        device.step()
        tape.append(recorded(device))
    assert state(device) == "dwell"
    assert device.aspects == "".join(
        max(pair, key="rG".index) for pair in zip(lamps(4), lamps(8), strict=True)
    )
    device.preemption.wire(1, on=False)
    passed = states(device, 40)
    assert [name for name, _ in passed] == ["exitStarted", "notActive"]
    order = [rings for _, rings in tape]
    shown = [tuple(phase for phase, green, *_ in rings if green) for rings in order]
    kept = [pair for pair, _ in itertools.groupby(shown) if len(pair) == 2]
    assert kept == [(2, 6), (1, 5), (4, 8)]
    assert sum(pair == (1, 5) for pair in shown) == 120
    back_in_step(device)
    assert_shows(device, PLAN, PLAN.cycle_s)
    check_rings(EIGHT, tape)


def test_the_phases_in_service_keep_their_least_green_and_clearance() -> None:
    device = cabinet(begun_s=21.0)
    set_up(device, 1, (4, 8))
    device.preemption.wire(1, on=True)
    # Phase 2 is 1 s old and needs 5 s of green, 3 s of yellow and 2 s of red.
    for tenth in range(90):
        assert device.rings.rings[0].phase == 2
        assert device.rings.rings[0].green == (tenth < 40)
        device.step()
    assert (phases(device), state(device)) == ((4, 8), "entryStarted")


def test_a_green_past_its_least_ends_at_once() -> None:
    device = cabinet(begun_s=40.0)
    set_up(device, 1, (4, 8))
    device.preemption.wire(1, on=True)
    device.advance(1)
    assert all(ring.yellow for ring in device.rings.rings)
    device.advance(5)
    assert phases(device) == (4, 8)


def test_a_dwell_phase_already_green_is_not_interrupted() -> None:
    device = cabinet(begun_s=40.0)
    set_up(device, 1, (2, 6))
    device.preemption.wire(1, on=True)
    device.step()
    device.step()
    assert state(device) == "dwell"
    for _ in range(3000):
        device.step()
        assert [ring.phase for ring in device.rings.rings if ring.green] == [2, 6]


def test_a_ring_without_a_dwell_phase_rests_in_red() -> None:
    device = cabinet()
    set_up(device, 1, (3,))
    device.preemption.wire(1, on=True)
    until(device, "dwell")
    assert (phases(device), device.aspects) == ((3, 0), lamps(3))


@pytest.mark.parametrize(("control", "served"), [(ENABLED, True), (ENABLED | NON_LOCKING, False)])
def test_a_call_shorter_than_the_delay_is_served_only_if_it_is_locked(
    control: int, served: bool
) -> None:
    device = cabinet()
    set_up(device, 1, (4, 8), control=control, Delay=10, DwellGreen=5)
    device.preemption.wire(1, on=True)
    assert states(device, 9) == [("notActiveWithCall", 90)]
    device.preemption.wire(1, on=False)
    passed = dict(states(device, 60))
    assert ("dwell" in passed) == served
    assert passed["notActive"] > 0


def test_the_delay_counts_before_the_entry_and_the_duration_after_it() -> None:
    device = cabinet(begun_s=40.0)
    set_up(device, 1, (4, 8), Delay=7, MinimumDuration=60, DwellGreen=5)
    device.preemption.wire(1, on=True)
    first = states(device, 8)
    assert first == [("notActiveWithCall", 70), ("entryStarted", 10)]
    device.preemption.wire(1, on=False)
    passed = states(device, 80)
    in_charge = 10 + sum(n for name, n in passed if name in ("entryStarted", "dwell"))
    assert in_charge == 600


def test_a_dwell_lasts_its_least_time_though_the_call_is_gone() -> None:
    device = cabinet(begun_s=40.0)
    set_up(device, 1, (4, 8), DwellGreen=33)
    device.preemption.wire(1, on=True)
    device.step()
    device.preemption.wire(1, on=False)
    # The first tenth of its green is still an entry.
    assert dict(states(device, 80))["dwell"] == 330 - 1


def test_a_call_that_flickers_during_its_service_is_not_remembered() -> None:
    device = cabinet(begun_s=40.0)
    set_up(device, 1, (4, 8), DwellGreen=5)
    device.preemption.wire(1, on=True)
    until(device, "dwell")
    for on in (False, True, False):
        device.preemption.wire(1, on=on)
        device.step()
    assert dict(states(device, 60)).keys() == {"dwell", "notActive"}


def test_too_long_a_presence_ends_the_service_until_the_call_goes_off() -> None:
    device = cabinet()
    set_up(device, 1, (4, 8), MaximumPresence=90)
    device.preemption.wire(1, on=True)
    passed = [name for name, _ in states(device, 300)]
    assert passed == ["entryStarted", "dwell", "maxPresence"]
    assert stored(device, "unitAlarmStatus4") == 0x02
    back_in_step(device)
    device.preemption.wire(1, on=False)
    device.step()
    assert (state(device), stored(device, "unitAlarmStatus4")) == ("notActive", 0)
    device.preemption.wire(1, on=True)
    until(device, "dwell")


def test_the_lower_number_interrupts_the_higher_and_then_gives_it_back() -> None:
    device = cabinet()
    set_up(device, 1, (3, 7))
    set_up(device, 3, (4, 8))
    device.preemption.wire(3, on=True)
    until(device, "dwell", 3)
    device.preemption.wire(1, on=True)
    until(device, "dwell", 1)
    assert (state(device, 3), stored(device, "preemptStatus")) == ("notActiveWithCall", 1)
    device.preemption.wire(1, on=False)
    until(device, "dwell", 3)
    assert phases(device) == (4, 8)


def test_a_higher_number_waits_for_the_lower() -> None:
    device = cabinet()
    set_up(device, 2, (3, 7), leave=(1, 5))
    set_up(device, 3, (4, 8))
    device.preemption.wire(2, on=True)
    until(device, "dwell", 2)
    device.preemption.wire(3, on=True)
    assert states(device, 60, 3) == [("notActiveWithCall", 600)]
    device.preemption.wire(2, on=False)
    # Straight from the one to the other, without the exit phases.
    assert {name for name, _ in states(device, 30, 2)} == {"notActive"}
    assert state(device, 3) == "dwell"


@pytest.mark.parametrize(
    ("controls", "interrupts"),
    [((0, 0), True), ((NOT_OVER_NEXT, 0), True), ((NOT_OVER_NEXT, NOT_OVER_NEXT), False)],
)
def test_rows_are_of_equal_rank_only_if_every_one_between_says_so(
    controls: tuple[int, int], interrupts: bool
) -> None:
    device = cabinet()
    for row, control in enumerate(controls, start=1):
        set_up(device, row, (3, 7), control=ENABLED | control)
    set_up(device, 3, (4, 8))
    device.preemption.wire(3, on=True)
    until(device, "dwell", 3)
    device.preemption.wire(1, on=True)
    device.advance(30)
    assert (state(device, 1) == "dwell") == interrupts
    device.preemption.wire(3, on=False)
    until(device, "dwell", 1)


def test_a_linked_preempt_is_called_after_the_dwell_for_as_long_as_the_demand() -> None:
    device = cabinet()
    set_up(device, 1, (2, 6), DwellGreen=5)
    set_up(device, 2, (4, 8), Link=1, DwellGreen=15)
    device.preemption.wire(2, on=True)
    until(device, "dwell", 2)
    assert dict(states(device, 14, 2)) == {"dwell": 140}
    until(device, "dwell", 1)
    device.advance(60)
    assert (state(device, 1), state(device, 2)) == ("dwell", "linkActive")
    device.preemption.wire(2, on=False)
    device.advance(1)
    assert (state(device, 1), state(device, 2)) == ("notActive", "notActive")


@pytest.mark.parametrize(("row", "link"), [(1, 2), (2, 2), (2, 4), (2, 99)])
def test_a_link_to_no_higher_rank_is_ignored(row: int, link: int) -> None:
    device = cabinet()
    for each in range(1, ROWS + 1):
        set_up(device, each, (4, 8), DwellGreen=5)
    put(device, "preemptLink", row, value=link)
    device.preemption.wire(row, on=True)
    until(device, "dwell", row)
    assert dict(states(device, 30, row)) == {"dwell": 300}


@pytest.mark.parametrize("case", ["disabled", "no phases", "one ring twice", "both barriers"])
def test_what_is_off_or_cannot_be_shown_is_not_served(case: str) -> None:
    device = cabinet()
    dwell = {"no phases": (), "one ring twice": (3, 4), "both barriers": (2, 8)}.get(case, (4, 8))
    set_up(device, 1, dwell, control=0 if case == "disabled" else ENABLED)
    device.preemption.wire(1, on=True)
    device.advance(100)
    assert state(device) == "notActiveWithCall"
    assert (device.pattern, device.in_step) == (1, True)
    if case == "disabled":
        put(device, "preemptControl", 1, value=ENABLED)
        until(device, "dwell")


def test_a_transaction_refuses_phases_that_are_never_green_together() -> None:
    device = cabinet()
    put(device, "dbCreateTransaction", value=2)
    put(device, "preemptDwellPhase", 2, value=bytes((2, 8)))
    put(device, "dbCreateTransaction", value=3)
    error = device.store.transaction.error_text.decode()
    assert error == "preemptDwellPhase 2 names phases [2, 8], which are never green together"


@pytest.mark.parametrize("name", LOCKED_COLUMNS)
def test_the_limits_of_an_entry_cannot_be_cut(name: str) -> None:
    device = cabinet()
    assert stored(device, name, 1) == 255
    refusal = device.store.set([(instance(name, 1), Syntax.INTEGER, 0)], b"change")
    assert refusal is not None
    assert refusal.fault is Fault.READ_ONLY


def test_a_set_calls_a_preempt_until_backup_takes_the_call_back() -> None:
    device = cabinet()
    set_up(device, 2, (4, 8), DwellGreen=5)
    put(device, "unitBackupTime", value=60)
    put(device, "preemptControlState", 2, value=1)
    until(device, "dwell", 2)
    assert stored(device, "preemptControlState", 2) == 1
    assert stored(device, "preemptStatusGroup", 1) == 0b10
    device.advance(60)
    assert stored(device, "preemptControlState", 2) == 0
    assert (state(device, 2), device.control) == ("notActive", "backupMode")


def test_a_restart_forgets_what_was_called_from_afar_but_hears_the_wire() -> None:
    device = cabinet()
    set_up(device, 1, (4, 8), control=ENABLED | NON_LOCKING, Delay=5)
    set_up(device, 2, (3, 7), control=ENABLED | NON_LOCKING, Delay=5)
    put(device, "preemptControlState", 1, value=1)
    device.preemption.wire(2, on=True)
    device.restart()
    device.advance(100)
    assert (state(device, 1), state(device, 2)) == ("notActive", "dwell")


def test_status_objects_name_the_preempt_and_not_a_plan() -> None:
    device = cabinet()
    set_up(device, 1, (4, 8))
    before = [stored(device, name) for name in ("unitAlarmStatus1", "localFreeStatus")]
    assert before == [0x80, OBJECTS["localFreeStatus"].number("notFree")]
    device.preemption.wire(1, on=True)
    until(device, "dwell")
    assert stored(device, "unitAlarmStatus1") == 0x40
    assert stored(device, "localFreeStatus") == OBJECTS["localFreeStatus"].number("inputFree")
    assert stored(device, "coordPatternStatus") == 254
    assert stored(device, "unitFlashStatus") == OBJECTS["unitFlashStatus"].number("notFlash")
    device.preemption.wire(1, on=False)
    device.advance(20)
    assert stored(device, "localFreeStatus") == OBJECTS["localFreeStatus"].number("notFree")


def test_phases_cycle_during_a_dwell_and_never_the_others() -> None:
    device = cabinet()
    set_up(device, 1, (2, 6))
    put(device, "preemptCyclingPhase", 1, value=bytes((1, 5)))
    device.preemption.wire(1, on=True)
    until(device, "dwell")
    shown = set()
    tape = [recorded(device)]
    for _ in range(3000):
        device.step()
        tape.append(recorded(device))
        shown.update(phases(device))
    assert shown == {1, 2, 5, 6}
    check_rings(EIGHT, tape)


@pytest.mark.parametrize(
    ("exit_type", "begun_s", "expected"),
    [
        ("exitPhases", 40.0, (1, 5)),
        # Phase 2 began at 20 s, so the entry at 22 s cuts it to its least green; 5 is older.
        ("shortService", 22.0, (2,)),
        ("shortService", 40.0, (1, 5)),
        ("queueDelayRecovery", 40.0, (3, 7)),
    ],
)
def test_the_exit_goes_where_its_type_says(
    exit_type: str, begun_s: float, expected: tuple[int, ...]
) -> None:
    device = cabinet(begun_s=begun_s)
    kind = OBJECTS["preemptExitType"]
    set_up(device, 1, (4, 8), leave=(1, 5), DwellGreen=1, ExitType=kind.number(exit_type))
    device.preemption.wire(1, on=True)
    until(device, "dwell")
    device.preemption.wire(1, on=False)
    until(device, "exitStarted")
    until(device, "notActive")
    assert tuple(phase for phase in phases(device) if phase) == expected


def test_an_exit_into_coordination_goes_to_where_the_cycle_is() -> None:
    device = cabinet()
    kind = OBJECTS["preemptExitType"]
    set_up(device, 1, (4, 8), leave=(3, 7), ExitType=kind.number("exitCoord"))
    device.preemption.wire(1, on=True)
    device.advance(125)
    device.preemption.wire(1, on=False)
    until(device, "notActive")
    assert phases(device) == (2, 5)


def test_the_older_edition_serves_whatever_has_phases() -> None:
    device = cabinet(edition=Edition.V1996)
    set_up(device, 1, (4, 8), control=0)
    device.preemption.wire(1, on=True)
    until(device, "dwell")
    assert not device.store.has(instance("preemptExitType", 1))


def test_an_unknown_input_is_refused() -> None:
    with pytest.raises(KeyError, match="preempt 9 of 4"):
        cabinet().preemption.wire(9, on=True)


@st.composite
def setups(draw: st.DrawFn, phasing: Phasing) -> list[dict[str, object]]:
    """Rows of the preempt table, usable and not."""
    numbers = [phase.number for phase in phasing.phases]

    def together() -> list[int]:
        barrier = phasing.phase(draw(st.sampled_from(numbers))).barrier
        found = []
        for ring in phasing.rings:
            here = [p.number for p in phasing.phases if (p.ring, p.barrier) == (ring, barrier)]
            if here and draw(st.integers(0, 4)):
                found.append(draw(st.sampled_from(here)))
        return found

    rows = []
    for _ in range(ROWS):
        flags = draw(st.sampled_from([0, NON_LOCKING, NOT_OVER_NEXT, NON_LOCKING | NOT_OVER_NEXT]))
        rows.append(
            {
                "dwell": together(),
                "track": together(),
                "leave": together(),
                "control": ENABLED | flags,
                "Delay": draw(st.sampled_from([0, 0, 1, 12])),
                "MinimumDuration": draw(st.sampled_from([0, 0, 30])),
                "TrackGreen": draw(st.sampled_from([0, 3, 15])),
                "DwellGreen": draw(st.sampled_from([1, 5, 20])),
                "MaximumPresence": draw(st.sampled_from([0, 0, 25])),
                "Link": draw(st.integers(0, ROWS)),
                "ExitType": draw(st.integers(1, 4)),
                "cycling": draw(st.lists(st.sampled_from(numbers), max_size=2)),
            }
        )
    return rows


MOST_SERVICE_S = 12 + 30 + 15 + 20
"""Of one preempt, entry and exit aside: delay, duration, track green and dwell."""


def upset(device: Cabinet, rows: list[dict[str, object]], data: st.DataObject) -> list[Row]:
    """Call preempts at random, end all calls, wait for coordination; return the tape."""
    for row, values in enumerate(rows, start=1):
        cycling = values.pop("cycling")
        set_up(device, row, **values)  # type: ignore[arg-type]
        put(device, "preemptCyclingPhase", row, value=bytes(cycling))  # type: ignore[arg-type]
    while not all(ring.green or not ring.phase for ring in device.rings.rings):
        device.step()
    tape = [recorded(device)]
    inputs = st.tuples(st.integers(1, ROWS), st.booleans(), st.booleans(), st.integers(0, 250))
    for row, wired, on, tenths in data.draw(st.lists(inputs, min_size=1, max_size=12)):
        if wired:
            device.preemption.wire(row, on=on)
        else:
            put(device, "preemptControlState", row, value=int(on))
        for _ in range(tenths):
            device.step()
            tape.append(recorded(device))
    for row in range(1, ROWS + 1):
        device.preemption.wire(row, on=False)
        put(device, "preemptControlState", row, value=0)
    cycle_s = device.config.plan_in_force.cycle_s
    most_s = ROWS * (MOST_SERVICE_S + 4 * cycle_s)
    for _ in range(most_s * 10):
        if not device.preemption.awake:
            break
        device.step()
        tape.append(recorded(device))
    assert not device.preemption.awake
    assert {state(device, row) for row in range(1, ROWS + 1)} == {"notActive"}
    back_in_step(device, tape)
    return tape


@thorough(10, 100, ring_cases(), st.integers(0, 900), st.data())
def test_no_calls_at_any_tenth_break_a_rule_of_two_rings(
    case: tuple[Phasing, TimingPlan], start_ds: int, data: st.DataObject
) -> None:
    phasing, plan = case
    device = cabinet(phasing, plan, start_ds / 10)
    check_rings(phasing, upset(device, data.draw(setups(phasing)), data))
    assert device.monitor_fault == ""
    assert_shows(device, plan, plan.cycle_s)


@thorough(8, 60, many_rings(), st.integers(0, 900), st.data())
def test_no_calls_at_any_tenth_break_a_rule_of_any_rings(
    case: tuple[Phasing, TimingPlan, TimingPlan], start_ds: int, data: st.DataObject
) -> None:
    phasing, plan, _ = case
    device = cabinet(phasing, plan, start_ds / 10)
    check_rings(phasing, upset(device, data.draw(setups(phasing)), data))
    assert device.monitor_fault == ""
    assert_shows(device, plan, plan.cycle_s)


@thorough(10, 60, phasings(least=2), st.integers(0, 900), st.data())
def test_no_calls_at_any_tenth_break_a_rule_of_a_stage_program(
    phasing: Phasing, start_ds: int, data: st.DataObject
) -> None:
    plan = data.draw(plans(phasing))
    device = cabinet(phasing, plan, start_ds / 10)
    tape = upset(device, data.draw(setups(phasing)), data)
    assert device.monitor_fault == ""
    check_tape(phasing, [lamps_seen for lamps_seen, _ in tape])


def test_no_control_of_the_center_stands_in_the_way_of_a_preempt() -> None:
    device = cabinet(begun_s=40.0)
    set_up(device, 1, (4, 8))
    put(device, "phaseControlGroupHold", 1, value=0xFF)
    put(device, "phaseControlGroupPhaseOmit", 1, value=0b1000_1000)
    device.advance(100)
    assert phases(device) == (2, 6)
    device.preemption.wire(1, on=True)
    device.step()
    put(device, "phaseControlGroupHold", 1, value=0xFF)
    until(device, "dwell", most_s=20)
    assert phases(device) == (4, 8)


@thorough(10, 100, ring_cases(), st.booleans(), st.integers(0, 900), st.data())
def test_an_actuated_signal_enters_lawfully_and_in_bounded_time(
    case: tuple[Phasing, TimingPlan], free: bool, start_ds: int, data: st.DataObject
) -> None:
    phasing, plan = case
    device = actuated(phasing, plan, start_s=start_ds / 10, pattern=254 if free else 1)
    numbers = [phase.number for phase in phasing.phases]
    values = data.draw(setups(phasing))[0]
    dwell = values["dwell"] or numbers[:1]
    set_up(device, 1, dwell, leave=values["leave"])  # type: ignore[arg-type]
    tape: list[Row] = []
    visits = st.lists(st.tuples(st.sets(st.sampled_from(numbers)), st.integers(1, 300)))
    for standing, tenths in data.draw(visits):
        occupy(device, standing)
        for _ in range(tenths):
            device.step()
            tape.append(recorded(device))
    device.preemption.wire(1, on=True)
    # What clears goes on to its phase, that gets its least green and clears, once per ring.
    least_s = sum(phase.min_split_s for phase in phasing.phases)
    for _ in range(2 * least_s * 10):
        if state(device) == "dwell":
            break
        device.step()
        tape.append(recorded(device))
    assert state(device) == "dwell"
    assert {phase for phase in phases(device) if phase} == set(dwell)  # type: ignore[call-overload]
    device.preemption.wire(1, on=False)
    occupy(device, numbers)
    for _ in range((2 * least_s + MOST_CYCLES * plan.cycle_s) * 10):
        if not device.preemption.awake and device.in_step and device.pattern == (254, 1)[not free]:
            break
        device.step()
        tape.append(recorded(device))
    assert (device.preemption.awake, device.in_step) == (False, True)
    assert device.monitor_fault == ""
