"""How an inventory is drawn before SUMO sees it."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import ScenarioError
from network.inventory import Inventory, Lane, LaneUse, TurnKind
from scenarios.inventory_drawing import FORBIDDEN, draw, net_names
from scenarios.polylines import between, span_m
from tests.inventories import POCKET_M, arterial


def _with_link(inventory: Inventory, link_id: str, **values: object) -> Inventory:
    links = tuple(
        replace(link, **values) if link.link_id == link_id else link  # type: ignore[arg-type]
        for link in inventory.links
    )
    return replace(inventory, links=links)


@given(st.lists(st.text(string.printable, min_size=1, max_size=6), unique=True))
def test_names_stay_unique_and_are_what_sumo_accepts(names: list[str]) -> None:
    found = net_names(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert not any(FORBIDDEN.search(name) or not name for name in found.values())


def test_a_name_that_sumo_accepts_is_kept_even_if_another_would_become_it() -> None:
    assert net_names(["a>b", "a_b"]) == {"a>b": "a_b.2", "a_b": "a_b"}


def test_a_pocket_opens_where_its_storage_begins() -> None:
    pieces = draw(arterial()).pieces["w0>c0"]
    assert [len(piece.lanes) for piece in pieces] == [2, 3]
    assert pieces[1].length_m == POCKET_M


def test_pockets_of_two_lengths_make_three_pieces() -> None:
    lanes = (Lane(0, storage_m=40.0), Lane(1), Lane(2), Lane(3, storage_m=90.0))
    pieces = draw(_with_link(arterial(), "w0>c0", lanes=lanes)).pieces["w0>c0"]
    assert [[lane.number for lane in piece.lanes] for piece in pieces] == [
        [1, 2],
        [1, 2, 3],
        [0, 1, 2, 3],
    ]
    assert [piece.length_m for piece in pieces[1:]] == [50.0, 40.0]


def test_a_pocket_as_long_as_its_link_is_a_lane() -> None:
    lanes = (Lane(0), Lane(1), Lane(2, storage_m=295.0))
    pieces = draw(_with_link(arterial(), "w0>c0", lanes=lanes)).pieces["w0>c0"]
    assert [len(piece.lanes) for piece in pieces] == [3]


def test_parking_lanes_are_left_out_and_said() -> None:
    lanes = (Lane(0, LaneUse.PARKING), Lane(1), Lane(2))
    drawing = draw(_with_link(arterial(), "w0>c0", lanes=lanes))
    assert [lane.number for lane in drawing.pieces["w0>c0"][0].lanes] == [1, 2]
    assert any("parking" in finding for finding in drawing.findings)


def test_a_length_that_differs_from_the_drawing_is_kept() -> None:
    drawing = draw(_with_link(arterial(), "c0>w0", length_m=400.0))
    assert drawing.pieces["c0>w0"][0].length_m == 400.0
    assert any("400 m as given" in finding for finding in drawing.findings)


def test_left_turns_end_on_the_left_and_right_turns_on_the_right() -> None:
    inventory = arterial()
    ways = draw(inventory).ways
    for turn in inventory.turns:
        if turn.kind is TurnKind.LEFT:
            to_lanes = next(x for x in inventory.links if x.link_id == turn.to_link).lanes
            full = [lane for lane in to_lanes if lane.storage_m is None]
            assert ways[turn.turn_id] == ((2, len(full) - 1),)
        if turn.kind is TurnKind.RIGHT:
            assert ways[turn.turn_id] == ((0, 0),)


def test_a_turn_between_links_that_do_not_meet_is_left_out() -> None:
    inventory = arterial()
    odd = replace(inventory.turns[0], to_link="c1>e1")
    drawing = draw(replace(inventory, turns=(odd, *inventory.turns[1:])))
    assert odd.turn_id not in drawing.ways
    assert any("left out" in finding for finding in drawing.findings)


def test_a_street_without_length_is_refused() -> None:
    inventory = arterial()
    nodes = tuple(
        replace(node, x_m=0.0, y_m=0.0) if node.node_id == "w0" else node
        for node in inventory.nodes
    )
    with pytest.raises(ScenarioError, match=r"ends lie 0\.00 m apart"):
        draw(replace(inventory, nodes=nodes))


def test_a_node_that_lies_nowhere_is_refused() -> None:
    inventory = arterial()
    nodes = (replace(inventory.nodes[0], x_m=float("nan")), *inventory.nodes[1:])
    with pytest.raises(ScenarioError, match="lies at"):
        draw(replace(inventory, nodes=nodes))


def test_nothing_to_drive_on_is_refused() -> None:
    with pytest.raises(ScenarioError, match="nothing to build"):
        draw(replace(arterial(), links=(), turns=()))


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_parts_of_a_line_are_as_long_as_asked(first: float, second: float) -> None:
    line = ((0.0, 0.0), (30.0, 40.0), (30.0, 100.0))
    begin_m, end_m = sorted((first * 110.0, second * 110.0))
    assert span_m(between(line, begin_m, end_m)) == pytest.approx(end_m - begin_m, abs=0.01)
