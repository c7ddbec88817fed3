"""What is in force is shown beside what was derived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from network.derive import Practice, derive_signal, differences
from network.phasing import Phasing
from tests.network import streets
from tests.network.derive.corners import FOUR, corner


def test_nothing_differs_where_nothing_is_in_force_or_all_is_as_derived() -> None:
    network, signal = corner(FOUR)
    found = derive_signal(network, signal)
    assert differences(signal, found) == ()
    assert differences(replace(signal, phasing=found.phasing), found) == ()


@pytest.mark.parametrize(
    ("change", "quantity", "in_force", "value"),
    [
        ({"yellow_ds": 45}, "yellow change", 4.5, 3.3),
        ({"red_clear_ds": 25}, "red clearance", 2.5, 1.0),
        ({"min_green_s": 12}, "least green", 12, 10),
        ({"walk_s": 8}, "walk", 8, 7),
        ({"ped_clear_s": 20}, "pedestrian clearance", 20, 14),
    ],
)
def test_each_value_is_named_with_its_phase_and_unit(
    change: dict[str, int], quantity: str, in_force: float, value: float
) -> None:
    network, signal = corner(FOUR)
    found = derive_signal(network, signal)
    phases = tuple(replace(p, **change) if p.number == 2 else p for p in found.phasing.phases)
    (difference,) = differences(replace(signal, phasing=Phasing(phases, {})), found)
    assert (difference.where, difference.quantity, difference.unit) == ("phase 2", quantity, "s")
    assert difference.in_force == in_force
    assert difference.derived == pytest.approx(value, abs=1.0)
    assert quantity in difference.text
    assert "in force" in difference.text


def test_other_phase_numbers_are_told() -> None:
    network, signal = corner(FOUR)
    turned = derive_signal(network, signal, main_street=("in90",))
    found = differences(replace(signal, phasing=turned.phasing), derive_signal(network, signal))
    numbers = {d.where: d.derived for d in found if d.quantity == "phase number"}
    assert numbers["phase 2"] == 4


def test_other_rights_of_way_are_told_by_movement() -> None:
    network, signal = corner(FOUR)
    arrows = Practice(arrow_only_lanes=1)
    strict = derive_signal(network, signal, practice=arrows)
    found = differences(replace(signal, phasing=strict.phasing), derive_signal(network, signal))
    lefts = [d for d in found if d.quantity == "right of way"]
    assert len(lefts) == 4
    assert {d.in_force for d in lefts} == {"protected"}
    assert {d.derived for d in lefts} == {"protected and permissive"}


@pytest.mark.parametrize("name", streets.ALL)
def test_every_real_signal_can_be_compared(name: str) -> None:
    network = streets.network(name)
    for signal in network.signals.values():
        if signal.movements:
            for difference in differences(signal, derive_signal(network, signal)):
                assert difference.in_force != difference.derived
                assert signal.signal_id in difference.text
