"""Bad input: one line that says what, where and what to do, and nothing left behind."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.validate import sumo_process
from network.errors import ThroughbandError
from scenarios.cities import CITIES
from tests.throughband.command_line import PROGRAM, Outcome, assert_one_line, call, sumo_of
from tests.throughband.towns import NET, ROUTES, config, corner_flows, corner_town, grid
from tests.throughband.towns import single_phase as make_single_phase
from throughband import cli, doctor
from throughband.results import COMPLETE

pytestmark = pytest.mark.sumo

Break = Callable[[Path], object]


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a town with its plan and validation once."""
    folder = tmp_path_factory.mktemp("intact") / "town"
    file = corner_town(folder)
    assert call("optimize", file, "--out", folder, "--effort", 50).code == 0
    plan = folder / "plan.json"
    validated = call("validate", file, "--plan", plan, "--seeds", 2, "--out", folder)
    assert validated.code == 0, validated.err
    return folder


@pytest.fixture
def town(intact: Path, tmp_path: Path) -> Path:
    """Copy the town, so that it can be broken."""
    return Path(shutil.copytree(intact, tmp_path / "town"))


def on(command: str, scenario: object, out: Path) -> Outcome:
    """Run one of the commands that play a scenario, as cheaply as it goes."""
    options: dict[str, list[object]] = {
        "run": ["--effort", 50, "--seeds", 2],
        "optimize": ["--effort", 50],
        "simulate": ["--controller", "in-force"],
        "validate": ["--plan", out.parent / "town" / "plan.json", "--seeds", 2],
    }
    return call(command, scenario, "--out", out, *options[command])


def assert_clean(out: Path) -> None:
    """Check that neither files nor processes are left behind."""
    assert not out.exists() or not any(out.iterdir())
    assert not [f.name for f in out.parent.iterdir() if f.name.startswith(".")]
    assert sumo_of(os.getpid()) == []


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def recorded(text: str, name: str) -> Break:
    return lambda town: (town / name).write_text(text)


def gzipped(text: str) -> Break:
    return lambda town: (town / ROUTES).write_bytes(gzip.compress(text.encode()))


def end_at(seconds: str) -> Break:
    def change(town: Path) -> None:
        file = town / "town.sumocfg"
        file.write_text(
            re.sub('<end value="[^"]*"/>', f'<end value="{seconds}"/>', file.read_text())
        )

    return change


def replace_config(kind: str) -> Break:
    def change(town: Path) -> None:
        file = town / "town.sumocfg"
        file.unlink()
        if kind == "folder":
            file.mkdir()
        else:
            file.write_bytes({"empty": b"", "binary": bytes(range(256)) * 8}[kind])

    return change


BROKEN: dict[str, tuple[Break, tuple[str, ...]]] = {
    "missing config": (lambda town: (town / "town.sumocfg").unlink(), ("is missing", "correct")),
    "config is a folder": (replace_config("folder"), ("a folder", "correct the path")),
    "empty config": (replace_config("empty"), ("not well-formed", "repair")),
    "binary config": (replace_config("binary"), ("not well-formed", "repair")),
    "config without a network": (
        recorded("<configuration/>", "town.sumocfg"),
        ("names 0 network files", "add"),
    ),
    "missing network": (lambda town: (town / NET).unlink(), (NET, "is missing", "correct")),
    "malformed network": (lambda town: truncated(town / NET), (NET, "line", "repair")),
    "empty network": (recorded("<net/>", NET), (NET,)),
    "routes for a network": (recorded("<routes/>", NET), (NET, "<routes>", "right file")),
    "missing routes": (lambda town: (town / ROUTES).unlink(), (ROUTES, "is missing", "correct")),
    "routes cut off": (lambda town: truncated(town / ROUTES), (ROUTES, "damaged", "again")),
    "malformed routes": (gzipped("<routes><flow"), (ROUTES, "line", "repair")),
    "entity bomb": (
        gzipped('<!DOCTYPE n [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><routes>&b;</routes>'),
        (ROUTES, "entities", "remove"),
    ),
    "no traffic": (gzipped("<routes/>"), ("no vehicle is due", "check the route files")),
    "unknown road": (
        gzipped('<routes><flow id="f" from="x" to="y" begin="0" end="9" number="3"/></routes>'),
        ("sumo refused its input", "'x'"),
    ),
    "no end": (lambda town: config(town, None, corner_flows(900)), ("no end time", "--end")),
    "end before begin": (end_at("0"), ("begin 0 s and end 0 s", "raise --end")),
    "end that is no time": (end_at("noon"), ("'noon'", "write seconds")),
    "endless": (end_at("1e300"), ("longer than a week", "lower --end")),
}


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("command", ["optimize", "simulate"])
def test_broken_input_is_one_line(town: Path, command: str, case: str) -> None:
    change, parts = BROKEN[case]
    change(town)
    out = town.parent / "out"
    assert_one_line(on(command, town / "town.sumocfg", out), *parts)
    assert_clean(out)


