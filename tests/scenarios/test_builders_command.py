"""``throughband generate`` as its users meet it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.scenario import load_scenario
from tests.throughband.command_line import call

pytestmark = pytest.mark.sumo


@pytest.mark.parametrize(
    ("options", "name", "signals"),
    [
        (("arterial", "--signals", 3), "arterial3", 3),
        (("grid", "--rows", 2, "--columns", 3), "grid2x3", 6),
        (("town", "--signals", 8), "town8", 8),
    ],
)
def test_every_kind_becomes_a_scenario_that_loads(
    options: tuple[object, ...], name: str, signals: int, tmp_path: Path
) -> None:
    outcome = call("generate", *options, "--seed", 2, "--out", tmp_path / "new")
    assert outcome.code == 0, outcome.err
    assert f"{signals} signals" in outcome.err
    scenario = load_scenario(tmp_path / "new" / f"{name}.sumocfg")
    assert scenario.end_s == 3600
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"{name}.net.xml",
        f"{name}.rou.xml",
        f"{name}.sumocfg",
    ]


def test_too_much_traffic_is_said(tmp_path: Path) -> None:
    outcome = call("generate", "arterial", "--signals", 2, "--volume", 9000, "--out", tmp_path)
    assert outcome.code == 0
    assert "more than it can carry" in outcome.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("hexagon",), "found 'hexagon', allowed arterial, grid, town"),
        (("grid", "--signals", 4), "--signals does not apply to grid"),
        (("town", "--rows", 4), "--rows does not apply to town"),
        (("arterial", "--signals", 1), "found 1, allowed 2 to 100"),
        (("grid", "--saturation", "nan"), "degree of saturation: found nan"),
    ],
)
def test_an_impossible_wish_is_refused_in_one_line_and_leaves_nothing(
    options: tuple[object, ...], words: str, tmp_path: Path
) -> None:
    outcome = call("generate", *options, "--out", tmp_path / "new")
    assert outcome.code == 1
    assert words in outcome.message
    assert not (tmp_path / "new").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("mine")
    outcome = call("generate", "arterial", "--signals", 2, "--out", tmp_path / "new")
    assert outcome.code == 1
    assert "a file stands where" in outcome.message
    assert (tmp_path / "new").read_text() == "mine"
