"""``throughband export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from network.files import write_plan
from network.inventory import Inventory
from network.inventory_file import read_inventory
from network.inventory_plans import with_plans
from network.network_file import read_network
from network.readers.gmns import read_gmns
from network.readers.utdf import read_utdf
from network.timing import PlanSet
from network.writers.utdf import write_utdf
from scenarios.scenario import load_scenario
from tests.inventories import arterial
from tests.network.streets import files_of
from tests.throughband.command_line import assert_one_line, call
from throughband.exchange.exporting import export_scenario
from throughband.exchange.importing import import_source

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


@pytest.mark.parametrize(("to", "read"), [("utdf", read_utdf), ("gmns", read_gmns)])
def test_maximum_greens_are_those_of_the_plan(
    street: Path, tmp_path: Path, to: str, read: object
) -> None:
    """Synchro computes splits from MaxGreen; the old ones brought the old splits back."""
    network = read_network(street / "network.json")
    longer = []
    for signal in network.signals.values():
        assert signal.plan_in_force
        assert signal.phasing
        plan = signal.plan_in_force
        rings = signal.phasing.segments(plan.sequence)[0]
        first = {ring[0] for ring in rings if ring}
        splits = tuple(
            split + (10 if number in first else 0)
            for number, split in zip(plan.sequence, plan.splits_s, strict=True)
        )
        longer.append(replace(plan, cycle_s=plan.cycle_s + 10, splits_s=splits))
    file = tmp_path / "plan.json"
    write_plan(file, PlanSet("street", tuple(longer), {}), network)
    outcome = call("export", street, "--to", to, "--out", tmp_path / "out", "--plan", file)
    assert outcome.code == 0, outcome.err
    found = read(tmp_path / "out")  # type: ignore[operator]
    for controller, plan in zip(found.controllers, longer, strict=True):
        made = controller.plans[0]
        assert made.splits_ds == {
            number: 10 * split for number, split in zip(plan.sequence, plan.splits_s, strict=True)
        }
        for phase in made.phases:
            clearance_ds = phase.yellow_ds + phase.red_clear_ds
            assert phase.max_green_ds == made.splits_ds[phase.number] - clearance_ds


def test_phases_a_plan_does_not_serve_leave_the_utdf_sheet(
    street: Path, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Phase 9 was written without Start and End, and took the whole sheet's times with it."""
    inventory = read_inventory(street / "inventory.json")
    first, *others = inventory.controllers
    old = first.plans[0]
    idle = replace(old.phases[-1], number=9, position=9)
    more = replace(first, plans=(replace(old, phases=(*old.phases, idle)), *first.plans[1:]))
    turned = next(turn for turn in inventory.turns if turn.node_id in first.nodes)
    grown = replace(
        inventory,
        controllers=(more, *others),
        turns=tuple(
            replace(turn, permitted_phases=(*turn.permitted_phases, 9)) if turn is turned else turn
            for turn in inventory.turns
        ),
    )

    def with_idle(*given: object) -> Inventory:
        made: Inventory = with_plans(*given)  # type: ignore[arg-type]
        head, *tail = made.controllers
        kept = replace(head.plans[0], phases=(*head.plans[0].phases, idle))
        head = replace(head, plans=(kept, *head.plans[1:]), turn_phases={})
        return replace(made, controllers=(head, *tail))

    monkeypatch.setattr("throughband.exchange.exporting.with_plans", with_idle)
    monkeypatch.setattr("throughband.exchange.exporting.read_inventory", lambda _: grown)
    said = export_scenario(str(street), "utdf", tmp_path / "out.csv", plan)
    assert any("does not serve phase 9" in sentence for sentence in said)
    found = read_utdf(tmp_path / "out.csv")
    served = found.controllers[0].plans[0]
    assert 9 not in {phase.number for phase in served.phases}
    assert set(served.splits_ds) == {phase.number for phase in served.phases}
    assert not any(9 in turn.permitted_phases for turn in found.turns)


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
