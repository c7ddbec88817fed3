from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from controllers.driver import Identity, ObjectValue, PhaseLimits
from controllers.ntcip.codec import (
    WRITABLE,
    Rows,
    decode_plan,
    encode_plan,
    encode_sequence,
    wire_values,
)
from controllers.ntcip.objects import OBJECTS, Edition
from network.errors import ControllerError, PlanError
from network.phasing import Phase, Phasing
from network.timing import OffsetReference, TimingPlan
from tests.controllers.strategies import phasings, plans, ring_cases


def identity_of(phasing: Phasing) -> Identity:
    limits = tuple(
        PhaseLimits(
            p.number,
            p.min_green_s,
            p.yellow_ds,
            p.red_clear_ds,
            p.walk_s,
            p.ped_clear_s,
            p.ring,
            frozenset(
                o.number for o in phasing.phases if o.ring != p.ring and o.barrier == p.barrier
            ),
        )
        for p in phasing.phases
    )
    return Identity("NTCIP 1202", 1, limits, 16, 300, str(Edition.V03), 0, 1, (1,))


def rows(plan: TimingPlan, identity: Identity) -> list[bytes]:
    values = [entry.value for entry in encode_sequence(plan, identity, 9)]
    return [value for value in values if isinstance(value, bytes)]


@given(st.data(), st.integers(1, 16), st.integers(1, 16))
def test_a_plan_comes_back_as_it_went(data: st.DataObject, pattern: int, sequence: int) -> None:
    phasing = data.draw(phasings())
    plan = data.draw(plans(phasing))
    identity = identity_of(phasing)
    values = encode_plan(plan, identity, Rows(pattern, pattern, sequence, None))
    assert decode_plan("s", values, rows(plan, identity), identity, None) == plan
    assert len(wire_values(values)) == 5 + 3 * len(phasing.phases) - 1


@given(st.data(), st.sampled_from(OffsetReference))
def test_an_offset_in_the_devices_reference_names_the_same_instant(
    data: st.DataObject, reference: OffsetReference
) -> None:
    phasing = data.draw(phasings())
    plan = data.draw(plans(phasing))
    identity = identity_of(phasing)
    try:
        values = encode_plan(plan, identity, Rows(9, 9, 9, reference))
    except ControllerError:
        assume(False)
    decoded = decode_plan("s", values, rows(plan, identity), identity, reference)
    assert decoded.offset_reference is reference
    assert decoded.begin_s(phasing) == plan.begin_s(phasing)


@given(st.sampled_from(sorted(set(OBJECTS) - WRITABLE)), st.integers(0, 255))
def test_nothing_but_coordination_objects_can_be_encoded(name: str, value: int) -> None:
    with pytest.raises(ControllerError, match="not an object this bridge writes"):
        wire_values([ObjectValue(name, (1,), value)])


def test_the_allow_list_holds_no_phase_timing() -> None:
    assert not [name for name in WRITABLE if name.startswith(("phase", "unit", "overlap"))]


@pytest.mark.parametrize("value", [-1, 256])
def test_values_out_of_range_are_not_encoded(value: int) -> None:
    with pytest.raises(ControllerError, match="outside 0 to 255"):
        wire_values([ObjectValue("patternOffsetTime", (9,), value)])


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (ObjectValue("splitTime", (9,), 20), r"splitTime has no row \[9\]"),
        (ObjectValue("patternCycleTime", (), 90), r"patternCycleTime has no row \[\]"),
        (ObjectValue("patternCycleTime", (0,), 90), r"patternCycleTime has no row \[0\]"),
        (ObjectValue("patternCycleTime", (256,), 90), r"patternCycleTime has no row \[256\]"),
        (ObjectValue("systemPatternControl", (1,), 9), r"systemPatternControl has no row \[1\]"),
        (ObjectValue("patternCycleTime", (9,), b"Z"), "patternCycleTime is b'Z'; allowed is int"),
        (ObjectValue("sequenceData", (9, 1), 3), "sequenceData is 3; allowed is bytes"),
        (ObjectValue("splitMode", (9, 1), 9), "outside 1 to 8"),
        (ObjectValue("dbCreateTransaction", (), 4), "outside 1 to 6"),
        (ObjectValue("systemPatternControl", (), 255), "does not call for flash"),
        (ObjectValue("timebaseAscPattern", (2,), 255), "does not call for flash"),
    ],
)
def test_what_no_plan_needs_is_not_encoded(entry: ObjectValue, text: str) -> None:
    with pytest.raises(ControllerError, match=text):
        wire_values([entry])


