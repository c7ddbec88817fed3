"""UTDF out and in again: what is not said to be dropped comes back."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from network.errors import FormatError
from network.inventory import Inventory, Lane, LaneUse, NodeKind, Turn
from network.readers.utdf import read_utdf
from network.writers.utdf import write_utdf, write_utdf_folder
from tests.network.utdf_streets import BULLHEAD, TOWN, inventories

FAST = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def plain(inventory: Inventory) -> Inventory:
    return replace(inventory, name="", findings=())


def town(tmp_path: Path) -> Inventory:
    path = tmp_path / "town.csv"
    path.write_text(TOWN)
    return read_utdf(path)


@FAST
@given(inventory=inventories())
def test_what_is_not_said_to_be_dropped_comes_back(inventory: Inventory, tmp_path: Path) -> None:
    dropped = write_utdf(tmp_path / "a.csv", inventory)
    assert dropped == ()
    assert plain(read_utdf(tmp_path / "a.csv")) == plain(inventory)


@FAST
@given(inventory=inventories())
def test_written_again_the_bytes_are_equal(inventory: Inventory, tmp_path: Path) -> None:
    for metric in (False, True):
        write_utdf(tmp_path / "a.csv", inventory, metric=metric)
        write_utdf(tmp_path / "b.csv", read_utdf(tmp_path / "a.csv"), metric=metric)
        assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@FAST
@given(inventory=inventories())
def test_the_five_files_keep_lanes_turns_volumes_and_splits(
    inventory: Inventory, tmp_path: Path
) -> None:
    dropped = write_utdf_folder(tmp_path / "a", inventory)
    back = read_utdf(tmp_path / "a")
    assert back.turns == inventory.turns
    assert back.detectors == inventory.detectors
    bare = next((s for s in dropped if s.startswith("Lanes of links that lead to no turn")), "")
    assert [(link.link_id, link.length_m, link.speed_mps) for link in back.links] == [
        (link.link_id, link.length_m, link.speed_mps) for link in inventory.links
    ]
    assert bare or [link.lanes for link in back.links] == [link.lanes for link in inventory.links]
    plan, other = inventory.controllers[0].plans[0], back.controllers[0].plans[0]
    assert (other.phases, other.splits_ds, other.cycle_ds, other.offset_ds) == (
        plan.phases,
        plan.splits_ds,
        plan.cycle_ds,
        plan.offset_ds,
    )
    write_utdf_folder(tmp_path / "b", back)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_the_sample_comes_back_whole(tmp_path: Path) -> None:
    if not BULLHEAD.exists():
        pytest.skip("the shared data beside the repository are absent")
    inventory = read_utdf(BULLHEAD)
    assert write_utdf(tmp_path / "UTDF.csv", inventory) == ()
    back = read_utdf(tmp_path / "UTDF.csv")
    assert plain(back) == plain(inventory)
    write_utdf(tmp_path / "again.csv", back)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "UTDF.csv").read_bytes()


def test_start_and_end_times_of_the_sample_are_worked_out_as_synchro_does(tmp_path: Path) -> None:
    if not BULLHEAD.exists():
        pytest.skip("the shared data beside the repository are absent")
    write_utdf(tmp_path / "UTDF.csv", read_utdf(BULLHEAD))

    def times(path: Path) -> list[list[str]]:
        rows = csv.reader(path.read_text().splitlines())
        return [row for row in rows if row and row[0] in ("Start", "End", "LocalStart")]

    assert times(tmp_path / "UTDF.csv") == times(BULLHEAD)


def test_the_sample_survives_the_five_files_but_for_medians(tmp_path: Path) -> None:
    if not BULLHEAD.exists():
        pytest.skip("the shared data beside the repository are absent")
    inventory = read_utdf(BULLHEAD)
    (dropped,) = write_utdf_folder(tmp_path / "sample", inventory)
    assert dropped.startswith("Medians, which the older form lacks (42: ")
    links = tuple(replace(link, median_m=None) for link in inventory.links)
    assert plain(read_utdf(tmp_path / "sample")) == plain(replace(inventory, links=links))


def test_names_that_are_no_numbers_are_numbered_and_told(tmp_path: Path) -> None:
    street = town(tmp_path)
    nodes = tuple(
        replace(node, node_id="east" if node.node_id == "4" else node.node_id)
        for node in street.nodes
    )
    links = tuple(
        replace(
            link,
            from_node="east" if link.from_node == "4" else link.from_node,
            to_node="east" if link.to_node == "4" else link.to_node,
        )
        for link in street.links
    )
    dropped = write_utdf(tmp_path / "b.csv", replace(street, nodes=nodes, links=links))
    assert "Intersections have numbers, so that names became numbers (1: east)." in dropped
    assert "4>1" in {link.link_id for link in read_utdf(tmp_path / "b.csv").links}


def test_lanes_for_some_only_and_doubled_links_are_dropped_and_told(tmp_path: Path) -> None:
    street = town(tmp_path)
    first = street.links[0]
    bus = replace(first, lanes=(*first.lanes, Lane(3, LaneUse.BUS)))
    beside = replace(first, link_id="beside")
    links = (bus, *street.links[1:], beside)
    dropped = write_utdf(tmp_path / "b.csv", replace(street, links=links))
    assert [sentence.split(" (")[0] for sentence in dropped] == [
        "Lanes that are not open to all traffic were dropped",
        "Links beside another one between the same intersections, loops and links of more than "
        "20 lanes were dropped",
    ]
    assert plain(read_utdf(tmp_path / "b.csv")) == plain(street)


def test_signs_of_an_intersection_are_told_to_be_lost(tmp_path: Path) -> None:
    street = town(tmp_path)
    nodes = tuple(replace(node, kind=NodeKind.STOP) for node in street.nodes)
    dropped = write_utdf(tmp_path / "b.csv", replace(street, nodes=nodes, controllers=()))
    assert dropped == ("Stop and yield signs of whole intersections (4: 1, 2, 3, 4).",)


def test_lane_use_that_counts_cannot_say_is_told(tmp_path: Path) -> None:
    street = town(tmp_path)
    crossed = [
        replace(turn, lanes=(0,) if turn.turn_id == "2>1>1>4" else turn.lanes)
        for turn in street.turns
    ]
    dropped = write_utdf(tmp_path / "b.csv", replace(street, turns=tuple(crossed)))
    assert dropped[0].startswith("Lanes that cross each other, are shared beyond neighbors")


def test_a_one_way_link_is_listed_at_its_far_side_without_lanes(tmp_path: Path) -> None:
    street = town(tmp_path)
    one_way = replace(
        street,
        links=tuple(link for link in street.links if link.link_id != "4>1"),
        turns=tuple(turn for turn in street.turns if turn.from_link != "4>1"),
    )
    assert write_utdf(tmp_path / "b.csv", one_way) == ()
    assert "Up ID,1,2,3,4," in (tmp_path / "b.csv").read_text()
    assert plain(read_utdf(tmp_path / "b.csv")) == plain(one_way)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e300])
def test_values_a_file_cannot_hold_are_refused_and_nothing_is_written(
    value: float, tmp_path: Path
) -> None:
    street = town(tmp_path)
    turns: tuple[Turn, ...] = (replace(street.turns[0], volume_vph=value), *street.turns[1:])
    (tmp_path / "b.csv").write_text("before")
    with pytest.raises(FormatError, match="UTDF cannot hold"):
        write_utdf(tmp_path / "b.csv", replace(street, turns=turns))
    with pytest.raises(FormatError, match="UTDF cannot hold"):
        write_utdf_folder(tmp_path / "b", replace(street, turns=turns))
    assert (tmp_path / "b.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.csv", "town.csv"]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    street = town(tmp_path)
    with pytest.raises(FormatError, match="cannot be written"):
        write_utdf(tmp_path / "none" / "b.csv", street)
    with pytest.raises(FormatError, match="cannot be written"):
        write_utdf_folder(tmp_path / "town.csv", street)
