"""Records of runs and of their demand: what was written comes back, and damage is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.forecast.forecast import Forecast
from engine.forecast.prediction import Source
from engine.forecast.quality import QualityRow
from engine.optimize.problem import Limits
from engine.validate.simulator import SimulationCase
from network.counts import Quality
from network.errors import CountError, ThroughbandError
from scenarios.scenario import Scenario
from tests.network.test_schemas import measured as calibration_of_a_street
from tests.throughband.reports_street import street_network
from throughband.counts.demand import Demand
from throughband.counts.demand_file import read_demand, write_demand
from throughband.planning.plan_orders import PlanOrder
from throughband.run_record import (
    RECORD_NAME,
    add_step,
    digest_of,
    planning_inputs,
    portable,
    run_record,
)
from throughband.setting import Setting

NETWORK = street_network("AB")


def wanted() -> Demand:
    names = tuple(NETWORK.movements)
    flow = np.random.default_rng(1).uniform(0, 900, (3, len(names))).round(6)
    source = np.full(flow.shape, Source.OBSERVED, np.uint8)
    source[0] = Source.COUNTED
    flows = Forecast(names, 25200.0, 900, 1, flow, flow.round(2), 2 * flow, source)
    rows = (QualityRow(names[0], Quality.STUCK, 2, "the same number again and again"),)
    return Demand(flows, {"e0_0>e1_0": 1.0}, rows)


def test_a_demand_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "demand.json"
    write_demand(file, wanted())
    found = read_demand(file, NETWORK)
    assert found.flows.movement_ids == wanted().flows.movement_ids
    for name in ("flow_vph", "low_vph", "high_vph", "source"):
        assert np.array_equal(getattr(found.flows, name), getattr(wanted().flows, name))
    assert (found.flows.start_s, found.flows.interval_s, found.flows.observed) == (25200.0, 900, 1)
    assert (found.lane_shares, found.quality) == (wanted().lane_shares, wanted().quality)


def test_equal_demands_give_equal_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_demand(tmp_path / name, wanted())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("interval_s", 0),
        ("observed", 9),
        ("start_s", "noon"),
        ("movements", []),
        ("movements", [7]),
        ("lane_shares", {"x": 2.0}),
        ("quality", 3),
        ("quality", [{"series": "a", "flag": "odd", "intervals": 1, "reason": ""}]),
    ],
)
def test_a_damaged_demand_is_refused_with_its_place(
    tmp_path: Path, key: str, value: object
) -> None:
    file = tmp_path / "demand.json"
    write_demand(file, wanted())
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(CountError, match=r"demand\.json"):
        read_demand(file)


@pytest.mark.parametrize(
    ("key", "value"),
    [("flow_vph", [1.0]), ("flow_vph", [-1.0, 1.0, 1.0]), ("source", ["dreamt"] * 3)],
)
def test_a_damaged_movement_is_refused(tmp_path: Path, key: str, value: object) -> None:
    file = tmp_path / "demand.json"
    write_demand(file, wanted())
    content = json.loads(file.read_text())
    content["movements"][0][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(CountError, match=r"demand\.json"):
        read_demand(file)


def test_a_demand_of_another_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "demand.json"
    write_demand(file, replace(wanted()))
    with pytest.raises(CountError, match="another network"):
        read_demand(file, street_network("A"))


def test_files_beside_a_scenario_are_inputs_where_they_are_used(tmp_path: Path) -> None:
    network = street_network("A")
    config = tmp_path / "a.sumocfg"
    setting = Setting(
        Scenario("a", config, tmp_path / "a.net.xml", (), (), 0.0, 900.0),
        SimulationCase(config, tmp_path / "a.net.xml", (), (), 0.0, 900.0),
        network,
    )
    for name in ("corridors.toml", "buses.toml", "calibration.json"):
        (tmp_path / name).write_text("# something")
    lock = tmp_path / "locks.toml"
    found = planning_inputs(setting, PlanOrder(lock=lock), Limits())
    used = {name: file for name, file in found.items() if file is not None}
    assert used == {"corridors": tmp_path / "corridors.toml", "lock": lock}
    measured = replace(setting, calibration=calibration_of_a_street())
    beside = planning_inputs(measured, PlanOrder(), Limits())
    assert beside["calibration"] == tmp_path / "calibration.json"
    named = planning_inputs(measured, PlanOrder(), Limits(), tmp_path / "other.json")
    assert named["calibration"] == tmp_path / "other.json"


def test_steps_of_other_kinds_go_on_being_told(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    add_step(tmp_path, tmp_path, "optimize", None, {"counts": None}, (1, 2), "throughband one")
    add_step(tmp_path, tmp_path, "validate", None, {"plan": plan}, (101,), "throughband two")
    add_step(tmp_path, tmp_path, "validate", None, {"plan": plan}, (102,), "throughband three")
    first, second = run_record(tmp_path)
    assert (first.kind, first.command, first.seeds, first.inputs) == (
        "optimize", "throughband one", (1, 2), {},
    )  # fmt: skip
    assert (second.command, second.seeds) == ("throughband three", (102,))
    assert second.inputs["plan"].sha256 == digest_of(plan)
    assert "python" in second.versions


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("run /srv/3f/Main --out=/srv/9/files", "run Main --out=files"),
        ("validate 'Main Street/a.sumocfg' -s 3", "validate 'Main Street/a.sumocfg' -s 3"),
        ("evaluate --before '/data/old counts.csv'", "evaluate --before 'old counts.csv'"),
        ("day x --hours=07:00-09:00,a/b", "day x --hours=07:00-09:00,a/b"),
    ],
)
def test_a_portable_command_tells_files_of_the_machine_by_name(command: str, told: str) -> None:
    assert portable(command) == told


def test_a_folder_without_a_record_tells_nothing(tmp_path: Path) -> None:
    assert run_record(tmp_path) == ()


@pytest.mark.parametrize("steps", [3, [{"kind": "run"}], [[]]])
def test_a_damaged_record_is_refused(tmp_path: Path, steps: object) -> None:
    content = {"format": "throughband.run", "version": 1, "steps": steps}
    (tmp_path / RECORD_NAME).write_text(json.dumps(content))
    with pytest.raises(ThroughbandError, match=r"run\.json"):
        run_record(tmp_path)


def test_a_recorded_command_whose_quotation_does_not_end_is_refused(tmp_path: Path) -> None:
    add_step(tmp_path, tmp_path, "optimize", command="throughband optimize 'Main")

    with pytest.raises(ThroughbandError, match="No closing quotation"):
        run_record(tmp_path)


def test_a_damaged_record_of_before_does_not_stop_the_next(tmp_path: Path) -> None:
    (tmp_path / RECORD_NAME).write_text("{")
    add_step(tmp_path, tmp_path, "optimize", None, {"counts": tmp_path / "gone.csv"})
    (step,) = run_record(tmp_path)
    assert step.inputs["counts"].sha256 == ""


def test_the_digest_of_a_folder_tells_its_files_and_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.csv").write_text("1")
    before = digest_of(folder)
    (folder / "a.csv").rename(folder / "b.csv")
    assert digest_of(folder) != before
