"""The five files of UTDF before 2006."""

from __future__ import annotations

from pathlib import Path

import pytest

from network.errors import FormatError
from network.inventory import Inventory, TurnKind
from network.inventory_signals import ControlKind
from network.readers.utdf import read_utdf

FILES = {
    "Layout.csv": """Layout Data
INTID,INTNAME,TYPE,X,Y,NID,SID,EID,WID,NNAME,SNAME,ENAME,WNAME
1,Main & First,0,0,0,3,2,0,4,First,First,,Main
2,,1,0,-1000,1,,,,First,,,
3,,1,0,1000,,1,,,,First,,
4,,1,-500,0,,,1,,,,Main,
""",
    "Lanes.csv": """Lane Group Data
RECORDNAME,INTID,NBL,NBT,NBR,SBL,SBT,SBR,EBL,EBT,EBR,WBL,WBT,WBR,
Lanes,1,1,2,,,2,0,1,,0,,,,
Shared,1,0,0,,,2,,2,,,,,,
Phase1,1,5,2,,,6,,4,,,,,,
FirstDetect,1,20,100,,,100,,20,,,,,,
DetectPhase1,1,5,2,,,6,,4,,,,,,
Volume,1,1,2,,,3,4,5,,6,,,,
Distance,1,,1000,,,1000,,500,,,,,,
Speed,1,,35,,,35,,25,,,,,,
""",
    "Phasing.csv": """Phasing Data
RECORDNAME,INTID,D1,D2,D3,D4,D5,D6,D7,D8
BRP,1,111,112,211,212,121,122,221,222
MinGreen,1,,10,,6,5,10,,
MaxGreen,1,,55,,25,10,40,,
Yellow,1,,4,,3.5,3,4,,
AllRed,1,,1,,1.5,1,1,,
Recall,1,,3,,0,0,3,,
""",
    "Timing.csv": """Timing Plans
PLANID,INTID,S1,S2,S3,S4,S5,S6,S7,S8,CL,OFF,LD,REF,CLR
AM,1,,60,,30,14,46,,,90,12.5,15,206,
PM,1,,80,,30,20,60,,,110,3,15,206,
""",
    "Volume.csv": """Turning Movement Count
15 Minute Counts
DATE,TIME,INTID,NBL,NBT,NBR,SBL,SBT,SBR,EBL,EBT,EBR,WBL,WBT,WBR
10/11/2005,="0700",1,10,100,,,90,5,6,,7,,,
10/11/2005,="0715",1,11,110,,,95,6,6,,7,,,
10/11/2005,="0730",1,12,120,,,99,7,6,,7,,,
10/11/2005,="0745",1,13,130,,,98,8,6,,*,,,
10/11/2005,="0800",1,14,140,,,97,9,6,,7,,,
""",
}


def put(folder: Path, *changes: tuple[str, str, str]) -> Path:
    files = dict(FILES)
    for name, old, new in changes:
        assert old in files[name], old
        files[name] = files[name].replace(old, new, 1)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_legs_are_told_by_compass(tmp_path: Path) -> None:
    street = read_utdf(put(tmp_path))
    turns = {turn.turn_id: turn.kind for turn in street.turns}
    assert turns == {
        "2>1>1>4": TurnKind.LEFT,
        "2>1>1>3": TurnKind.THROUGH,
        "3>1>1>2": TurnKind.THROUGH,
        "3>1>1>4": TurnKind.RIGHT,
        "4>1>1>3": TurnKind.LEFT,
        "4>1>1>2": TurnKind.RIGHT,
    }
    assert street.nodes[0].name == "Main & First"
    links = {link.link_id: link for link in street.links}
    assert links["4>1"].name == "Main"
    assert links["4>1"].length_m == pytest.approx(152.4)
    assert links["1>4"].speed_mps == pytest.approx(25 * 0.44704)
    assert len(links["1>3"].lanes) == 2


@pytest.mark.parametrize("name", FILES)
def test_any_of_the_files_or_their_folder_will_do(tmp_path: Path, name: str) -> None:
    put(tmp_path)
    assert read_utdf(tmp_path / name) == read_utdf(tmp_path)


def test_every_plan_is_kept_the_first_in_force(tmp_path: Path) -> None:
    (controller,) = read_utdf(put(tmp_path)).controllers
    assert [plan.plan_id for plan in controller.plans] == ["AM", "PM"]
    assert [plan.cycle_ds for plan in controller.plans] == [900, 1100]
    assert dict(controller.plans[1].splits_ds) == {2: 800, 4: 300, 5: 200, 6: 600}
    assert controller.plans[0].offset_ds == 125
    assert controller.plans[0].reference_phases == (2, 6)
    assert controller.plans[0].control is ControlKind.COORDINATED