@pytest.mark.parametrize("case", ["missing network", "routes cut off", "no traffic", "no end"])
@pytest.mark.parametrize("command", ["run", "validate"])
def test_broken_input_is_one_line_for_the_long_commands(
    town: Path, command: str, case: str
) -> None:
    change, parts = BROKEN[case]
    change(town)
    out = town.parent / "out"
    assert_one_line(on(command, town / "town.sumocfg", out), *parts)
    assert_clean(out)


@pytest.mark.parametrize("command", ["run", "optimize", "simulate", "validate"])
@pytest.mark.parametrize("name", ["atlantis", "", "cologne1 ", "../cologne1"])
def test_an_unknown_scenario_is_one_line(town: Path, command: str, name: str) -> None:
    out = town.parent / "out"
    assert_one_line(on(command, name, out))
    assert_clean(out)


def test_an_unknown_scenario_is_told_the_catalog(tmp_path: Path) -> None:
    assert_one_line(on("optimize", "atlantis", tmp_path / "out"), "'atlantis'", *CITIES)


@pytest.mark.parametrize("command", ["run", "optimize", "simulate"])
def test_a_network_without_signals_is_one_line(tmp_path: Path, command: str) -> None:
    net = grid(tmp_path / "town", 2, "--default-junction-type=priority")
    file = config(net.parent, 900, "")
    out = tmp_path / "out"
    assert_one_line(on(command, file, out), NET, "no traffic signals", "choose another")
    assert_clean(out)


@pytest.mark.parametrize("command", ["run", "optimize"])
def test_a_network_whose_signals_have_one_phase_is_one_line(town: Path, command: str) -> None:
    make_single_phase(town / NET)
    out = town.parent / "out"
    assert_one_line(on(command, town / "town.sumocfg", out), "1 phase")
    assert_clean(out)


@pytest.mark.parametrize(
    ("command", "end_s", "parts"),
    [
        ("optimize", 299, ("shorter than a counting interval", "raise --end", "--counts")),
        ("run", 299, ("too short for a run", "raise --end")),
        ("run", 599, ("too short for a run", "raise --end")),
    ],
)
def test_a_window_too_short_is_one_line(
    town: Path, command: str, end_s: int, parts: tuple[str, ...]
) -> None:
    end_at(str(end_s))(town)
    out = town.parent / "out"
    assert_one_line(on(command, town / "town.sumocfg", out), *parts)
    assert_clean(out)


def test_counts_make_up_for_a_short_window(town: Path, tmp_path: Path) -> None:
    arguments = ("--end", 200, "--counts", town / "counts.csv", "--effort", 50)
    outcome = call("optimize", town / "town.sumocfg", "--out", tmp_path / "out", *arguments)
    assert outcome.code == 0, outcome.err


HEAD = "begin_s,interval_s,movement,volume_veh\n"


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (HEAD + "0,300,a>b,3\n", ("'a>b'", "no signalized movement", "is named by")),
        (HEAD, ("holds no counts", "expected")),
        ("", ("counts.csv",)),
        ("<net/>", ("counts.csv",)),
        (HEAD + "0,300,left0A0>A0right0,many\n", ("row 2", "volume_veh", "'many'", "allowed")),
        (HEAD + "0,300,left0A0>A0right0,-1\n", ("row 2", "'-1'", "allowed")),
        (HEAD + "0,300,left0A0>A0right0,0\n", ("carry nothing", "at least one vehicle")),
    ],
)
def test_bad_counts_are_one_line(town: Path, content: str, parts: tuple[str, ...]) -> None:
    counts, out = town.parent / "counts.csv", town.parent / "out"
    counts.write_text(content)
    scenario = town / "town.sumocfg"
    outcome = call("optimize", scenario, "--out", out, "--counts", counts, "--effort", 50)
    assert_one_line(outcome, *parts)
    assert_clean(out)


