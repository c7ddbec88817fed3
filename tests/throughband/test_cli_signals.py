"""Ended from outside: whoever stops it, or kills its simulator, finds nothing left over."""

from __future__ import annotations

import os
import signal as signals
from pathlib import Path

import pytest

from tests.throughband.command_line import (
    assert_one_line,
    ended,
    first_sumo_of,
    is_alive,
    read_until,
    started,
    until,
)
from tests.throughband.towns import config, corner_flows, corner_town

pytestmark = pytest.mark.sumo

LONG_S = 40000
STREET_S = 3600
OUT = "out"

# Command, options, length of the day, and the step in which SUMO is met.
IN_A_BATCH = [
    ("optimize", ("--effort", 50), LONG_S, "[2/"),
    ("validate", ("--plan", "planned/plan.json", "--seeds", 4), LONG_S, "[2/"),
    ("simulate", ("--controller", "in-force"), LONG_S, ""),
]
ON_THE_STREET = ("run", ("--effort", 50, "--seeds", 2), STREET_S, "[3/")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    corner_town(folder)
    with started(
        *("optimize", "town.sumocfg", "--out", "planned", "--effort", 50), folder=folder
    ) as process:
        assert ended(process).code == 0
    config(folder, LONG_S, corner_flows(LONG_S))
    return folder


def assert_nothing_left(folder: Path, sumo: int) -> None:
    until(lambda: not is_alive(sumo))
    assert not (folder / OUT).exists()
    assert not [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]


@pytest.mark.parametrize(
    ("command", "options", "end_s", "mark", "number"),
    [
        (*IN_A_BATCH[0], signals.SIGTERM),
        (*IN_A_BATCH[1], signals.SIGINT),
        (*IN_A_BATCH[2], signals.SIGHUP),
        (*ON_THE_STREET, signals.SIGTERM),
        (*ON_THE_STREET, signals.SIGINT),
        (*ON_THE_STREET, signals.SIGHUP),
    ],
)
def test_a_stopped_command_leaves_nothing(
    town: Path,
    command: str,
    options: tuple[object, ...],
    end_s: int,
    mark: str,
    number: signals.Signals,
) -> None:
    # Ctrl-C inside the event loop once had to be pressed twice, and a hang-up left SUMO behind.
    arguments = (command, "town.sumocfg", "--end", end_s, "--out", OUT, *options)
    with started(*arguments, folder=town) as process:
        said = read_until(process, mark) if mark else ""
        sumo = first_sumo_of(process.pid)
        process.send_signal(number)
        outcome = ended(process, said)
    assert outcome.code == 128 + number
    assert_one_line(outcome, f"stopped by {number.name}")
    assert_nothing_left(town, sumo)


@pytest.mark.parametrize(
    ("command", "options", "end_s", "mark"),
    [*IN_A_BATCH, ON_THE_STREET],
    ids=["optimize", "validate", "simulate", "run"],
)
def test_sumo_dying_in_mid_run_is_one_line(
    town: Path, command: str, options: tuple[object, ...], end_s: int, mark: str
) -> None:
    arguments = (command, "town.sumocfg", "--end", end_s, "--out", OUT, *options)
    with started(*arguments, folder=town) as process:
        said = read_until(process, mark) if mark else ""
        sumo = first_sumo_of(process.pid)
        os.kill(sumo, signals.SIGKILL)
        outcome = ended(process, said)
    assert outcome.code == 1
    assert_one_line(outcome, "sumo was ended by signal 9")
    assert_nothing_left(town, sumo)


@pytest.mark.parametrize("number", [signals.SIGTERM, signals.SIGINT])
def test_a_stopped_emulator_says_so(town: Path, tmp_path: Path, number: signals.Signals) -> None:
    with started("emulate", "town.sumocfg", "--out", tmp_path, folder=town) as process:
        said = read_until(process, "devices.toml")
        process.send_signal(number)
        outcome = ended(process)
    assert "1 controllers listen" in said
    assert outcome.code == 128 + number
    assert_one_line(outcome, f"stopped by {number.name}")
