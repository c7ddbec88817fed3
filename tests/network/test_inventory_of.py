"""Networks told as inventories, and plans put into them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from network.errors import PlanError
from network.inventory import NodeKind, TurnKind
from network.inventory_of import inventory_of
from network.inventory_plans import coordination_of, with_plans
from network.ring_timing import ring_timing
from tests.inventories import arterial
from tests.network.streets import ALL, network


@pytest.mark.parametrize("name", ALL)
def test_every_real_network_becomes_an_inventory(name: str) -> None:
    street = network(name)
    found = inventory_of(street)
    known = {s.signal_id for s in street.signals.values() if s.phasing is not None}
    assert {controller.controller_id for controller in found.controllers} == known
    assert len(found.links) == len(street.links)
    assert {turn.turn_id for turn in found.turns} >= set(street.movements)


@pytest.mark.parametrize("name", ALL)
def test_a_plan_in_force_survives_being_told_as_a_sheet(name: str) -> None:
    for signal in network(name).signals.values():
        if signal.phasing is None or signal.plan_in_force is None:
            continue
        plan = signal.plan_in_force
        controller = next(
            c for c in inventory_of(network(name)).controllers if c.controller_id == plan.signal_id
        )
        timing = ring_timing(controller, controller.plans[0])
        assert timing.findings == ()
        assert timing.sequence == plan.sequence
        assert timing.cycle_ds == plan.cycle_s * 10
        event_ds = timing.event_ds(controller.plans[0].reference, (plan.coordinated_phase,))
        begin_s = plan.begin_s(signal.phasing)
        assert (plan.offset_s * 10 - event_ds) % timing.cycle_ds == begin_s * 10
        return


def test_approaches_of_a_node_have_headings_of_their_own() -> None:
    found = inventory_of(network("grid4x4"))
    seen = Counter((link.to_node, link.direction) for link in found.links)
    assert max(seen.values()) == 1
    assert {link.direction for link in found.links} == {"NB", "EB", "SB", "WB"}


def test_ends_of_the_network_are_external_nodes() -> None:
    kinds = Counter(node.kind for node in inventory_of(network("grid4x4")).nodes)
    assert kinds == {NodeKind.SIGNAL: 16, NodeKind.EXTERNAL: 16}


def test_turns_know_which_way_they_go() -> None:
    kinds = Counter(turn.kind for turn in inventory_of(network("grid4x4")).turns)
    assert kinds == {TurnKind.LEFT: 64, TurnKind.THROUGH: 64, TurnKind.RIGHT: 64}


def test_a_plan_comes_before_those_of_the_source() -> None:
    street = network("grid4x4")
    inventory = inventory_of(street)
    signal = street.signals["A0"]
    assert signal.plan_in_force is not None
    moved = replace(signal.plan_in_force, offset_s=7)
    changed = with_plans(inventory, [moved], street, {})
    for controller in changed.controllers:
        names = [plan.plan_id for plan in controller.plans]
        expected = ["throughband", "in-force"] if controller.controller_id == "A0" else ["in-force"]
        assert names == expected
    assert next(c for c in changed.controllers if c.controller_id == "A0").plans[0].offset_ds == 70


def test_a_plan_keeps_what_the_source_says_of_a_phase() -> None:
    inventory = arterial(1)
    street = network("grid4x4")
    signal = street.signals["A0"]
    assert signal.plan_in_force is not None
    changed = with_plans(inventory, [signal.plan_in_force], street, {"A0": "c0"})
    first = changed.controllers[0].plans[0].phases[0]
    assert first.max_green_ds == 300
    assert first.min_green_ds == 50


def test_a_plan_of_an_unknown_signal_is_refused() -> None:
    street = network("grid4x4")
    plan = street.signals["A0"].plan_in_force
    assert plan is not None
    with pytest.raises(PlanError, match="no controller for signal 'A0'"):
        with_plans(arterial(1), [plan], street, {})


def test_phases_of_one_ring_keep_their_order() -> None:
    signal = network("grid4x4").signals["A0"]
    assert signal.plan_in_force is not None
    assert signal.phasing is not None
    sheet = coordination_of(signal.plan_in_force, signal.phasing, "x")
    served = [phase for phase in sheet.phases if phase.number in sheet.splits_ds]
    assert tuple(p.number for p in served) == signal.plan_in_force.sequence
    assert [p.position for p in served] == list(range(1, len(served) + 1))