def test_a_scalar_goes_where_the_device_keeps_it_and_nowhere_else() -> None:
    call = ObjectValue("systemPatternControl", (), 9)
    base = OBJECTS["systemPatternControl"].oid
    for suffix in ((), (0,), (1,)):
        [(oid, _)] = wire_values([call], {call.name: suffix})
        assert oid == base + suffix
    with pytest.raises(ControllerError, match="cannot be at instance"):
        wire_values([call], {call.name: (2, 1)})


def test_every_object_of_the_working_set_has_its_own_identifier() -> None:
    assert len({kind.oid for kind in OBJECTS.values()}) == len(OBJECTS)
    assert all(kind.low <= kind.high for kind in OBJECTS.values())


@given(ring_cases())
def test_a_plan_of_two_rings_comes_back_as_it_went(case: tuple[Phasing, TimingPlan]) -> None:
    phasing, plan = case
    identity = identity_of(phasing)
    values = encode_plan(plan, identity, Rows(9, 9, 9, None))
    written = rows(plan, identity)
    assert decode_plan("X", values, written, identity, None) == plan
    phasing.segments([number for row in written for number in row])


@given(ring_cases(), st.sampled_from(OffsetReference))
def test_rings_keep_their_instant_when_an_offset_is_converted(
    case: tuple[Phasing, TimingPlan], reference: OffsetReference
) -> None:
    phasing, plan = case
    identity = identity_of(phasing)
    try:
        values = encode_plan(plan, identity, Rows(9, 9, 9, reference))
    except ControllerError:
        assume(False)
    decoded = decode_plan("X", values, rows(plan, identity), identity, reference)
    assert decoded.begin_s(phasing) == plan.begin_s(phasing)


EIGHT = Phasing(
    tuple(
        Phase(n, "r", 5, 30, 20, 1 if n < 5 else 2, 1 if n in (1, 2, 5, 6) else 2)
        for n in range(1, 9)
    ),
    {},
)
LEADING = TimingPlan("s", 100, (1, 2, 3, 4, 5, 6, 7, 8), (20, 40, 15, 25, 30, 30, 20, 20), 7, 2)


def test_phases_left_out_stay_on_their_side_of_the_barrier() -> None:
    plan = TimingPlan("s", 100, (2, 4, 3, 6, 5, 8), (60, 25, 15, 35, 25, 40), 0, 2)
    assert rows(plan, identity_of(EIGHT)) == [bytes((2, 1, 4, 3)), bytes((6, 5, 8, 7))]
    plan = TimingPlan("s", 100, (4, 2, 6), (40, 60, 60), 0, 2)
    assert rows(plan, identity_of(EIGHT)) == [bytes((4, 3, 2, 1)), bytes((7, 8, 6, 5))]


@pytest.mark.parametrize(
    ("point", "phase", "reference"),
    [
        ("firstCoordPhsGrnBegin", 2, OffsetReference.BEGIN_GREEN),
        ("lastCoordPhsGrnBegin", 6, OffsetReference.BEGIN_GREEN),
        ("firstCoordPhsGrnEnd", 2, OffsetReference.BEGIN_YELLOW),
        ("lastCoordPhsYelEnd", 2, OffsetReference.END_YELLOW),
    ],
)
def test_the_sync_point_tells_which_of_two_coordinated_phases_is_meant(
    point: str, phase: int, reference: OffsetReference
) -> None:
    identity = identity_of(EIGHT)
    sync = OBJECTS["patternCoordSyncPoint"]
    values = [
        ObjectValue("splitCoordPhase", (9, 6), 1)
        if (entry.name, entry.index) == ("splitCoordPhase", (9, 6))
        else ObjectValue(sync.name, (9,), sync.number(point))
        if entry.name == sync.name
        else entry
        for entry in encode_plan(LEADING, identity, Rows(9, 9, 9, None))
    ]
    found = decode_plan("s", values, rows(LEADING, identity), identity, None)
    assert (found.coordinated_phase, found.offset_reference) == (phase, reference)


def test_two_coordinated_phases_of_one_ring_make_no_plan() -> None:
    identity = identity_of(EIGHT)
    values = [
        ObjectValue("splitCoordPhase", (9, 1), 1)
        if (entry.name, entry.index) == ("splitCoordPhase", (9, 1))
        else entry
        for entry in encode_plan(LEADING, identity, Rows(9, 9, 9, None))
    ]
    with pytest.raises(PlanError, match="2 coordinated phases, not one"):
        decode_plan("s", values, rows(LEADING, identity), identity, None)
