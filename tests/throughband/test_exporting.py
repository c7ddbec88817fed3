"""``throughband export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from network.files import write_plan
from network.network_file import read_network
from network.readers.gmns import read_gmns
from network.readers.utdf import read_utdf
from network.timing import PlanSet
from network.writers.utdf import write_utdf
from scenarios.scenario import load_scenario
from tests.inventories import arterial
from tests.network.streets import files_of
from tests.throughband.command_line import assert_one_line, call
from throughband.importing import import_source

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    write_utdf(folder / "street.csv", arterial())
    import_source(folder / "street.csv", folder / "street")
    return folder / "street"


@pytest.fixture(scope="module")
def plan(street: Path) -> Path:
    """The plans in force, 7 s later."""
    network = read_network(street / "network.json")
    plans = tuple(
        replace(plan, offset_s=(plan.offset_s + 7) % plan.cycle_s)
        for signal in network.signals.values()
        if (plan := signal.plan_in_force)
    )
    file = street.parent / "plan.json"
    write_plan(file, PlanSet("street", plans, {}), network)
    return file


@pytest.mark.parametrize(("to", "read"), [("utdf", read_utdf), ("gmns", read_gmns)])
def test_a_street_comes_back_as_it_was_read(
    street: Path, tmp_path: Path, to: str, read: object
) -> None:
    outcome = call("export", street, "--to", to, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    found = read(tmp_path / "out")  # type: ignore[operator]
    before = read_utdf(street.parent / "street.csv")
    assert {turn.volume_vph for turn in found.turns} == {turn.volume_vph for turn in before.turns}
    for mine, theirs in zip(found.controllers, before.controllers, strict=True):
        assert mine.plans[0].splits_ds == theirs.plans[0].splits_ds
        assert mine.plans[0].offset_ds == theirs.plans[0].offset_ds


@pytest.mark.parametrize("to", ["utdf", "gmns"])
def test_a_plan_is_in_force_after_the_round_trip(
    street: Path, plan: Path, tmp_path: Path, to: str
) -> None:
    outcome = call("export", street, "--to", to, "--out", tmp_path / "out", "--plan", plan)
    assert outcome.code == 0, outcome.err
    done = import_source(tmp_path / "out", tmp_path / "again")
    offsets = [s.plan_in_force.offset_s for s in done.network.signals.values() if s.plan_in_force]
    assert offsets == [7, 17]


def test_sumo_files_come_with_the_plan(street: Path, plan: Path, tmp_path: Path) -> None:
    outcome = call("export", street, "--to", "sumo", "--out", tmp_path / "out", "--plan", plan)
    assert outcome.code == 0, outcome.err
    scenario = load_scenario(tmp_path / "out")
    assert [file.name for file in scenario.additional_files] == [
        "scenario.add.xml",
        "plan.add.xml",
    ]
    played = call(
        "simulate", tmp_path / "out", "--controller", "in-force", "--out", tmp_path / "sim",
        "--end", 200,
    )  # fmt: skip
    assert played.code == 0, played.err


@pytest.mark.parametrize("to", ["utdf", "gmns"])
def test_a_sumo_city_is_told_in_foreign_words(tmp_path: Path, to: str) -> None:
    import_source(files_of("cologne3")[0], tmp_path / "city")
    outcome = call("export", tmp_path / "city", "--to", to, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    again = import_source(tmp_path / "out", tmp_path / "again")
    cycles = sorted(
        s.plan_in_force.cycle_s for s in again.network.signals.values() if s.plan_in_force
    )
    network = read_network(tmp_path / "city" / "network.json")
    assert cycles == sorted(
        s.plan_in_force.cycle_s for s in network.signals.values() if s.plan_in_force
    )


@pytest.mark.parametrize("to", ["gmns", "sumo"])
def test_a_folder_that_holds_anything_is_not_touched(street: Path, tmp_path: Path, to: str) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert_one_line(call("export", street, "--to", to, "--out", tmp_path), "not empty")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_format_is_refused(street: Path, tmp_path: Path) -> None:
    outcome = call("export", street, "--to", "visum", "--out", tmp_path / "out")
    assert_one_line(outcome, "visum", "utdf, gmns, sumo")


def test_a_plan_of_another_scenario_is_refused(street: Path, tmp_path: Path) -> None:
    network = read_network(street / "network.json")
    write_plan(tmp_path / "plan.json", PlanSet("other", (), {}), network)
    outcome = call(
        "export", street, "--to", "utdf", "--out", tmp_path / "out", "--plan",
        tmp_path / "plan.json",
    )  # fmt: skip
    assert_one_line(outcome, "other")
    assert not (tmp_path / "out").exists()
