"""Additional files: the program in force, and its vehicle-actuated twin."""

from __future__ import annotations

import gzip
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from engine.validate.simulator import SimulationCase
from engine.validate.sumo import run
from engine.validate.sumo_files import (
    option_names,
    programs_in_force,
    write_actuated,
    write_programs,
)
from network.errors import FormatError, SimulationError
from scenarios.scenario import load_scenario

PROGRAM = """
<tlLogic id="{id}" type="{type}" programID="{program}" offset="3">
    <param key="show-detectors" value="true"/>
    <phase duration="30" state="GGrr" next="1 2"/>
    <phase duration="3" state="yyrr"/>
    <phase duration="20" state="rrGg" minDur="8"/>
    <phase duration="20" state="rrGg" maxDur="4"/>
    <phase duration="20" state="rrGg" minDur="60"/>
    <phase duration="20" state="rrGY" minDur="60"/>
    <phase duration="2" state="rrrr"/>
</tlLogic>
"""


def net(folder: Path, *programs: str) -> Path:
    file = folder / "n.net.xml"
    file.write_text(f"<net>{''.join(programs)}</net>")
    return file


def program(signal: str, name: str = "0", kind: str = "static") -> str:
    return PROGRAM.format(id=signal, program=name, type=kind)


def read(file: Path) -> list[Element]:
    return ElementTree.parse(file).getroot().findall("tlLogic")


def test_green_phases_get_limits_and_the_rest_stays(tmp_path: Path) -> None:
    file = tmp_path / "act.add.xml"
    assert write_actuated(file, [net(tmp_path, program("a"))]) == ("a",)
    (logic,) = read(file)
    assert logic.attrib == {"id": "a", "type": "actuated", "programID": "actuated", "offset": "3"}
    assert logic.findall("param")[0].get("key") == "show-detectors"
    phases = logic.findall("phase")
    assert [(p.get("minDur"), p.get("maxDur")) for p in phases] == [
        ("5", "50"),
        (None, None),
        ("8", "50"),
        ("4", "4"),
        ("60", "60"),
        ("60", None),
        (None, None),
    ]
    assert phases[0].get("next") == "1 2"
    assert [p.get("duration") for p in phases] == ["30", "3", "20", "20", "20", "20", "2"]


def test_delay_based_programs_differ_in_type_and_name_only(tmp_path: Path) -> None:
    source = net(tmp_path, program("a"), program("b", "delay_based"))
    gaps, delays = tmp_path / "gaps.add.xml", tmp_path / "delays.add.xml"
    assert write_actuated(gaps, [source]) == write_actuated(delays, [source], kind="delay_based")
    for gap, delay in zip(read(gaps), read(delays), strict=True):
        assert delay.get("type") == "delay_based"
        assert [p.attrib for p in delay.iter("phase")] == [p.attrib for p in gap.iter("phase")]
    assert [logic.get("programID") for logic in read(delays)] == ["delay_based", "delay_based_"]


@pytest.mark.parametrize("kind", ["rail_signal", "rail_crossing", "off", "NEMA"])
def test_other_types_are_left_alone(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "act.add.xml"
    programs = net(tmp_path, program("a", kind=kind), program("b"))
    assert write_actuated(file, [programs]) == ("b",)


def test_a_signal_switched_off_stays_off(tmp_path: Path) -> None:
    off = '<tlLogic id="a" type="static" programID="off"/>'
    assert write_actuated(tmp_path / "act.add.xml", [net(tmp_path, program("a"), off)]) == ()


def test_the_last_program_loaded_is_in_force(tmp_path: Path) -> None:
    later = tmp_path / "later.add.xml.gz"
    later.write_bytes(gzip.compress(f"<additional>{program('a', 'plan')}</additional>".encode()))
    first = net(tmp_path, program("a", "0"), program("a", "1"), program("b", "0"))
    found = programs_in_force([first, later])
    assert {signal: logic.get("programID") for signal, logic in found.items()} == {
        "a": "plan",
        "b": "0",
    }


def test_a_program_without_phases_changes_the_offset_only(tmp_path: Path) -> None:
    offsets = tmp_path / "offsets.add.xml"
    offsets.write_text('<additional><tlLogic id="a" programID="1" offset="17"/></additional>')
    found = programs_in_force([net(tmp_path, program("a", "0"), program("a", "1")), offsets])
    assert found["a"].get("offset") == "17"
    assert len(found["a"].findall("phase")) == 7


def test_a_taken_name_is_not_used_twice(tmp_path: Path) -> None:
    file = tmp_path / "act.add.xml"
    write_actuated(file, [net(tmp_path, program("a", "actuated"))])
    assert read(file)[0].get("programID") == "actuated_"


def test_written_programs_read_back(tmp_path: Path) -> None:
    file = tmp_path / "p.add.xml"
    found = programs_in_force([net(tmp_path, program("a"), program("b"))])
    write_programs(file, found.values())
    again = programs_in_force([file])
    assert {k: v.attrib for k, v in again.items()} == {k: v.attrib for k, v in found.items()}


def test_option_names_are_read_at_any_depth(tmp_path: Path) -> None:
    config = tmp_path / "c.sumocfg"
    config.write_text("<configuration><time><end v='1'/></time><scale v='2'/></configuration>")
    assert {"end", "scale"} <= option_names(config)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="cannot be read"):
        option_names(tmp_path / "gone.sumocfg")
    broken = tmp_path / "broken.xml"
    broken.write_text("<net><tlLogic>")
    with pytest.raises(FormatError):
        option_names(broken)
    with pytest.raises(FormatError):
        write_actuated(tmp_path / "act.add.xml", [broken])
    with pytest.raises(FormatError, match="without an id"):
        programs_in_force([net(tmp_path, "<tlLogic/>")])
    with pytest.raises(SimulationError, match="cannot be written"):
        write_programs(tmp_path / "no" / "where.xml", [])


@pytest.mark.sumo
def test_sumo_runs_the_actuated_programs(tmp_path: Path) -> None:
    s = load_scenario("cologne3", 25200, 25500)
    case = SimulationCase(s.config_file, s.net_file, s.route_files, (), s.begin_s, s.end_s)
    file = tmp_path / "act.add.xml"
    states = tmp_path / "states.add.xml"
    out = tmp_path / "states.xml"
    assert len(write_actuated(file, [s.net_file])) == 3
    signal = read(file)[0].get("id")
    states.write_text(
        f'<additional><timedEvent type="SaveTLSStates" source="{signal}" dest="{out}"/>'
        "</additional>"
    )
    run(case, 1, [file, states], emissions=False)
    used = {e.get("programID") for e in ElementTree.parse(out).getroot().iter("tlsState")}
    assert used == {"actuated"}
