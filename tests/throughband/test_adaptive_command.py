"""``simulate --controller adaptive``: says what it sees, and refuses sights there are none of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.throughband.command_line import assert_one_line, call
from tests.throughband.towns import corner_town

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corner_town(tmp_path_factory.mktemp("adaptive") / "town")


def test_the_measures_say_what_the_controller_saw(town: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--controller", "adaptive", "--info", "vehicles", "--share", 0.5, "--end", 300]
    outcome = call("simulate", town, "--out", out, *options)
    assert outcome.code == 0, outcome.err
    measures = json.loads((out / "measures.json").read_text())
    assert measures["sees"]["information"] == "vehicles"
    assert measures["sees"]["share"] == 0.5
    assert measures["control"]["decisions"] > 0
    assert (out / "tripinfo.xml").is_file()


def test_inside_the_plan_the_measures_say_so(town: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--controller", "adaptive", "--mode", "coordinated", "--end", 300]
    outcome = call("simulate", town, "--out", out, *options)
    assert outcome.code == 0, outcome.err
    measures = json.loads((out / "measures.json").read_text())
    assert measures["mode"] == "coordinated"
    assert measures["signals_without_plan_in_force"] == []


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--controller", "adaptive", "--info", "clairvoyance"], "clairvoyance"),
        (["--controller", "adaptive", "--share", "2"], "0 to 1"),
        (["--controller", "adaptive", "--missed", "nan"], "0 to 1"),
        (["--controller", "in-force", "--info", "detectors"], "takes no --info"),
        (["--controller", "in-force", "--mode", "coordinated"], "takes no --info"),
        (["--controller", "adaptive", "--mode", "haste"], "free, coordinated"),
    ],
)
def test_a_sight_that_cannot_be_is_one_line(
    town: Path, tmp_path: Path, options: list[str], part: str
) -> None:
    out = tmp_path / "out"
    assert_one_line(call("simulate", town, "--out", out, *options), part)
    assert not out.exists()
