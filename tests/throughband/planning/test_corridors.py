"""Proposing corridors, naming them, and printing schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from network.derive.corridors import read_corridors
from network.errors import ThroughbandError
from network.files import read_plan
from network.readers.sumo_net import read_sumo_network
from network.schemas import NAMES
from tests.throughband.command_line import assert_one_line, call
from throughband.exchange.imported import corridors_of
from throughband.setting import open_setting


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("street")
    arguments = ("--signals", 3, "--seed", 2, "--out", folder / "a")
    assert call("generate", "arterial", *arguments).code == 0
    return next((folder / "a").glob("*.sumocfg"))


@pytest.mark.sumo
def test_an_arterial_is_proposed_and_read_back_beside_its_scenario(
    street: Path, tmp_path: Path
) -> None:
    out = tmp_path / "corridors.toml"
    outcome = call("corridors", street, "--out", out, "--end", 600)
    assert outcome.code == 0, outcome.err
    assert "together" in outcome.err
    network = read_sumo_network(next(street.parent.glob("*.net.xml")), ())
    found = read_corridors(out, network)
    assert any(len(corridor.signals) == 3 for corridor in found)
    (street.parent / "corridors.toml").write_bytes(out.read_bytes())
    setting = open_setting(str(street))
    assert corridors_of(setting.scenario, setting.network) == found
    planned = call("optimize", street, "--out", tmp_path / "plans", "--end", 600, "--effort", 50)
    assert planned.code == 0, planned.err
    signals = next(corridor.signals for corridor in found if len(corridor.signals) == 3)
    plans = read_plan(tmp_path / "plans" / "plan.json")
    assert len({plan.cycle_s for s in signals if (plan := plans.plan(s))}) == 1


def test_a_file_that_is_there_is_not_written_over(street: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    out.write_text("mine")
    outcome = call("corridors", street, "--out", out)
    assert outcome.code != 0
    assert "exists already" in outcome.message
    assert out.read_text() == "mine"


def test_a_corridor_of_unknown_signals_is_refused(street: Path) -> None:
    file = street.parent / "corridors.toml"
    file.write_text(
        'format = "throughband.planning.corridors"\nversion = 1\n\n[[corridor]]\nname = "Main"\n'
        'signals = ["nowhere", "elsewhere"]\n'
    )
    setting = open_setting(str(street))
    with pytest.raises(ThroughbandError, match="nowhere"):
        corridors_of(setting.scenario, setting.network)
    file.unlink()


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_printed(name: str) -> None:
    outcome = call("schema", name)
    assert outcome.code == 0
    assert json.loads(outcome.out)


def test_an_unknown_schema_lists_the_known() -> None:
    outcome = call("schema", "plans")
    assert outcome.code != 0
    assert (
        "counts, evaluation, explanation, inventory, network, plan, schedule, signals"
        in outcome.message
    )


@pytest.mark.sumo
def test_bicycles_get_a_green_wave_of_their_own(street: Path, tmp_path: Path) -> None:
    (street.parent / "corridors.toml").unlink(missing_ok=True)
    proposed = call("corridors", street, "--out", tmp_path / "corridors.toml", "--end", 600)
    assert proposed.code == 0, proposed.err
    (street.parent / "corridors.toml").write_bytes((tmp_path / "corridors.toml").read_bytes())
    setting = open_setting(str(street))
    corridor = corridors_of(setting.scenario, setting.network)[0]
    wrong = call("progression", street, "--corridor", "nowhere", "--out", tmp_path / "wrong")
    assert_one_line(wrong, corridor.name)
    out = tmp_path / "bicycles"
    wish = ("--corridor", corridor.name, "--speed", 18, "--end", 600)
    done = call("progression", street, *wish, "--out", out)
    assert done.code == 0, done.err
    notes = json.loads((out / "plan.json").read_text())["notes"]["progression"]
    assert sum(notes["bands_s"]["after"]) >= sum(notes["bands_s"]["before"])
    assert "Bands at 18 km/h" in done.err
    for ends, width_s in zip(((0, -1), (-1, 0)), notes["bands_s"]["after"], strict=True):
        first, last = (corridor.signals[k] for k in ends)
        told = f"From {first} to {last} nobody rides through" in done.err
        assert told == (width_s == 0)
    assert json.loads((out / "run.json").read_text())["steps"][-1]["seeds"] == [1, 2, 3]
    found = read_plan(out / "plan.json")
    for each in found.plans:
        in_force = setting.network.signals[each.signal_id].plan_in_force
        assert in_force is not None
        assert replace(each, offset_s=in_force.offset_s) == in_force
