"""Buses from the drawing of a street to its plans, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from network.counts import CountSeries
from network.readers.counts_csv import write_counts_csv
from tests.throughband.command_line import assert_one_line, call
from throughband.exchange.imported import buses_of
from throughband.planning.objective_options import objective_in
from throughband.run_record import digest_of, run_record
from throughband.setting import open_setting


@pytest.mark.sumo
def test_buses_are_drawn_planned_for_and_found_again(tmp_path: Path) -> None:
    street = tmp_path / "street"
    made = call("generate", "arterial", "--signals", 3, "--buses", 200, "--out", street)
    assert made.code == 0, made.err
    setting = open_setting(str(street / "arterial3.sumocfg"))
    lines = buses_of(setting.scenario, setting.network)
    assert [line.headway_s for line in lines] == [200.0, 200.0]
    names = list(setting.network.movements)
    volume = np.random.default_rng(1).integers(4, 16, (4, len(names))).astype(float)
    counts = tmp_path / "counts.csv"
    write_counts_csv(counts, CountSeries.from_volumes("movement", names, 0.0, 900, volume))
    outcome = call(
        "optimize", street / "arterial3.sumocfg", "--counts", counts, "--effort", 50, "--out",
        tmp_path / "plans", "--minimize", "person-delay", "--longest-wait", 55,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "2 bus lines, 36 buses an hour in all" in outcome.err
    assert "A bus of line bus east waits" in outcome.err
    assert objective_in(tmp_path / "plans" / "plan.json").buses == lines
    notes = json.loads((tmp_path / "plans" / "plan.json").read_text())["notes"]
    assert {row["line"] for row in notes["buses"]} == {"bus east", "bus west"}
    (step,) = run_record(tmp_path / "plans")
    assert set(step.inputs) == {"counts", "buses"}
    assert step.inputs["buses"].sha256 == digest_of(street / "buses.toml")
    again = call("import", street / "arterial3.sumocfg", "--out", tmp_path / "again")
    assert again.code == 0, again.err
    imported = open_setting(str(tmp_path / "again"))
    for line, found in zip(lines, buses_of(imported.scenario, imported.network), strict=True):
        assert found.route == line.route
        assert found.headway_s == pytest.approx(line.headway_s, rel=0.1)
        assert [stop.link for stop in found.stops] == [stop.link for stop in line.stops]
    # Where persons do not count, buses are only named.
    plain = call(
        "optimize", street / "arterial3.sumocfg", "--counts", counts, "--effort", 50, "--out",
        tmp_path / "plain",
    )  # fmt: skip
    assert "their passengers count with --minimize person-delay" in plain.err
    (step,) = run_record(tmp_path / "plain")
    assert set(step.inputs) == {"counts"}


def test_only_arterials_have_buses(tmp_path: Path) -> None:
    outcome = call("generate", "grid", "--buses", 200, "--out", tmp_path / "g")
    assert_one_line(outcome, "--buses does not apply to grid")
    assert not (tmp_path / "g").exists()