@pytest.mark.parametrize("command", ["run", "optimize", "simulate", "validate"])
def test_missing_sumo_is_one_line(
    town: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sumo_process, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SUMO_HOME", raising=False)
    out = town.parent / "out"
    outcome = on(command, town / "town.sumocfg", out)
    assert_one_line(outcome, "'sumo'", "not installed", "pip install eclipse-sumo")
    assert_clean(out)


@pytest.mark.parametrize("command", ["run", "optimize", "simulate", "validate"])
def test_output_that_cannot_be_written_is_one_line_before_the_work(
    town: Path, command: str
) -> None:
    (town.parent / "file").write_text("mine")
    outcome = on(command, town / "town.sumocfg", town.parent / "file" / "out")
    assert_one_line(outcome, "cannot be written")
    assert "[2" not in outcome.err
    assert_one_line(on(command, town / "town.sumocfg", town.parent / "file"), "a file stands")
    assert (town.parent / "file").read_text() == "mine"


@pytest.mark.parametrize("command", ["run", "optimize", "simulate", "validate"])
def test_a_read_only_folder_is_one_line(
    town: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any, **options: Any) -> str:
        if options.get("dir") == town.parent:  # the others are for scratch
            raise PermissionError(13, "Permission denied")
        return made(*arguments, **options)

    # Not by its mode, for nothing is read-only to root.
    made = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    out = town.parent / "out"
    assert_one_line(on(command, town / "town.sumocfg", out), str(out), "Permission denied")
    assert not out.exists()


def test_a_run_does_not_replace_what_is_not_a_run(town: Path) -> None:
    before = {file.name for file in town.iterdir()}
    assert_one_line(on("run", town / "town.sumocfg", town), "not a finished run", "another folder")
    assert {file.name for file in town.iterdir()} == before


def test_a_failed_run_leaves_the_finished_one(town: Path) -> None:
    out = town.parent / "out"
    out.mkdir()
    (out / COMPLETE).write_text("{}")
    (out / "journal.sqlite").write_text("kept")
    gzipped("<routes/>")(town)
    assert_one_line(on("run", town / "town.sumocfg", out))
    assert (out / "journal.sqlite").read_text() == "kept"


def edited(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize("command", ["validate", "simulate"])
@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda text: re.sub(r'"offset_s": \d+', '"offset_s": 1', text), "edited or damaged"),
        (lambda text: edited(text, '"town"', '"city"'), "edited or damaged"),
        (lambda text: edited(text, '"version": 3', '"version": 4'), "version 4"),
        (lambda text: text[:-100], "not a plan file"),
        (lambda text: "", "not a plan file"),
        (lambda text: "[]", "not a plan file"),
        (lambda text: "[" * 100_000, "not a plan file"),
    ],
)
def test_a_plan_edited_by_hand_is_one_line(
    town: Path, command: str, change: Callable[[str], str], part: str
) -> None:
    plan, out = town / "plan.json", town.parent / "out"
    plan.write_text(change(plan.read_text()))
    options = ["--plan", plan] if command == "validate" else ["--controller", f"plan:{plan}"]
    outcome = call(command, town / "town.sumocfg", "--out", out, *options)
    assert_one_line(outcome, "plan.json", part)
    assert_clean(out)


@pytest.mark.parametrize("command", ["validate", "simulate"])
def test_a_plan_of_another_scenario_is_one_line(town: Path, command: str) -> None:
    plan, out = town / "plan.json", town.parent / "out"
    options = ["--plan", plan] if command == "validate" else ["--controller", f"plan:{plan}"]
    outcome = call(command, "cologne1", "--out", out, *options)
    assert_one_line(outcome, "'town'", "'cologne1'")
    assert_clean(out)


@pytest.mark.parametrize("name", ["absent.json", "absent.xml", "", "town.net.xml"])
def test_a_plan_that_is_none_is_one_line(town: Path, name: str) -> None:
    out = town.parent / "out"
    controller = f"plan:{town / name}"
    outcome = call("simulate", town / "town.sumocfg", "--out", out, "--controller", controller)
    assert_one_line(outcome)
    assert_clean(out)


@pytest.mark.parametrize("content", ["<additional/>", "<additional><tlLogic", "none"])
def test_an_additional_file_without_programs_is_no_plan(town: Path, content: str) -> None:
    # It once was played as the plan in force, under the plan's name.
    plan, out = town / "plan.add.xml", town.parent / "out"
    plan.write_text(content)
    controller = f"plan:{plan}"
    outcome = call("simulate", town / "town.sumocfg", "--out", out, "--controller", controller)
    assert_one_line(outcome, "plan.add.xml")
    assert_clean(out)