def test_the_busiest_hour_of_the_counts_is_taken(tmp_path: Path) -> None:
    street = read_utdf(put(tmp_path))
    volumes = {turn.turn_id: turn.volume_vph for turn in street.turns}
    assert volumes["2>1>1>3"] == 110 + 120 + 130 + 140
    assert volumes["4>1>1>2"] == 21
    assert any("the busiest one was taken: 1 from 07:15" in text for text in street.findings)


def test_detection_zones_reach_from_the_first_detector_to_the_last(tmp_path: Path) -> None:
    detectors = {d.detector_id: d for d in read_utdf(put(tmp_path)).detectors}
    assert detectors["1:NBT:1"].length_m == pytest.approx(30.48)
    assert detectors["1:NBT:1"].phase == 2


def test_without_timing_or_volumes_the_street_is_read_and_told(tmp_path: Path) -> None:
    put(tmp_path)
    for name in ("Phasing.csv", "Timing.csv", "Volume.csv"):
        (tmp_path / name).unlink()
    street: Inventory = read_utdf(tmp_path)
    assert street.controllers == ()
    assert "Not in the folder: PHASING.CSV, TIMING.CSV, VOLUME.CSV." in street.findings
    assert "Signals without timing: 1." in street.findings


def test_two_lefts_are_told_apart_by_their_angle(tmp_path: Path) -> None:
    street = read_utdf(
        put(
            tmp_path,
            ("Layout.csv", "WID,NNAME", "WID,SWID,NNAME"),
            ("Layout.csv", "3,2,0,4,First", "3,2,0,4,5,First"),
            ("Layout.csv", "1,,,,First,,,\n", "1,,,,,First,,,\n5,,1,-400,-400,,,,,,,,,,\n"),
            ("Layout.csv", "-400,-400,,,,,,,,,,", "-400,-400,,,1,,,,,,"),
            ("Lanes.csv", "NBL,", "NBL2,NBL,"),
            ("Lanes.csv", "Lanes,1,", "Lanes,1,1,"),
            ("Lanes.csv", "Shared,1,", "Shared,1,0,"),
            ("Lanes.csv", "Phase1,1,", "Phase1,1,5,"),
            ("Lanes.csv", "FirstDetect,1,", "FirstDetect,1,,"),
            ("Lanes.csv", "DetectPhase1,1,", "DetectPhase1,1,,"),
            ("Lanes.csv", "Volume,1,", "Volume,1,1,"),
            ("Lanes.csv", "Distance,1,", "Distance,1,,"),
            ("Lanes.csv", "Speed,1,,35,,,35,,25,,,,,,", "Speed,1,,,35,,,35,,25,,,,,,25"),
            ("Lanes.csv", "WBL,WBT,WBR,", "WBL,WBT,WBR,NET"),
            ("Layout.csv", "3,,1,0,1000,,1,,,,", "3,,1,0,1000,,1,,,,,"),
            ("Layout.csv", "4,,1,-500,0,,,1,,,,", "4,,1,-500,0,,,1,,,,,"),
        )
    )
    lefts = [t for t in street.turns if t.from_link == "2>1" and t.kind is TurnKind.LEFT]
    assert [(turn.to_link, turn.lanes) for turn in lefts] == [("1>5", (3,)), ("1>4", (2,))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("Layout.csv", "INTID,INTNAME", "A,B"), "not a UTDF sheet; expected a title and a header"),
        (("Layout.csv", "0,0,0,3,2", "0,0,0,3,9"), "allowed is another intersection"),
        (("Lanes.csv", "Lanes,1,1,2", "Lanes,1,1,x"), "line 3, Lanes, column NBT: found 'x'"),
        (("Lanes.csv", "Lanes,1,1,2,,", "Lanes,1,1,2,1,"), "movement onto a missing link"),
        (("Timing.csv", "PM,1", "AM,1"), "allowed is a plan once for intersection 1"),
        (("Timing.csv", ",90,12.5", ",ninety,12.5"), "line 3, CL, column DATA: found 'ninety'"),
        (("Volume.csv", '="0715"', '="0700"'), "an interval once; line 4 has it"),
        (("Volume.csv", '="0715"', '="7am"'), "a time of day such as 1700"),
        (("Volume.csv", "10/11/2005", "Monday"), "a date such as 12/31/2005"),
        (("Volume.csv", "15 Minute", "25 Minute"), "counts of 25 minutes"),
        (("Volume.csv", ",11,110", ",11,-110"), "column NBT: found '-110'"),
        (("Phasing.csv", "112,211", "111,211"), None),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, change: tuple[str, str, str], message: str | None
) -> None:
    put(tmp_path, change)
    if message is None:
        # Phase 1 is not in use, so that its place may be taken.
        assert read_utdf(tmp_path).controllers
        return
    with pytest.raises(FormatError, match=message):
        read_utdf(tmp_path)


def test_a_folder_without_layout_is_told(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"without LAYOUT\.CSV"):
        read_utdf(tmp_path)
