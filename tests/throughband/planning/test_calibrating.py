"""``throughband calibrate``: from SUMO to a file that is found, shown, and refused elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from network.calibration_file import read_calibration
from network.errors import TopologyError
from scenarios.cities import city_config
from tests.network.test_schemas import written
from tests.throughband.command_line import assert_one_line, call
from tests.throughband.reports_street import story
from throughband.reports.report import render_report
from throughband.setting import open_setting


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy a city, and calibrate it on a part of its hour."""
    folder = tmp_path_factory.mktemp("city") / "cologne1"
    shutil.copytree(city_config("cologne1").parent, folder)
    config = folder / city_config("cologne1").name
    outcome = call(
        *("calibrate", config, "--out", folder / "calibration.json"),
        *("--seeds", "1-1", "--begin", "25200", "--end", "26100"),
    )
    assert outcome.code == 0, outcome.err
    assert "start-up lost time" in outcome.err
    assert "beta" in outcome.err
    return config


def test_a_calibration_beside_the_scenario_is_found(place: Path) -> None:
    setting = open_setting(str(place))
    assert setting.calibration is not None
    found = read_calibration(place.parent / "calibration.json")
    assert found == setting.calibration
    assert found.source == "SUMO, plan in force, 25200 s to 26100 s, seeds 1"
    headways = [e for e in found.headway_s.values() if e.samples > 5]
    assert headways
    assert all(1.2 < e.value < 3.0 for e in headways)
    assert setting.driving.headway_s
    assert setting.driving.time_part


def test_optimize_says_what_it_uses(place: Path, tmp_path: Path) -> None:
    outcome = call(
        *("optimize", place, "--out", tmp_path / "out", "--effort", "50"),
        *("--begin", "25200", "--end", "26100"),
    )
    assert outcome.code == 0, outcome.err
    assert "Calibrated from SUMO" in outcome.err


def test_another_networks_calibration_is_refused(place: Path) -> None:
    outcome = call(
        *("optimize", "cologne3", "--out", place.parent / "out"),
        *("--calibration", place.parent / "calibration.json"),
    )
    assert_one_line(outcome, "calibrate this one", "cologne1")
    with pytest.raises(TopologyError):
        open_setting("cologne3", calibration=place.parent / "calibration.json")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--seeds", "101-102"), "allowed for tuning are 1 to 3"),
        (("--seeds", "one"), "found no range"),
        (("--log", "x.csv"), "belong together"),
        (("--log", "x.csv", "--detectors", "d.csv", "--seeds", "1"), "allowed is one of them"),
        (("--log", "x.csv", "--detectors", "d.csv"), "x.csv"),
    ],
)
def test_contradictory_orders_are_refused(
    options: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    outcome = call("calibrate", "cologne1", "--out", tmp_path / "c.json", *options)
    assert_one_line(outcome, says)
    assert not (tmp_path / "c.json").exists()


def test_the_report_shows_what_was_measured(tmp_path: Path) -> None:
    found = read_calibration(written("calibration", tmp_path))
    page = render_report(story(calibration=found))
    assert "How drivers drive" in page
    assert "start-up lost time" in page
    assert "How drivers drive" not in render_report(story())
