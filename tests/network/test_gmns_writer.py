"""Writing GMNS folders, and reading them back."""

from __future__ import annotations

import csv
import re
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from network.errors import FormatError
from network.inventory import Crossing, Inventory, Lane, LaneUse, Node, NodeKind, Street, Turn
from network.inventory_signals import ControllerPhase, Detector
from network.readers.gmns import read_gmns
from network.readers.gmns_forms import EXTRAS, FORMS
from network.writers.gmns import write_gmns
from tests.network.gmns_folders import inventories, write_folder
from tests.network.streets import SHARED_DATA

Units = Literal["si", "us"]

NATIVE: dict[type, set[str]] = {
    Node: {"node_id", "x_m", "y_m", "kind", "name", "z_m", "parent_node"},
    Street: {
        "link_id",
        "from_node",
        "to_node",
        "name",
        "length_m",
        "speed_mps",
        "lanes",
        "shape_m",
        "grade_percent",
    },
    Lane: {"number", "use", "width_m", "storage_m"},
    Crossing: {"crossing_id", "node_id", "links", "length_m", "phases", "ends"},
    Turn: {
        "turn_id",
        "node_id",
        "from_link",
        "to_link",
        "kind",
        "lanes",
        "to_lanes",
        "protected_phases",
        "permitted_phases",
        "saturation_vph",
    },
    ControllerPhase: {
        "number",
        "ring",
        "barrier",
        "position",
        "min_green_ds",
        "yellow_ds",
        "red_clear_ds",
        "max_green_ds",
        "extension_ds",
        "walk_ds",
        "ped_clear_ds",
    },
    Detector: {"detector_id", "link_id", "lanes", "phase", "front_m", "length_m", "kind"},
}


def street(*lanes: Lane, **changes: Any) -> Inventory:
    """Return one link with these lanes."""
    link = Street("a", "1", "2", "", 100.0, 10.0, lanes)
    nodes = tuple(Node(n, 100.0 * int(n), 0.0, NodeKind.EXTERNAL) for n in ("1", "2"))
    return Inventory("one", nodes, (replace(link, **changes),), (), (), (), ())


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def bare(inventory: Inventory) -> Inventory:
    return replace(inventory, findings=())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(inventory=inventories(), units=st.sampled_from(("si", "us")))
def test_what_is_written_reads_back_the_same_and_writes_the_same_bytes(
    inventory: Inventory, units: Units
) -> None:
    with TemporaryDirectory() as place:
        first, second = Path(place) / "first", Path(place) / "second"
        assert write_gmns(first, inventory, units) == ()
        again = read_gmns(first)
        assert bare(again) == inventory
        write_gmns(second, again, units)
        assert content(first) == content(second)


@pytest.mark.parametrize("units", ["si", "us"])
def test_the_arlington_sample_survives_a_round_trip(tmp_path: Path, units: Units) -> None:
    if not (SHARED_DATA / "gmns_arlington").is_dir():
        pytest.skip("the GMNS sample is not at hand")
    sample = read_gmns(SHARED_DATA / "gmns_arlington")
    assert write_gmns(tmp_path / "a", sample, units) == ()
    again = read_gmns(tmp_path / "a")
    assert again == bare(sample)
    write_gmns(tmp_path / "b", again, units)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize("owner", NATIVE)
def test_every_attribute_has_a_column(owner: type) -> None:
    assert {field.name for field in fields(owner)} == NATIVE[owner] | set(EXTRAS[owner])


def test_only_columns_of_gmns_and_prefixed_ones_are_written(tmp_path: Path) -> None:
    write_gmns(tmp_path / "a", read_gmns(write_folder(tmp_path / "s")))
    for path in (tmp_path / "a").iterdir():
        form = FORMS[path.stem]
        with path.open(newline="") as stream:
            for column in next(csv.reader(stream)):
                known = {*form.read, *form.unread} - set(form.own)
                assert column in known or column.startswith("opt_")


def test_a_pocket_between_lanes_moves_the_lanes_right_of_it(tmp_path: Path) -> None:
    lanes = (
        Lane(0, LaneUse.BICYCLE, 1.5),
        Lane(1, storage_m=40.0),
        Lane(2),
        Lane(3, storage_m=9.0),
    )
    inventory = street(*lanes)
    write_gmns(tmp_path / "a", inventory)
    rows = (tmp_path / "a" / "segment_lane.csv").read_text().splitlines()
    # Left pocket -1, right pocket 2, and the bicycle lane, 2 upstream, is 3 beside it.
    assert sorted(row.split(",")[2] for row in rows[1:]) == ["-1", "2", "3"]
    assert bare(read_gmns(tmp_path / "a")) == inventory


@pytest.mark.parametrize("name", ["nan", "NULL", " a", "a;b", "a\nb", "a\0b"])
def test_a_name_a_table_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match=re.escape(repr(name))):
        write_gmns(tmp_path / "a", street(Lane(0), link_id=name))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("units", ["si", "us"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, value: float, units: Units) -> None:
    with pytest.raises(FormatError, match="finite"):
        write_gmns(tmp_path / "a", street(Lane(0), length_m=value), units)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("years of work")
    with pytest.raises(FormatError, match=r"thesis\.txt"):
        write_gmns(tmp_path / "a", street(Lane(0)))
    assert (tmp_path / "a" / "thesis.txt").read_text() == "years of work"


def test_no_table_of_an_earlier_folder_stays_behind(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a")
    write_gmns(folder, street(Lane(0)))
    assert not (folder / "signal_controller.csv").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_gmns_cannot_hold_is_told(tmp_path: Path) -> None:
    inventory = street(Lane(0))
    detector = Detector("d", "a", (0,), 2, 0.0, 2.0)
    crossing = Crossing("a", "1", (), None, ())
    dropped = write_gmns(
        tmp_path / "a", replace(inventory, detectors=(detector,), crossings=(crossing,))
    )
    assert ["'a'" in sentence or "'d'" in sentence for sentence in dropped] == [True, True]


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(FormatError):
        write_gmns(tmp_path / "a", street(Lane(0)))
