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
    same_order,
    wire_values,
)
from controllers.ntcip.objects import OBJECTS, Edition
from network.errors import ControllerError
from network.phasing import Phasing
from network.timing import OffsetReference
from tests.controllers.strategies import phasings, plans


def identity_of(phasing: Phasing) -> Identity:
    limits = tuple(
        PhaseLimits(p.number, p.min_green_s, p.yellow_ds, p.red_clear_ds, 0, 0)
        for p in phasing.phases
    )
    return Identity("NTCIP 1202", 1, limits, 16, 300, str(Edition.V03), 0, 1, (1,))


@given(st.data(), st.integers(1, 16), st.integers(1, 16))
def test_a_plan_comes_back_as_it_went(data: st.DataObject, pattern: int, sequence: int) -> None:
    phasing = data.draw(phasings())
    plan = data.draw(plans(phasing))
    identity = identity_of(phasing)
    values = encode_plan(plan, identity, Rows(pattern, pattern, sequence, None))
    row = encode_sequence(plan, identity, sequence).value
    assert isinstance(row, bytes)
    assert decode_plan("s", values, row, None) == plan
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
    row = encode_sequence(plan, identity, 9).value
    assert isinstance(row, bytes)
    decoded = decode_plan("s", values, row, reference)
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


@given(st.data())
def test_a_rotated_sequence_is_the_same_order(data: st.DataObject) -> None:
    plan = data.draw(plans(data.draw(phasings())))
    turn = data.draw(st.integers(0, len(plan.sequence) - 1))
    assert same_order(plan, bytes(plan.sequence[turn:] + plan.sequence[:turn]))
    assert not same_order(plan, bytes(plan.sequence[1:]))


def test_every_object_of_the_working_set_has_its_own_identifier() -> None:
    assert len({kind.oid for kind in OBJECTS.values()}) == len(OBJECTS)
    assert all(kind.low <= kind.high for kind in OBJECTS.values())
