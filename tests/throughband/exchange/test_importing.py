"""``throughband import``, and what the other commands make of its folders."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from network.errors import ThroughbandError
from network.inventory_file import read_inventory
from network.network_file import read_network
from network.readers.counts_csv import read_counts_csv
from network.readers.sumo_net import read_sumo_network
from network.safety import check
from network.timeline import watch
from network.writers.gmns import write_gmns
from network.writers.utdf import write_utdf
from scenarios.scenario import load_scenario
from tests.inventories import arterial
from tests.network.streets import ALL, SHARED_DATA, files_of
from tests.osm_extract import EXTRACT
from tests.throughband.command_line import assert_one_line, call
from throughband.exchange.importing import import_source

pytestmark = pytest.mark.sumo


def _utdf(folder: Path) -> Path:
    source = folder / "street.csv"
    write_utdf(source, arterial())
    return source


def _gmns(folder: Path) -> Path:
    source = folder / "tables"
    source.mkdir()
    write_gmns(source, arterial())
    return source


def _osm(folder: Path) -> Path:
    source = folder / "map.osm"
    source.write_text(EXTRACT)
    return source


def _shared(name: str) -> Path:
    source = SHARED_DATA / name
    if not source.exists():
        pytest.skip(f"{source.name} is not at hand")
    return source


def _timing(folder: Path) -> list[tuple[int, tuple[int, ...], int]]:
    network = read_network(folder / "network.json")
    return [
        (plan.cycle_s, plan.splits_s, plan.offset_s)
        for signal in network.signals.values()
        if (plan := signal.plan_in_force)
    ]


@pytest.mark.parametrize("make", [_utdf, _gmns])
def test_a_street_from_a_foreign_file_keeps_its_timing_and_counts(
    tmp_path: Path, make: object
) -> None:
    done = import_source(make(tmp_path), tmp_path / "out")  # type: ignore[operator]
    splits = (15, 35, 15, 25, 17, 33, 14, 26)
    assert _timing(tmp_path / "out") == [(90, splits, 0), (90, splits, 10)]
    assert done.vehicles == 3060
    counts = read_counts_csv(tmp_path / "out" / "counts.csv")
    counts.require_known(done.network)
    assert counts.volume_veh.sum() == 2 * 4 * (60 + 400 + 50)
    assert read_inventory(tmp_path / "out" / "inventory.json") == done.inventory


@pytest.mark.parametrize("make", [_utdf, _gmns, _osm])
def test_names_in_the_network_are_those_of_sumo(tmp_path: Path, make: object) -> None:
    import_source(make(tmp_path), tmp_path / "out")  # type: ignore[operator]
    scenario = load_scenario(tmp_path / "out", 0, 3600)
    played = read_sumo_network(scenario.net_file, scenario.additional_files)
    network = read_network(tmp_path / "out" / "network.json")
    assert scenario.name == "out" == network.name
    assert played.links == network.links
    assert played.connections == network.connections
    assert set(played.signals) == set(network.signals)


def test_the_other_commands_work_on_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("import", _utdf(tmp_path), "--out", out).code == 0
    played = call("simulate", out, "--controller", "in-force", "--out", tmp_path / "sim")
    assert played.code == 0, played.err
    planned = call(
        "optimize", out, "--out", tmp_path / "plan", "--counts", out / "counts.csv", "--effort", 50
    )
    assert planned.code == 0, planned.err
    plan = tmp_path / "plan" / "plan.json"
    assert json.loads(plan.read_text())["scenario"] == "out"
    proven = call(
        "validate", out, "--plan", plan, "--out", tmp_path / "proof", "--seeds", 2, "--end", 900
    )
    assert proven.code == 0, proven.err


def test_the_record_says_what_was_read_and_what_was_found(tmp_path: Path) -> None:
    outcome = call("import", _gmns(tmp_path), "--out", tmp_path / "out")
    assert "24 turns" in outcome.err
    record = json.loads((tmp_path / "out" / "import.json").read_text())
    assert record["kind"] == "gmns"
    assert record["read"]["signals"] == 2
    assert set(record["names"]["signals"].values()) == set(record["signals"])
    text = (tmp_path / "out" / "import.txt").read_text()
    assert "Signals in force" in text
    assert "cycle 90 s" in text
    assert str(tmp_path) not in json.dumps(record["signals"])


def test_a_map_is_imported_with_a_warning_about_its_programs(tmp_path: Path) -> None:
    done = import_source(_osm(tmp_path), tmp_path / "out")
    assert any("netconvert's guess" in finding for finding in done.findings)
    assert list(done.network.signals) == ["2"]


@pytest.mark.parametrize("name", ALL)
def test_every_real_sumo_network_is_imported_as_it_is(name: str, tmp_path: Path) -> None:
    source = files_of(name)[0]
    done = import_source(source, tmp_path / "out")
    scenario = load_scenario(tmp_path / "out")
    assert scenario.net_file.read_bytes() == source.read_bytes()
    assert read_network(tmp_path / "out" / "network.json") == done.network


def test_a_sumo_scenario_brings_its_routes_programs_and_options(tmp_path: Path) -> None:
    source = _shared("bologna_acosta/run.sumocfg")
    done = import_source(source, tmp_path / "out")
    mine, theirs = load_scenario(tmp_path / "out"), load_scenario(source, end_s=3600)
    assert (mine.begin_s, mine.end_s) == (theirs.begin_s, 3600)
    assert any("sets no end" in finding for finding in done.findings)
    assert [f.read_bytes() for f in mine.additional_files] == [
        f.read_bytes() for f in theirs.additional_files
    ]
    assert len(mine.route_files) == len(theirs.route_files)
    assert any("programs" in finding for finding in done.findings)


def test_counts_take_the_place_of_the_volumes_of_the_source(tmp_path: Path) -> None:
    first = import_source(_utdf(tmp_path), tmp_path / "first")
    assert first.counts is not None
    name = first.counts.series_ids[0]
    counts = tmp_path / "counts.csv"
    counts.write_text(
        f"begin_s,interval_s,movement,volume_veh\n0,900,{name},30\n900,900,{name},60\n"
    )
    done = import_source(tmp_path / "street.csv", tmp_path / "second", counts=counts)
    assert done.inventory is not None
    turn = next(t for t, movement in done.movements.items() if movement == name)
    assert next(t.volume_vph for t in done.inventory.turns if t.turn_id == turn) == 180.0
    assert read_counts_csv(tmp_path / "second" / "counts.csv").intervals == 2


def test_counts_that_are_not_of_the_street_leave_nothing_behind(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text("begin_s,interval_s,movement,volume_veh\n0,900,a>b,30\n")
    outcome = call("import", _utdf(tmp_path), "--out", tmp_path / "out", "--counts", counts)
    assert_one_line(outcome, "a>b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["counts.csv", "street.csv"]


def test_a_turning_movement_sheet_finds_its_turns_by_heading(tmp_path: Path) -> None:
    sheet = tmp_path / "tmc.csv"
    sheet.write_text(
        "Date,Time,NBL,NBT,NBR,EBT\n"
        + "".join(f"2024-05-14,07:{minute:02d},1,2,3,40\n" for minute in (0, 15, 30, 45))
    )
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('zone = "America/Phoenix"\nintersection = "1"\n')
    outcome = call(
        "import", _utdf(tmp_path), "--out", tmp_path / "out", "--counts", sheet,
        "--mapping", mapping,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    counts = read_counts_csv(tmp_path / "out" / "counts.csv")
    assert sorted(counts.volume_veh.sum(axis=0)) == [4, 8, 12, 160]


def test_a_timing_plan_of_the_source_can_be_named(tmp_path: Path) -> None:
    inventory = arterial(1)
    first = inventory.controllers[0]
    other = replace(first.plans[0], plan_id="night", offset_ds=420)
    source = tmp_path / "tables"
    source.mkdir()
    write_gmns(
        source,
        replace(inventory, controllers=(replace(first, plans=(first.plans[0], other)),)),
    )
    whole = import_source(source, tmp_path / "a").inventory
    assert whole is not None
    plans = {plan.plan_id for plan in whole.controllers[0].plans}
    assert len(plans) == 2
    offsets = set()
    for name in plans:
        import_source(source, tmp_path / name, timing=name)
        offsets.add(_timing(tmp_path / name)[0][2])
    assert offsets == {0, 42}
    with pytest.raises(ThroughbandError, match="no controller has that plan"):
        import_source(source, tmp_path / "none", timing="noon")


def test_a_folder_that_holds_anything_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    outcome = call("import", _osm(tmp_path), "--out", tmp_path / "out")
    assert_one_line(outcome, "not empty")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert call("import", _osm(tmp_path), "--out", tmp_path / "out").code == 0


@pytest.mark.parametrize("option", ["--format", "--timing"])
def test_an_option_that_cannot_be_is_refused(tmp_path: Path, option: str) -> None:
    outcome = call("import", _osm(tmp_path), "--out", tmp_path / "out", option, "visum")
    assert_one_line(outcome, "visum")
    assert not (tmp_path / "out").exists()


def test_a_network_that_is_not_the_one_beside_it_is_refused(tmp_path: Path) -> None:
    import_source(_osm(tmp_path), tmp_path / "map")
    import_source(_utdf(tmp_path), tmp_path / "out")
    shutil.copy(tmp_path / "map" / "network.json", tmp_path / "out" / "network.json")
    outcome = call(
        "simulate", tmp_path / "out", "--controller", "in-force", "--out", tmp_path / "sim"
    )
    assert_one_line(outcome, "import the source again")


def test_damaged_sources_are_imported_or_refused_in_one_line(tmp_path: Path) -> None:
    rng = random.Random(3)
    whole = _utdf(tmp_path).read_bytes()
    source = tmp_path / "damaged.csv"
    for number in range(12):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            content[rng.randrange(len(content))] = rng.randrange(32, 127)
        source.write_bytes(content[: rng.randint(len(content) // 2, len(content))])
        out = tmp_path / f"out{number}"
        outcome = call("import", source, "--out", out)
        if outcome.code:
            assert_one_line(outcome)
            assert not out.exists()


def test_bullhead_is_simulated_under_its_own_timing_as_its_authors_did(tmp_path: Path) -> None:
    from engine.validate.simulator import SimulationCase
    from engine.validate.sumo import run

    source = _shared("utdf_bullhead/UTDF.csv")
    done = import_source(source, tmp_path / "bullhead")
    assert (len(done.network.links), len(done.network.signals)) == (42, 8)
    assert any("8032 veh/h" in finding for finding in done.findings)
    for signal in done.network.signals.values():
        assert signal.plan_in_force is not None
        assert check(signal.plan_in_force, signal) == ()
        assert watch(signal.plan_in_force, signal) == ()
    theirs = load_scenario(_shared("utdf_bullhead/sumo/bullhead.sumocfg"))
    mine = load_scenario(tmp_path / "bullhead")
    losses = [
        run(
            SimulationCase(
                s.config_file, s.net_file, theirs.route_files, s.additional_files, 32400, 36000
            ),
            42,
            options={"route-files": str(theirs.route_files[0])},
        ).delay_s
        for s in (theirs, mine)
    ]
    # Ours loses 4 to 7 % more over six seeds. Their right turns never see red, which explains about
    # half of it; the rest is not accounted for.
    assert losses[1] == pytest.approx(losses[0], rel=0.15)


def test_arlington_has_the_phases_of_its_tables(tmp_path: Path) -> None:
    done = import_source(_shared("gmns_arlington"), tmp_path / "out", timing="1")
    found = {
        name: {phase.number for phase in signal.phasing.phases}
        for name, signal in done.network.signals.items()
        if signal.phasing
    }
    assert found == {"6": set(range(1, 9)), "7": {2, 6, 9}}
    offsets = {s.plan_in_force.offset_s for s in done.network.signals.values() if s.plan_in_force}
    assert offsets == {0, 104}
    for signal in done.network.signals.values():
        assert signal.plan_in_force is not None
        assert check(signal.plan_in_force, signal) == ()
        assert watch(signal.plan_in_force, signal) == ()


def test_the_record_tells_control_delays_where_volumes_are_known(tmp_path: Path) -> None:
    import_source(_utdf(tmp_path), tmp_path / "out")
    text = (tmp_path / "out" / "import.txt").read_text()
    assert "Control delay in force after HCM 2000" in text
    delays = json.loads((tmp_path / "out" / "import.json").read_text())["hcm_delay"]
    assert delays
    assert all(d["control_delay_s"] >= 0 for d in delays.values())


def test_two_streets_that_cross_in_one_phase_are_refused(tmp_path: Path) -> None:
    # They once were read as one of them yielding, which no file says.
    source = _utdf(tmp_path)
    text = source.read_text()
    spoilt = text.replace("Phase1,1,3,8,", "Phase1,1,3,2,")
    assert spoilt != text
    source.write_text(spoilt)
    with pytest.raises(ThroughbandError, match="crosses it straight on"):
        import_source(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
