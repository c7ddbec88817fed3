"""SUMO programs written from plans, compared with what SUMO then shows."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from network.errors import PlanError
from network.graph import RoadNetwork
from network.sumo_tls import write_sumo_plan
from network.timing import PlanSet
from tests.network import streets

PLAYED_S = 250


def in_force(network: RoadNetwork) -> PlanSet:
    plans = (s.plan_in_force for s in network.signals.values() if s.exact and not s.left_alone)
    return PlanSet(network.name, tuple(plan for plan in plans if plan), {})


def lamps(
    files: list[Path], signals: list[str], begin_s: int, folder: Path
) -> dict[str, list[str]]:
    """Let SUMO run and report every lamp of every second."""
    sumo = pytest.importorskip("sumo")
    folder.mkdir()
    events = "".join(
        f'<timedEvent type="SaveTLSStates" source="{signal}" dest="{number}.xml"/>'
        for number, signal in enumerate(signals)
    )
    (folder / "record.add.xml").write_text(f"<additional>{events}</additional>")
    additional = ",".join(str(file) for file in [*files[1:], folder / "record.add.xml"])
    arguments = f"-b {begin_s} -e {begin_s + PLAYED_S} --no-step-log --xml-validation never"
    program = Path(sumo.SUMO_HOME) / "bin" / "sumo"
    subprocess.run(
        [program, "-n", files[0], "-a", additional, *arguments.split()],
        check=True,
        capture_output=True,
        env={**os.environ, "SUMO_HOME": sumo.SUMO_HOME},
    )
    return {
        signal: [
            entry.attrib["state"]
            for entry in ElementTree.parse(folder / f"{number}.xml").getroot().iter("tlsState")
        ]
        for number, signal in enumerate(signals)
    }


@pytest.mark.sumo
@pytest.mark.parametrize("name", ["cologne8", "bologna", "ingolstadt7"])
def test_the_plan_in_force_written_by_us_shows_the_lamps_of_the_original(
    name: str, tmp_path: Path
) -> None:
    files, network = streets.files_of(name), streets.network(name)
    plans = in_force(network)
    signals = [plan.signal_id for plan in plans.plans]
    write_sumo_plan(tmp_path / "plan.add.xml", plans, network)
    # A begin that no cycle divides: offsets count from second zero all the same.
    original = lamps(files, signals, 25217, tmp_path / "original")
    ours = lamps([*files, tmp_path / "plan.add.xml"], signals, 25217, tmp_path / "ours")
    assert len(original[signals[0]]) == PLAYED_S
    assert ours == original


@pytest.mark.sumo
def test_the_coordinated_phase_begins_green_at_the_offset(tmp_path: Path) -> None:
    network = streets.network("cologne8")
    shifted = tuple(
        replace(plan, offset_s=(17 * number) % plan.cycle_s)
        for number, plan in enumerate(in_force(network).plans)
    )
    write_sumo_plan(tmp_path / "plan.add.xml", PlanSet("s", shifted, {}), network)
    files = [*streets.files_of("cologne8"), tmp_path / "plan.add.xml"]
    shown = lamps(files, [plan.signal_id for plan in shifted], 25217, tmp_path / "sumo")
    for plan in shifted:
        phasing = network.signals[plan.signal_id].phasing
        assert phasing is not None
        green = phasing.phase(plan.coordinated_phase).aspects
        states = shown[plan.signal_id]
        begins = {
            (25217 + second) % plan.cycle_s
            for second in range(1, PLAYED_S)
            if states[second] == green and states[second - 1] != green
        }
        assert begins == {plan.offset_s}


def test_the_file_is_deterministic_and_complete(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    plans = in_force(network)
    for name in ("one", "two"):
        write_sumo_plan(tmp_path / name, plans, network, program_id='a"b')
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    programs = ElementTree.parse(tmp_path / "one").getroot().findall("tlLogic")
    assert [program.get("id") for program in programs] == [p.signal_id for p in plans.plans]
    assert programs[0].get("programID") == 'a"b'
    total_s = sum(float(phase.attrib["duration"]) for phase in programs[0].iter("phase"))
    assert total_s == plans.plans[0].cycle_s


def test_a_taken_program_name_or_a_foreign_plan_is_refused(tmp_path: Path) -> None:
    network = streets.network("cologne3")
    plans = in_force(network)
    taken = network.signals[plans.plans[0].signal_id].program_id
    with pytest.raises(PlanError, match="already"):
        write_sumo_plan(tmp_path / "plan.add.xml", plans, network, program_id=taken)
    foreign = PlanSet("s", (replace(plans.plans[0], signal_id="elsewhere"),), {})
    with pytest.raises(PlanError, match="no signal 'elsewhere'"):
        write_sumo_plan(tmp_path / "plan.add.xml", foreign, network)
    with pytest.raises(PlanError, match="cannot be written"):
        write_sumo_plan(tmp_path / "no" / "plan.add.xml", plans, network)
    assert not list(tmp_path.iterdir())
