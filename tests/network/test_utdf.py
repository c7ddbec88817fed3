"""UTDF in: both forms, real files, and one message for what is wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from network.errors import FormatError
from network.inventory import Inventory, NodeKind, TurnKind
from network.inventory_signals import ControlKind, ReferencePoint
from network.readers.utdf import read_utdf
from tests.network.utdf_streets import BULLHEAD, TOWN

Reader = Callable[..., Inventory]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    def reader(text: str | bytes = TOWN, *changes: tuple[str, str]) -> Inventory:
        path = tmp_path / "town.csv"
        if isinstance(text, str):
            for old, new in changes:
                assert old in text, old
                text = text.replace(old, new, 1)
            text = text.encode()
        path.write_bytes(text)
        return read_utdf(path)

    return reader


@pytest.fixture(scope="module")
def bullhead() -> Inventory:
    if not BULLHEAD.exists():
        pytest.skip("the shared data beside the repository are absent")
    return read_utdf(BULLHEAD)


def gmns(table: str) -> list[dict[str, str]]:
    path = BULLHEAD.parent / "gmns" / f"{table}.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_street_is_read_in_si_units(read: Reader) -> None:
    street = read()
    assert [node.kind for node in street.nodes] == [NodeKind.SIGNAL, *[NodeKind.EXTERNAL] * 3]
    assert street.nodes[0].name == "Main"
    north = next(link for link in street.links if link.link_id == "2>1")
    assert (north.name, north.direction) == ("First, St", "NB")
    assert north.length_m == pytest.approx(304.8)
    assert north.speed_mps == pytest.approx(35 * 0.44704)
    assert next(link for link in street.links if link.link_id == "3>1").grade_percent == -2.0
    left = north.lanes[-1]
    assert [lane.storage_m for lane in north.lanes[:-1]] == [None, None]
    assert (left.width_m, left.storage_m) == (pytest.approx(3.3528), pytest.approx(45.72))


def test_turns_share_lanes_and_phases_as_the_codes_say(read: Reader) -> None:
    turns = {turn.turn_id: turn for turn in read().turns}
    assert turns["2>1>1>4"].lanes == (2,)
    assert turns["2>1>1>4"].protected_phases == (5,)
    assert turns["2>1>1>4"].permitted_phases == (2,)
    assert turns["3>1>1>2"].lanes == (0, 1)
    right = turns["3>1>1>4"]
    assert (right.kind, right.lanes, right.protected_phases) == (TurnKind.RIGHT, (0,), (6,))
    assert turns["4>1>1>2"].lanes == (0,) == turns["4>1>1>3"].lanes
    assert turns["3>1>1>2"].heavy_share == 0.04


def test_phases_splits_and_the_offset_reference(read: Reader) -> None:
    (controller,) = read().controllers
    (plan,) = controller.plans
    assert controller.nodes == ("1",)
    assert [phase.number for phase in plan.phases] == [2, 4, 5, 6]
    assert [(phase.barrier, phase.ring, phase.position) for phase in plan.phases] == [
        (1, 1, 2),
        (2, 1, 2),
        (1, 2, 1),
        (1, 2, 2),
    ]
    assert (plan.cycle_ds, plan.offset_ds) == (900, 125)
    assert plan.control is ControlKind.COORDINATED
    assert plan.reference is ReferencePoint.LAST_GREEN
    assert plan.reference_phases == (2, 6)


def test_a_ring_that_does_not_fill_its_cycle_is_completed_and_told(read: Reader) -> None:
    street = read()
    assert dict(street.controllers[0].plans[0].splits_ds) == {2: 600, 4: 300, 5: 140, 6: 460}
    (finding,) = [text for text in street.findings if "do not fill the cycle" in text]
    assert finding == (
        "Controller 1: by MaxGreen, Yellow and AllRed its phases do not fill the cycle of 90 s "
        "(ring 1 90 s, ring 2 59 s); phase 6 was lengthened to the barrier."
    )


def test_what_the_cycle_leaves_goes_to_the_reference_phases(read: Reader) -> None:
    street = read(TOWN, ("Cycle Length,1,90.0", "Cycle Length,1,95"))
    assert dict(street.controllers[0].plans[0].splits_ds) == {2: 650, 4: 300, 5: 140, 6: 510}


def test_splits_longer_than_the_cycle_are_left_and_told(read: Reader) -> None:
    street = read(TOWN, ("Cycle Length,1,90.0", "Cycle Length,1,60"))
    assert dict(street.controllers[0].plans[0].splits_ds) == {2: 600, 4: 300, 5: 140, 6: 450}
    assert any("need more than the cycle" in text for text in street.findings)


def test_start_and_end_times_go_before_greens(read: Reader) -> None:
    times = "Start,1,,0,,60,46,0,,\nEnd,1,,60,,0,60,46,,\n"
    street = read(TOWN + times)
    assert dict(street.controllers[0].plans[0].splits_ds) == {2: 600, 4: 300, 5: 140, 6: 460}
    (finding,) = [text for text in street.findings if "completed by Start and End" in text]
    assert "phase 6 lasts 46 s instead of 45 s" in finding
    assert any("the offset of 12.5 s is not where its start times" in t for t in street.findings)


def test_meters_are_meters(read: Reader) -> None:
    street = read(TOWN, ("Metric,0", "Metric,1"))
    link = street.links[0]
    assert (link.length_m, link.speed_mps) == (1000.0, pytest.approx(35 / 3.6))
    assert street.nodes[1].y_m == -1000.0


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("Node Data\n", "").replace("Link Data\n", ""),
        lambda text: "\n".join(line + ",,," if line else line for line in text.split("\n")),
        lambda text: "\n".join(
            ",".join(f'"{cell}"' if '"' not in line else cell for cell in line.split(","))
            for line in text.split("\n")
            if line
        ),
        lambda text: text[text.index("[Lanes]") :] + "\n" + text[: text.index("[Lanes]")],
        lambda text: text.replace("Up Node", "UpNode").replace("Dest Node", "Dest_Node"),
        lambda text: text.replace("[Nodes]", "[ nodes ]"),
    ],
    ids=["mark", "crlf", "titles", "commas", "quotes", "order", "names", "case"],
)
def test_how_it_is_written_down_does_not_matter(read: Reader, change: Callable[[str], str]) -> None:
    plain, other = read(), read(change(TOWN))
    assert (other.nodes, other.links, other.turns) == (plain.nodes, plain.links, plain.turns)
    assert other.controllers == plain.controllers


def test_names_in_the_windows_code_page_are_read_and_told(read: Reader) -> None:
    street = read(TOWN.replace("Side Rd", "Cañon Rd").encode("cp1252"))
    assert any(link.name == "Cañon Rd" for link in street.links)
    assert "town.csv is not UTF-8; its names were read as Windows-1252." in street.findings


def test_records_and_columns_without_use_are_listed_once(read: Reader) -> None:
    street = read(
        TOWN,
        ("Volume,1,", "Lane Mood,1,9,9,9\nVolume,1,"),
        (",CBD,", ",CBD,Colour,"),
        ("\n[Links]", "\n[Dreams]\nNo such\nthing,1\n\n[Links]"),
    )
    listed = [text for text in street.findings if "Lane Mood" in text or "Dreams" in text]
    assert listed == [
        "Section [Dreams] in line 15 was ignored; it is not known here.",
        "Records of [Lanes] that were not used: Lane Mood.",
    ]
    assert any("COLOUR" in text for text in street.findings)


def test_sections_lost_at_the_end_of_a_file_are_told(read: Reader) -> None:
    cut = read(TOWN[: TOWN.index("[Timeplans]")])
    assert any(
        "Sections missing: [Timeplans], [Phases]" in told and "cut off" in told
        for told in cut.findings
    )
    assert not any("Sections missing" in told for told in read().findings)


def test_second_lefts_u_turns_and_oblique_columns(read: Reader) -> None:
    street = read(
        TOWN,
        ("NBL,NBT,NBR,SBL", "NBU,NBL2,NBL,NBT,NBR,SBL"),
        ("Up Node,1,2,2,,,", "Up Node,1,2,2,2,2,,,"),
        ("Dest Node,1,4,3,,,", "Dest Node,1,2,5,4,3,,,"),
        ("Lanes,1,1,2,,,2", "Lanes,1,0,0,1,2,,,2"),
        ("Shared,1,0,0,,,2", "Shared,1,,,1,0,,,2"),
        ("Width,1,11,12,,,", "Width,1,,,11,12,,,"),
        ("Storage,1,150", "Storage,1,,,150"),
        ("StLanes,1,1", "StLanes,1,,,1"),
        ("Phase1,1,5,2,,,", "Phase1,1,,,5,2,,,"),
        ("PermPhase1,1,2,", "PermPhase1,1,,,2,"),
        ("Volume,1,100,800,,,", "Volume,1,3,7,100,800,,,"),
        ("PHF,1,0.92,0.92,,,", "PHF,1,,,0.92,0.92,,,"),
        ("HeavyVehicles,1,2,3,,,", "HeavyVehicles,1,,,2,3,,,"),
        ("4,1,-500,0,0,,,,,,", "4,1,-500,0,0,,,,,,\n5,1,-400,-400,0,,,,,,"),
        ("Name,1,", "Curve Pt X,1,,,,\nName,1,"),
        (
            "Up ID,4,,,,1",
            "Up ID,5,,1,,\nLanes,5,,1,,\nDistance,5,,500,,\nSpeed,5,,25,,\nUp ID,4,,,,1",
        ),
    )
    turns = {turn.turn_id: turn for turn in street.turns if turn.from_link == "2>1"}
    assert {turn.kind for turn in turns.values()} == {
        TurnKind.U_TURN,
        TurnKind.LEFT,
        TurnKind.THROUGH,
    }
    assert turns["2>1>1>2"].lanes == turns["2>1>1>5"].lanes == turns["2>1>1>4"].lanes == (2,)
    assert turns["2>1>1>2"].protected_phases == (5,)


def test_two_intersections_on_one_controller_and_its_hold_and_walk_phases(read: Reader) -> None:
    street = read(
        TOWN,
        ("Node 1,1,0", "Node 1,1,2\nNode 2,1,0\nMaster,1,1"),
        ("Phase1,1,5,2,,,6,,4,,,,,,,", "Phase1,1,5,2,,,6,,4,,,,,,2,6"),
    )
    (controller,) = street.controllers
    assert controller.nodes == ("1", "2")
    assert controller.hold_phases == (6,)
    assert controller.plans[0].reference_controller == "1"
    (crossing,) = street.crossings
    assert (crossing.links, crossing.phases) == (("2>1", "3>1", "4>1"), (2,))


def test_a_curve_is_drawn_from_the_control_points_of_both_directions(read: Reader) -> None:
    street = read(
        TOWN,
        ("Grade,1,0,-2,0,", "Grade,1,0,-2,0,\nCurve Pt X,1,100,,,\nCurve Pt Y,1,-300,,,"),
        ("Up ID,2,,1,,", "Up ID,2,,1,,\nCurve Pt X,2,,100,,\nCurve Pt Y,2,,-700,,"),
    )
    there, back = (
        next(link for link in street.links if link.link_id == name) for name in ("2>1", "1>2")
    )
    assert there.curve_m == (pytest.approx(30.48), pytest.approx(-91.44))
    assert there.shape_m[0] == (0.0, pytest.approx(-304.8))
    assert there.shape_m[4] == (pytest.approx(22.86), pytest.approx(-152.4))
    for one, two in zip(there.shape_m, back.shape_m[::-1], strict=True):
        assert one == pytest.approx(two)


def test_a_movement_without_lane_or_share_is_left_out_and_told(read: Reader) -> None:
    street = read(TOWN, ("Shared,1,0,0,,,2", "Shared,1,0,0,,,0"), ("700,50", "700,0"))
    assert "3>1>1>4" not in {turn.turn_id for turn in street.turns}
    assert any("left out: 1 SBR" in text for text in street.findings)


def test_traffic_without_lane_or_share_takes_its_neighbors(read: Reader) -> None:
    street = read(TOWN, ("Shared,1,0,0,,,2", "Shared,1,0,0,,,0"))
    assert next(t for t in street.turns if t.turn_id == "3>1>1>4").lanes == (0,)
    assert any("traffic on a turn without a lane" in text for text in street.findings)


def test_impossible_flows_and_shares_are_kept_and_told(read: Reader) -> None:
    street = read(TOWN, ("Volume,1,100,800", "Volume,1,100,8000"), ("PHF,1,0.92", "PHF,1,1.92"))
    assert next(t for t in street.turns if t.turn_id == "2>1>1>3").volume_vph == 8000.0
    assert any("8000 veh/h on 2 lanes, over any saturation flow" in t for t in street.findings)
    assert any("peak hour factor of 1.92, over 1" in t for t in street.findings)


def test_values_set_by_hand_are_marked(read: Reader) -> None:
    street = read(
        TOWN, ("Volume,1,", "SatFlow,1,1770,*3500\nVolume,1,"), ("Lanes,2,,2", "Lanes,2,,*2")
    )
    turns = {turn.turn_id: turn for turn in street.turns}
    assert (turns["2>1>1>3"].saturation_vph, turns["2>1>1>3"].saturation_fixed) == (3500.0, True)
    assert turns["2>1>1>4"].saturation_fixed is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[Network]", "Hello"), "line 1: not a combined UTDF file; found 'Hello'"),
        (("[Timeplans]", "[Lanes]"), r"section \[Lanes\] again; it began in line 37"),
        (("[Nodes]", "[Nods]"), r"without a section \[Nodes\]"),
        (("NB,SB,EB,WB\nUp", "NB,SB,EB,XB\nUp"), "line 32, Up ID, column XB: this column is not"),
        (("NBL,NBT,NBR", "NBL,NBT,NBT"), "line 39, column 5: 'NBT' again"),
        (("NBL,NBT,NBR,SBL", "NBL,NBT,NBX,SBL"), None),
        (("Volume,1,100", "Volume,1,many"), "line 49, Volume, column NBL: found 'many'; allowed"),
        (("Volume,1,100", "Volume,1,nan"), "column NBL: found 'nan'; allowed is a number"),
        (("Volume,1,100", "Volume,1,-100"), "column NBL: found '-100'; allowed is a number"),
        (("Volume,1,100", "Volume,1,1e400"), "column NBL: found '1e400'"),
        (("Volume,1,100", "Volume,1,1_00"), "column NBL: found '1_00'"),
        (("BRP,1,111,112,211,212,121,122", "BRP,1,111,112,211,112,121,122"), "so they overlap"),
        (("BRP,1,111,112", "BRP,1,111,120"), "three digits from 1: barrier, ring"),
        (("Dest Node,1,4", "Dest Node,1,9"), "column NBL: found '9'; allowed is a node to which"),
        (("Dest Node,1,4,3", "Dest Node,1,4,"), "found '2' for a movement onto a missing link"),
        (("Lanes,1,1,2,,,2,0,1,,0", "Lanes,1,1,2,,,2,0,0,,0"), "no lane for this movement"),
        (("Up ID,1,2,3,4", "Up ID,1,2,3,7"), "Up ID, column EB: found '7'; allowed is another"),
        (("Up ID,1,2,3,4", "Up ID,1,2,2,4"), "one link from a node; NB has it already"),
        (("Up Node,1,2,2", "Up Node,1,3,2"), "the link sheet's Up ID for NB, 2"),
        (("Phase1,1,5,2", "Phase1,1,7,2"), "a phase of controller 1: 2, 4, 5, 6"),
        (
            ("MinGreen,1,,10", "MinGreen,1,,"),
            "column D2: phase 2 of intersection 1 has no MinGreen",
        ),
        (("Speed,1,35", "Speed,1,0"), None),
        (("Distance,4,,,,500", "Distance,4,,,,500\nDistance,4,,,,500"), "record 'Distance' of"),
        (
            ("2,1,0,-1000", "3,1,0,-1000"),
            "column INTID: found '3'; allowed is an intersection once",
        ),
        (("2,1,0,-1000", "x,1,0,-1000"), "line 11, column INTID: found 'x'"),
        (("1,0,0,0,0,Main", "1,7,0,0,0,Main"), "column TYPE: found '7'; allowed is a whole number"),
        (("1,0,0,0,0,Main", "1,0,,0,0,Main"), "column X: found ''; allowed is a number"),
        (("2,1,0,-1000,0,,,,,,", "2,1,0,-1000,0,,,,,,,9"), "found '9' right of the columns"),
        (("Side Rd", 'Side "Rd'), None),
        (('"First, St"', '"First, St" x'), "not readable CSV"),
        (("Side Rd", "Side\0Rd"), "control characters"),
        (("Node 0,1,1", "Node 0,1,8"), "controller 1 runs intersection 8, which is unknown"),
        (("Cycle Length,1,90.0", "Cycle Length,1,90000"), "Cycle Length, column DATA"),
        (("Metric,0", "Metric,feet"), "Metric, column DATA: found 'feet'"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    read: Reader, change: tuple[str, str], message: str | None
) -> None:
    if message is None:
        # Nothing stands in the column, or the other direction knows the speed.
        assert read(TOWN, change).links
        return
    with pytest.raises(FormatError, match=message):
        read(TOWN, change)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_utdf(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(b"\x81\x8d" * 100)
    with pytest.raises(FormatError, match="not text in UTF-8 or Windows-1252"):
        read_utdf(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes(b"[Network]\n" + b"," * 1_000_000)
    with pytest.raises(FormatError, match="found 1000001 columns; allowed are up to 200"):
        read_utdf(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_bytes(b" " * 17_000_000)
    with pytest.raises(FormatError, match="longer than 8,000,000 bytes"):
        read_utdf(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_bytes(b'"' + b"a" * 200_000)
    with pytest.raises(FormatError, match="not readable CSV"):
        read_utdf(tmp_path / "d.csv")


def test_the_sample_says_what_cannot_be_and_what_was_completed(bullhead: Inventory) -> None:
    told = "\n".join(bullhead.findings)
    assert "Turn 75>39>39>106 (through) at 39 carries 7732 veh/h on 2 lanes" in told
    assert "Turn 106>39>39>75 (through) at 39 carries 4961 veh/h on 2 lanes" in told
    assert told.count("over any saturation flow") == 2
    assert "Controller 39: MaxGreen, Yellow and AllRed do not fill every ring" in told
    assert "phase 8 lasts 24 s instead of 23.1 s" in told
    assert "the offset of" not in told


def test_every_ring_of_the_sample_fills_its_cycle(bullhead: Inventory) -> None:
    cycles = {c.controller_id: c.plans[0].cycle_ds for c in bullhead.controllers}
    assert cycles == {
        **{"39": 732, "75": 703, "78": 571, "80": 450},
        **{"82": 765, "84": 654, "87": 682, "98": 605},
    }
    for controller in bullhead.controllers:
        plan = controller.plans[0]
        lasts: dict[int, int] = {}
        for phase in plan.phases:
            lasts.setdefault(phase.barrier, 0)
        for barrier in lasts:
            sums = {
                ring: sum(
                    plan.splits_ds[p.number]
                    for p in plan.phases
                    if (p.ring, p.barrier) == (ring, barrier)
                )
                for ring in {p.ring for p in plan.phases if p.barrier == barrier}
            }
            assert len(set(sums.values())) == 1
            lasts[barrier] = next(iter(sums.values()))
        assert sum(lasts.values()) == plan.cycle_ds
    assert bullhead.controllers[0].plans[0].offset_ds == 545


def test_the_sample_agrees_with_the_tables_its_project_made_of_it(bullhead: Inventory) -> None:
    nodes = {row["node_id"]: row["node_type"] for row in gmns("node")}
    assert {n.node_id for n in bullhead.nodes} == set(nodes)
    assert {n.node_id for n in bullhead.nodes if n.kind is NodeKind.SIGNAL} == {
        node for node, kind in nodes.items() if kind == "Signalized"
    }
    links = {f"{row['from_node_id']}>{row['to_node_id']}": row for row in gmns("link")}
    assert {link.link_id for link in bullhead.links} == set(links)
    for link in bullhead.links:
        row = links[link.link_id]
        assert len(link.lanes) == int(row["lanes"])
        assert link.speed_mps == pytest.approx(float(row["free_speed_mps"]))
        # Their lengths were measured between geocoded nodes.
        assert link.length_m == pytest.approx(float(row["length_m"]), rel=0.01)
    turns = {turn.turn_id: turn for turn in bullhead.turns}
    kinds = {"left": "l", "thru": "s", "right": "r"}
    rows = gmns("movement")
    assert len(rows) == len(turns)
    for row in rows:
        ends = [row[end].replace("_", ">") for end in ("ib_link_id", "ob_link_id")]
        turn = turns[">".join(ends)]
        assert turn.kind == kinds[row["type"]]
        assert turn.volume_vph == float(row["volume"])
        assert turn.lanes == tuple(int(lane) for lane in row["ib_lane_indices"].split(","))
        assert turn.turning_speed_mps == pytest.approx(float(row["turning_speed_mps"]))