@pytest.mark.parametrize("base_port", [-1, 65536])
def test_a_port_that_is_none_is_one_line(town: Path, base_port: int) -> None:
    out = town.parent / "out"
    outcome = call(
        *("emulate", town / "town.sumocfg", "--out", out, "--duration", 0),
        f"--base-port={base_port}",
    )
    assert_one_line(outcome, str(base_port))
    assert_clean(out)


@pytest.mark.parametrize("command", ["emulate", "run"])
def test_a_port_already_taken_is_one_line(town: Path, command: str) -> None:
    out = town.parent / "out"
    options: dict[str, tuple[object, ...]] = {
        "emulate": ("--duration", 0),
        "run": ("--effort", 50, "--seeds", 2),
    }
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        outcome = call(
            *(command, town / "town.sumocfg", "--out", out, "--base-port", port),
            *options[command],
        )
    assert_one_line(outcome, f"UDP port {port} of 127.0.0.1", "already taken")
    assert_clean(out)


def test_an_emulator_that_cannot_write_its_list_is_one_line(town: Path) -> None:
    (town.parent / "file").touch()
    outcome = call("emulate", town / "town.sumocfg", "--out", town.parent / "file", "--duration", 0)
    assert_one_line(outcome, "file", "cannot be written")


def test_a_network_without_an_end_can_be_emulated(town: Path) -> None:
    # Nothing is played, so no end is needed; and there is no option to give one.
    config(town, None, corner_flows(900))
    out = town.parent / "out"
    outcome = call("emulate", town / "town.sumocfg", "--out", out, "--duration", 0)
    assert outcome.code == 0, outcome.err
    assert (out / "devices.toml").is_file()


@pytest.mark.parametrize(
    "error",
    [RuntimeError("first\nsecond"), MemoryError(), AssertionError(), ZeroDivisionError("by 0")],
)
def test_a_defect_of_ours_is_one_line_too(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(doctor, "run_doctor", fail)
    outcome = call("doctor")
    assert outcome.code == cli.FAULT_CODE
    assert len(outcome.err.splitlines()) == 1
    assert type(error).__name__ in outcome.message
    assert "test_cli.py:" in outcome.message
    assert "Traceback" not in outcome.err


def test_an_error_of_many_lines_is_told_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ThroughbandError("first\n  second\r\nthird")

    monkeypatch.setattr(doctor, "run_doctor", fail)
    outcome = call("doctor")
    assert outcome.err == "throughband: first second third\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("frobnicate",), ("optimize",), ("optimize", "x"), ("optimize", "x", "--frob", "1")],
)
def test_wrong_usage_shows_the_usage(arguments: tuple[str, ...]) -> None:
    outcome = call(*arguments)
    assert outcome.code == 2
    assert "Usage: throughband" in outcome.out + outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("validate", "x", "--workers", "0"), "'--workers'"),
        (("optimize", "x", "--out", "y", "--effort", "some"), "'--effort'"),
        (("bridge", "run", "x", "--duration", "-1"), "'--duration'"),
    ],
)
def test_an_option_out_of_its_range_is_bad_input_like_any_other(
    arguments: tuple[str, ...], part: str
) -> None:
    outcome = call(*arguments)
    assert outcome.code == 1
    assert_one_line(outcome, part)
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "optimize", "day"])
@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--minimize", "noise"), ("--minimize", "'noise'", "emissions")),
        (("--queue-limit", "3"), ("queue limit", "3", "0.05 to 2")),
        (("--longest-wait", "1"), ("longest wait", "1", "5 to 600")),
        (("--objective", "missing.toml"), ("missing.toml",)),
        (("--lock", "missing.toml"), ("missing.toml",)),
    ],
)
def test_what_is_asked_of_plans_is_refused_alike_by_all_who_plan(
    command: str, options: tuple[str, ...], parts: tuple[str, ...], tmp_path: Path
) -> None:
    street = corner_town(tmp_path / "town", 3600)
    out = tmp_path / "out"
    outcome = call(command, street, "--out", out, *options)
    assert outcome.code == 1
    assert_one_line(outcome, *parts)
    assert not out.exists()


def test_help_loads_nothing_heavy() -> None:
    heavy = {"numba", "numpy", "ortools", "matplotlib", "scipy", "networkx", "sumolib", "snmp"}
    asked = [sys.executable, "-X", "importtime", "-c", PROGRAM, "--help"]
    done = subprocess.run(asked, check=True, capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "throughband.cli" in loaded
    assert not heavy & loaded
