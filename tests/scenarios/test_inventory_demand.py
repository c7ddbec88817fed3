"""An hour of traffic out of turning counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from network.dual_ring import services
from network.inventory import Inventory, TurnKind
from network.ring_timing import RingTiming, ring_timing
from scenarios.inventory_demand import (
    hourly_volumes,
    interior_links,
    route_lines,
    trips,
)
from scenarios.inventory_drawing import Drawing, draw
from tests.inventories import arterial


def _volumes(inventory: Inventory) -> tuple[Drawing, dict[str, int], tuple[str, ...]]:
    drawing = draw(inventory)
    timings: dict[str, RingTiming] = {}
    phases: dict[str, frozenset[int]] = {}
    for controller in inventory.controllers:
        timings[controller.controller_id] = ring_timing(controller, controller.plans[0])
        here = [turn for turn in inventory.turns if turn.node_id in controller.nodes]
        served, _ = services(controller, here)
        phases |= {name: service.phases for name, service in served.items()}
    volumes, findings = hourly_volumes(inventory, drawing, timings, phases)
    return drawing, volumes, findings


def _with_volume(inventory: Inventory, kind: TurnKind, vph: float | None, node: str) -> Inventory:
    turns = tuple(
        replace(turn, volume_vph=vph) if turn.kind is kind and turn.node_id == node else turn
        for turn in inventory.turns
    )
    return replace(inventory, turns=turns)


def test_every_counted_turn_is_made_as_often_as_counted() -> None:
    inventory = arterial(3)
    drawing, volumes, _ = _volumes(inventory)
    made: Counter[str] = Counter()
    names = {(t.from_link, t.to_link): t.turn_id for t in inventory.turns}
    for trip in trips(inventory, drawing, volumes, np.random.default_rng(5)):
        pairs = zip(trip.links[:-1], trip.links[1:], strict=True)
        made.update(names[pair] for pair in pairs)
    assert made == Counter(volumes)


def test_equal_seeds_give_equal_traffic() -> None:
    inventory = arterial()
    drawing, volumes, _ = _volumes(inventory)
    first, again, other = (
        trips(inventory, drawing, volumes, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_departures_come_in_order_within_the_hour() -> None:
    inventory = arterial()
    drawing, volumes, _ = _volumes(inventory)
    found = [t.depart_s for t in trips(inventory, drawing, volumes, np.random.default_rng(1))]
    assert found == sorted(found)
    assert 0 <= found[0] <= found[-1] <= 3600


def test_a_count_above_the_saturation_flow_is_cut_to_what_the_green_lets_pass() -> None:
    inventory = _with_volume(arterial(), TurnKind.THROUGH, 7732.0, "c0")
    _, volumes, findings = _volumes(inventory)
    through = next(
        t for t in inventory.turns if t.from_link == "w0>c0" and t.kind is TurnKind.THROUGH
    )
    # 2 lanes of 1900 veh/h, green 29.5 s of 90 s, of which 7732 of 7782 counted go straight on
    assert volumes[through.turn_id] == pytest.approx(3800 * 29.5 / 90 * 7732 / 7782, abs=1)
    assert any("cannot be" in finding for finding in findings)


def test_a_count_above_capacity_and_below_saturation_is_kept() -> None:
    inventory = _with_volume(arterial(), TurnKind.THROUGH, 2000.0, "c0")
    _, volumes, _ = _volumes(inventory)
    assert max(volumes.values()) == 2000


def test_what_two_corners_disagree_on_begins_or_ends_midway_and_is_said() -> None:
    inventory = _with_volume(arterial(), TurnKind.THROUGH, 800.0, "c1")
    drawing, volumes, findings = _volumes(inventory)
    assert any("begin midway" in finding for finding in findings)
    assert interior_links(inventory) == {"c0>c1", "c1>c0"}
    found = trips(inventory, drawing, volumes, np.random.default_rng(1))
    text = "".join(route_lines(drawing, found, interior_links(inventory)))
    assert 'departPos="random_free"' in text
    assert sum(trip.links[0] == "c0>c1" for trip in found) > 300


def test_traffic_goes_straight_on_over_a_corner_that_was_not_counted() -> None:
    inventory = arterial(3)
    for kind in TurnKind:
        inventory = _with_volume(inventory, kind, None, "c1")
    _, volumes, findings = _volumes(inventory)
    into = sum(
        count
        for turn in inventory.turns
        if turn.to_link == "c0>c1" and (count := volumes[turn.turn_id])
    )
    onward = {t.kind: volumes[t.turn_id] for t in inventory.turns if t.from_link == "c0>c1"}
    assert onward == {TurnKind.LEFT: 0, TurnKind.THROUGH: into, TurnKind.RIGHT: 0}
    assert any("not counted" in finding for finding in findings)


def test_without_any_count_there_is_no_traffic() -> None:
    _, volumes, findings = _volumes(arterial(counted=False))
    assert (volumes, findings) == ({}, ())


def test_growth_multiplies_what_was_counted() -> None:
    inventory = arterial()
    grown = replace(inventory, turns=tuple(replace(t, growth=1.5) for t in inventory.turns))
    _, volumes, _ = _volumes(inventory)
    _, more, _ = _volumes(grown)
    assert {name: count * 1.5 for name, count in volumes.items()} == more
