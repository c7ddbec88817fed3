"""Reading GMNS folders: streets, lanes, turns, crossings, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.errors import FormatError
from network.inventory import Inventory, LaneUse, NodeKind, Street, TurnKind
from network.readers.gmns import read_gmns
from tests.network.gmns_folders import SMALL, with_cell, write_folder


def read(folder: Path, **tables: str | None) -> Inventory:
    return read_gmns(write_folder(folder, tables))


def link(inventory: Inventory, name: str) -> Street:
    return next(link for link in inventory.links if link.link_id == name)


def refusal(folder: Path, **tables: str | None) -> str:
    with pytest.raises(FormatError) as caught:
        read(folder, **tables)
    return str(caught.value)


def with_column(table: str, column: str, *values: str) -> str:
    """Return a table of `SMALL` with one more column."""
    lines = SMALL[table].splitlines()
    cells = [column, *values, *[""] * (len(lines) - 1 - len(values))]
    quoted = [f'"{cell}"' if "," in cell else cell for cell in cells]
    return "\n".join(f"{line},{cell}" for line, cell in zip(lines, quoted, strict=True)) + "\n"


def test_a_plain_folder_reads_without_a_finding_but_the_yellow_and_the_splits(
    tmp_path: Path,
) -> None:
    found = read(tmp_path)
    assert [node.kind for node in found.nodes].count(NodeKind.SIGNAL) == 1
    assert (link(found, "we").length_m, link(found, "we").speed_mps) == (200.0, 20.0)
    assert [turn.kind for turn in found.turns] == [TurnKind.THROUGH, TurnKind.LEFT, TurnKind.LEFT]
    assert len(found.findings) == 2


@pytest.mark.parametrize(
    ("units", "length_m", "speed_mps"),
    [("foot,mile,mph", 321.8688, 32.18688), ("meter,meter,mps", 0.2, 72.0)],
)
def test_lengths_and_speeds_follow_the_declared_units(
    tmp_path: Path, units: str, length_m: float, speed_mps: float
) -> None:
    config = f"dataset_name,short_length,long_length,speed,crs\nx,{units},32632\n"
    we = link(read(tmp_path, config=config), "we")
    assert (we.length_m, we.speed_mps) == pytest.approx((length_m, speed_mps))


def test_without_a_config_table_feet_and_miles_are_taken_and_told(tmp_path: Path) -> None:
    found = read(tmp_path, config=None)
    assert link(found, "we").length_m == pytest.approx(321.8688)
    assert any("config.csv is missing" in finding for finding in found.findings)


def test_lengths_in_the_short_unit_under_the_name_of_the_long_one_are_seen(tmp_path: Path) -> None:
    text = SMALL["link"].replace(",0.2,", ",200,")
    found = read(tmp_path, link=text)
    assert link(found, "we").length_m == 200.0
    assert any("column length" in finding for finding in found.findings)


def test_degrees_become_meters(tmp_path: Path) -> None:
    config = SMALL["config"].replace("32632", "EPSG:4326")
    node = SMALL["node"].replace("200", "0.002").replace("400", "0.004")
    found = read(tmp_path, config=config, node=node)
    assert found.nodes[1].x_m - found.nodes[0].x_m == pytest.approx(222.4, abs=0.1)


def test_an_undirected_link_becomes_two(tmp_path: Path) -> None:
    found = read(tmp_path, link=with_cell("link", 2, "directed", "0"))
    assert (link(found, "we_back").from_node, link(found, "we_back").to_node) == ("1", "w")
    assert found.turns[0].from_link == "we"


@pytest.mark.parametrize(("flag", "told"), [("-1", False), ("0", False), ("1", True)])
def test_a_line_drawn_backward_is_turned_round(tmp_path: Path, flag: str, told: bool) -> None:
    lines = with_column("link", "geometry", "LINESTRING(200 5, 100 60, 0 5)").splitlines()
    flags = ["dir_flag", flag, "", "", ""]
    text = "\n".join(f"{line},{cell}" for line, cell in zip(lines, flags, strict=True))
    found = read(tmp_path, link=text + "\n")
    assert link(found, "we").shape_m == ((0.0, 5.0), (100.0, 60.0), (200.0, 5.0))
    assert any("link.csv, row 2, column dir_flag" in f for f in found.findings) is told


def test_a_line_may_come_from_the_geometry_table(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        link=with_column("link", "geometry_id", "g"),
        geometry='geometry_id,geometry\ng,"LINESTRING Z (0 0 9, 90 9 9, 200 0 9)"\n',
    )
    assert link(found, "we").shape_m == ((0.0, 0.0), (90.0, 9.0), (200.0, 0.0))


def test_lanes_are_numbered_from_the_right_and_pockets_take_their_place(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        lane=(
            "lane_id,link_id,lane_num,allowed_uses,width\n"
            "a,we,1,ALL,3.5\nb,we,2,ALL,3.5\nc,we,3,BIKE,1.5\nd,we,4,PARKING,2\n"
        ),
        segment=("segment_id,link_id,ref_node_id,start_lr,end_lr\nl,we,w,140,200\nr,we,1,0,40\n"),
        segment_lane=(
            "segment_lane_id,segment_id,lane_num,parent_lane_id,allowed_uses\n"
            "p,l,-1,,ALL\nq,r,3,d,ALL\ns,r,4,,BIKE\n"
        ),
        movement=SMALL["movement"].replace("2,1,we,1,,nn", "2,1,we,-1,,nn"),
    )
    lanes = [(lane.number, lane.use, lane.storage_m) for lane in link(found, "we").lanes]
    assert lanes == [
        (0, LaneUse.BICYCLE, None),
        (1, LaneUse.GENERAL, 40.0),
        (2, LaneUse.GENERAL, None),
        (3, LaneUse.GENERAL, None),
        (4, LaneUse.GENERAL, 60.0),
    ]
    assert [turn.lanes for turn in found.turns] == [(2, 3), (4,), (0,)]


def test_pockets_may_be_counted_only(tmp_path: Path) -> None:
    segment = (
        "segment_id,link_id,ref_node_id,start_lr,end_lr,l_lanes_added,r_lanes_added\n"
        "s,we,1,0,40,1,1\n"
    )
    lanes = link(read(tmp_path, segment=segment), "we").lanes
    assert [lane.storage_m for lane in lanes] == [40.0, None, None, 40.0]


def test_a_pocket_far_from_the_stop_line_is_told(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        segment="segment_id,link_id,ref_node_id,start_lr,end_lr,r_lanes_added\ns,we,w,20,60,1\n",
    )
    assert len(link(found, "we").lanes) == 2
    assert any("ends before the stop line" in finding for finding in found.findings)


def test_a_link_without_lanes_has_those_its_movements_name(tmp_path: Path) -> None:
    found = read(tmp_path, link=with_cell("link", 2, "lanes", ""))
    assert len(link(found, "we").lanes) == 2
    assert any("taken from movement.csv" in finding for finding in found.findings)


@pytest.mark.parametrize(
    ("uses", "use"),
    [
        ("all", LaneUse.GENERAL),
        ("motors", LaneUse.GENERAL),
        ("coach", LaneUse.GENERAL),
        ("BUS", LaneUse.BUS),
        ("walk, bike", LaneUse.BICYCLE),
        ("WALK", LaneUse.FOOT),
        ("shoulder", LaneUse.PARKING),
    ],
)
def test_uses_are_looked_up_in_groups(tmp_path: Path, uses: str, use: LaneUse) -> None:
    found = read(
        tmp_path,
        lane=f'lane_id,link_id,lane_num,allowed_uses\na,we,1,"{uses}"\nb,we,2,all\n',
        use_group='use_group,uses\nmotors,"loop, truck"\nloop,"motors, sov"\n',
        use_definition="use,pce\ncoach,2\n",
    )
    assert link(found, "we").lanes[-1].use is use


def test_movements_between_the_same_links_are_one_turn(tmp_path: Path) -> None:
    more = SMALL["movement"] + "4,1,we,2,,ee,1,,thru,signal\n"
    served = SMALL["signal_phase_mvmt"] + "4,b,4,,permitted\n"
    found = read(tmp_path, movement=more, signal_phase_mvmt=served)
    assert len(found.turns) == 3
    assert (found.turns[0].protected_phases, found.turns[0].permitted_phases) == ((2,), (4,))


def test_a_movement_whose_links_do_not_meet_is_left_out_and_told(tmp_path: Path) -> None:
    found = read(tmp_path, movement=with_cell("movement", 2, "ob_link_id", "ne"))
    assert len(found.turns) == 2
    assert any("movement.csv, row 2, column ob_link_id" in finding for finding in found.findings)


def test_a_right_turn_on_red_is_read_from_either_place(tmp_path: Path) -> None:
    movement = SMALL["movement"] + "4,1,ne,1,,nn,1,,right,signal_with_RTOR\n"
    assert read(tmp_path / "a", movement=movement).turns[-1].right_on_red is True
    served = SMALL["signal_phase_mvmt"] + "4,a,3,,rtor\n"
    turn = read(tmp_path / "b", signal_phase_mvmt=served).turns[-1]
    assert (turn.right_on_red, turn.protected_phases) == (True, (4,))


def test_a_crosswalk_served_by_a_phase_is_a_crossing(tmp_path: Path) -> None:
    node = with_column("node", "parent_node_id").rstrip("\n") + (
        "\nk1,,190,-9,,signal,1\nk2,,190,9,,signal,1\n"
    )
    walk = "x,,k1,k2,false,0.018,,\n"
    found = read(
        tmp_path,
        node=node,
        link=with_column("link", "allowed_uses").rstrip("\n")
        + "\n"
        + walk.rstrip("\n")
        + ",WALK\n",
        signal_phase_mvmt=SMALL["signal_phase_mvmt"] + "4,b,,x,protected\n",
    )
    (crossing,) = found.crossings
    assert (crossing.node_id, crossing.links, crossing.phases) == ("1", ("we",), (4,))
    assert (crossing.length_m, crossing.ends) == (18.0, ("k1", "k2"))
    assert found.nodes[-1].kind is NodeKind.UNCONTROLLED


def test_older_column_names_and_floated_names_are_understood(tmp_path: Path) -> None:
    node = SMALL["node"].replace("node_id", "id", 1)
    found = read(tmp_path, node=node, link=SMALL["link"].replace(",1,", ",1.0,"))
    assert link(found, "we").to_node == "1"


def test_ignored_columns_and_tables_are_listed_once(tmp_path: Path) -> None:
    (tmp_path / "zone.csv").write_text("zone_id\n1\n")
    found = read(tmp_path, node=with_column("node", "shoe_size", "43", "44"))
    assert sum("shoe_size" in finding for finding in found.findings) == 1
    assert any("tables not used: zone.csv" in finding for finding in found.findings)


@pytest.mark.parametrize("table", ["node", "link"])
def test_a_missing_table_is_named(tmp_path: Path, table: str) -> None:
    assert f"{table}.csv" in refusal(tmp_path, **{table: None})


@pytest.mark.parametrize("table", ["config", "movement", "signal_detector", "signal_coordination"])
def test_a_table_nothing_refers_to_may_be_missing(tmp_path: Path, table: str) -> None:
    tables: dict[str, str | None] = {table: None}
    if table == "movement":
        tables["signal_phase_mvmt"] = None
    assert len(read(tmp_path, **tables).links) == 4


@pytest.mark.parametrize(
    ("table", "by"),
    [
        ("signal_controller", "signal_coordination.csv, row 2, column controller_id"),
        ("signal_timing_plan", "signal_coordination.csv, row 2, column timing_plan_id"),
        ("signal_timing_phase", "signal_phase_mvmt.csv, row 2, column timing_phase_id"),
        ("movement", "signal_phase_mvmt.csv, row 2, column mvmt_id"),
    ],
)
def test_a_missing_table_others_refer_to_is_missed(tmp_path: Path, table: str, by: str) -> None:
    assert by in refusal(tmp_path, **{table: None})


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("link", 3, "from_node_id", "nowhere"),
        ("link", 3, "to_node_id", ""),
        ("link", 3, "directed", "maybe"),
        ("link", 3, "directed", ""),
        ("link", 3, "length", "-1"),
        ("link", 3, "length", "1e999"),
        ("link", 3, "free_speed", "fast"),
        ("link", 3, "free_speed", "999"),
        ("link", 3, "lanes", "2.5"),
        ("link", 3, "lanes", "1000000"),
        ("link", 3, "link_id", "we"),
        ("link", 3, "link_id", "NULL"),
        ("node", 3, "x_coord", "inf"),
        ("node", 3, "y_coord", "NaN"),
        ("node", 3, "x_coord", "1_0"),
        ("node", 4, "node_id", "1"),
        ("movement", 3, "node_id", "7"),
        ("movement", 3, "ib_link_id", "we2"),
        ("movement", 3, "start_ib_lane", "3"),
        ("movement", 2, "end_ib_lane", "9"),
        ("movement", 3, "start_ob_lane", "-1"),
        ("movement", 3, "type", "sideways"),
        ("signal_timing_plan", 2, "controller_id", "c9"),
        ("signal_timing_plan", 2, "cycle_length", "-5"),
        ("signal_timing_plan", 2, "time_day", "weekdays"),
        ("signal_timing_plan", 2, "time_day", "01111100_0600_2500"),
        ("signal_timing_phase", 3, "timing_plan_id", "night"),
        ("signal_timing_phase", 3, "signal_phase_num", "2"),
        ("signal_timing_phase", 3, "signal_phase_num", ""),
        ("signal_timing_phase", 3, "min_green", "-5"),
        ("signal_timing_phase", 3, "clearance", "99999"),
        ("signal_phase_mvmt", 3, "timing_phase_id", "z"),
        ("signal_phase_mvmt", 3, "mvmt_id", "9"),
        ("signal_phase_mvmt", 3, "mvmt_id", ""),
        ("signal_phase_mvmt", 3, "protection", "somewhat"),
        ("signal_coordination", 2, "coord_phase", "8"),
        ("signal_coordination", 2, "coord_contr_id", "c7"),
        ("signal_coordination", 2, "coord_ref_to", "noon"),
        ("signal_coordination", 2, "offset", "-1"),
        ("signal_detector", 2, "link_id", "ew"),
        ("signal_detector", 2, "start_lane", "4"),
        ("signal_detector", 2, "ref_node_id", "e"),
        ("config", 2, "short_length", "ell"),
    ],
)
def test_a_wrong_cell_is_refused_with_its_place(
    tmp_path: Path, table: str, row: int, column: str, value: str
) -> None:
    message = refusal(tmp_path, **{table: with_cell(table, row, column, value)})
    assert f"{table}.csv, row {row}, column {column}: found" in message
    assert "allowed is" in message
    assert "\n" not in message


def test_two_phases_in_one_place_are_refused(tmp_path: Path) -> None:
    message = refusal(
        tmp_path, signal_timing_phase=with_cell("signal_timing_phase", 3, "barrier", "1")
    )
    assert "row 3, column position" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("node_id,x_coord,y_coord\n1,2\n", "found 2 columns"),
        ("node_id,x_coord,y_coord\n1,2,3,4\n", "found 4 columns"),
        ("node_id,x_coord\n1,2\n", "no column y_coord"),
        ("node_id,x_coord,x_coord\n1,2,3\n", "x_coord twice"),
        ("", "no columns"),
        ('node_id,x_coord,y_coord\n"1,2,3\n', "not readable CSV"),
        ("node_id,x_coord,y_coord\n1\0,2,3\n", "NUL"),
        ("a," * 1_000_000 + "a\n", "a line of 2000001 characters"),
        ("a," * 1000 + "a\n", "1001 columns"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, part: str) -> None:
    assert part in refusal(tmp_path, node=text)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_text_in_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    folder = write_folder(tmp_path)
    (folder / "node.csv").write_bytes(SMALL["node"].replace("Main", "Bäche").encode(encoding))
    with pytest.raises(FormatError, match="not text in UTF-8"):
        read_gmns(folder)


def test_a_table_of_endless_length_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    with (folder / "node.csv").open("r+b") as stream:
        stream.truncate(3_000_000_000)
    with pytest.raises(FormatError, match="longer than"):
        read_gmns(folder)


@pytest.mark.parametrize(
    "shape", ["LINESTRING(0 0, x 1)", "LINESTRING(0 0)", "LINESTRING(0 0, 1 1"]
)
def test_a_broken_line_is_refused(tmp_path: Path, shape: str) -> None:
    assert "column geometry" in refusal(tmp_path, link=with_column("link", "geometry", shape))


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="not a folder"):
        read_gmns(tmp_path / "nowhere")
