"""``simulate --controller adaptive``: says what it sees, and refuses sights there are none of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.street_rules import under_street_rules
from scenarios.street_rules_files import write_street_rules
from tests.throughband.command_line import assert_one_line, call
from tests.throughband.towns import corner_town
from throughband.adaptive import walks_told
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corner_town(tmp_path_factory.mktemp("adaptive") / "town")


def ruled_town(folder: Path) -> Path:
    """Return a street under street rules, which know when people walk."""
    made = call("generate", "arterial", "--signals", 2, "--out", folder / "street")
    assert made.code == 0, made.err
    scenario = open_setting(str(folder / "street")).scenario
    rules = under_street_rules(open_setting(str(folder / "street")).network)
    return write_street_rules(scenario, rules, folder / "ruled").parent


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


def test_people_on_foot_are_called_where_they_walk(tmp_path: Path) -> None:
    street, out = ruled_town(tmp_path), tmp_path / "out"
    options = ["--controller", "adaptive", "--end", 300, "--walk-wait", 90]
    outcome = call("simulate", street, "--out", out, *options)
    assert outcome.code == 0, outcome.err
    on_foot = json.loads((out / "measures.json").read_text())["on_foot"]
    assert on_foot["crossings"] > 0
    assert on_foot["longest_wait_asked_s"] == 90
    assert 0 < on_foot["longest_wait_s"] <= 90
    assert on_foot["longer_waits_s"] == {}
    assert f"the longest was {on_foot['longest_wait_s']:g} s\n" in outcome.err


def test_signals_where_people_on_foot_wait_longer_than_asked_are_named(
    tmp_path: Path,
) -> None:
    street, out = ruled_town(tmp_path), tmp_path / "out"
    options = ["--controller", "adaptive", "--end", 300, "--walk-wait", 5]
    outcome = call("simulate", street, "--out", out, *options)
    assert outcome.code == 0, outcome.err
    on_foot = json.loads((out / "measures.json").read_text())["on_foot"]
    assert min(on_foot["longer_waits_s"].values()) > 5
    assert 5 < on_foot["longest_wait_s"] <= max(on_foot["longer_waits_s"].values())
    name, wait_s = next(iter(on_foot["longer_waits_s"].items()))
    assert f"people on foot wait for as long, at {name} {wait_s:g} s" in outcome.err


def test_a_wait_on_foot_beyond_what_was_asked_is_told_with_its_reason() -> None:
    assert [*walks_told(90.0, 89.0, {})] == [
        "People on foot: asked for a wait of at most 90 s, the longest was 89 s"
    ]
    told, named = walks_told(60.0, 75.0, {"A": 75.0, "B": 64.0})
    assert told.endswith("the longest was 75 s")
    assert named.endswith("at A 75 s, B 64 s")
    (late,) = walks_told(90.0, 98.0, {})
    assert late.endswith("the longest was 98 s, as drivers in long reds go first")


@pytest.mark.parametrize("mode", ["free", "coordinated"])
def test_buses_get_priority_within_a_budget_that_is_told(tmp_path: Path, mode: str) -> None:
    street, out = tmp_path / "street", tmp_path / "out"
    made = call("generate", "arterial", "--signals", 2, "--buses", 60, "--out", street)
    assert made.code == 0, made.err
    budget = ["--transit-budget", 60, "--transit-late", -100, "--transit-close", 0.2]
    options = ["--controller", "adaptive", "--mode", mode, "--end", 600, "--transit", "all"]
    outcome = call("simulate", street, "--out", out, *options, *budget)
    assert outcome.code == 0, outcome.err
    transit = json.loads((out / "measures.json").read_text())["transit"]
    assert sum(transit["granted"].values()) > 0
    assert transit["refused"]["budget spent"] > 0
    assert transit["budget_spent_at_s"]
    assert all(0 < spent <= 60 for spent in transit["most_person_s_in_an_hour"].values())
    assert "The budget of 60 person-seconds an hour was too small at" in outcome.err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--controller", "adaptive", "--info", "clairvoyance"], "clairvoyance"),
        (["--controller", "adaptive", "--share", "2"], "0 to 1"),
        (["--controller", "adaptive", "--missed", "nan"], "0 to 1"),
        (["--controller", "in-force", "--info", "detectors"], "takes no --info"),
        (["--controller", "in-force", "--mode", "coordinated"], "takes no --info"),
        (["--controller", "adaptive", "--mode", "haste"], "free, coordinated"),
        (["--controller", "in-force", "--transit", "all"], "--walk-wait or --transit; they"),
        (["--controller", "in-force", "--walk-wait", "60"], "--walk-wait or --transit; they"),
        (["--controller", "adaptive", "--walk-wait", "60"], "no phase with a walk"),
        (["--controller", "adaptive", "--walk-wait", "0"], "--walk-wait: found 0 s"),
        (["--controller", "adaptive", "--walk-wait", "nan"], "--walk-wait: found nan s"),
        (["--controller", "adaptive", "--walk-wait", "inf"], "--walk-wait: found inf s"),
        (["--controller", "adaptive", "--transit", "magic"], "extension, early, insertion"),
        (["--controller", "adaptive", "--transit", "all,early"], "allowed are all alone"),
        (
            ["--controller", "adaptive", "--transit", "all", "--transit-allowance", "inf"],
            "--transit-allowance: found inf s",
        ),
        (["--controller", "adaptive", "--transit-budget", "5"], "needs --transit"),
        (["--controller", "adaptive", "--transit", "all"], "no bus of 0 lines"),
        (
            ["--controller", "adaptive", "--transit", "all", "--info", "detectors"],
            "allowed are lanes and vehicles",
        ),
        (
            ["--controller", "adaptive", "--transit", "all", "--info", "vehicles", "--share", "0"],
            "transit priority: 0 of the traffic seen",
        ),
    ],
)
def test_a_sight_that_cannot_be_is_one_line(
    town: Path, tmp_path: Path, options: list[str], part: str
) -> None:
    out = tmp_path / "out"
    assert_one_line(call("simulate", town, "--out", out, *options), part)
    assert not out.exists()
