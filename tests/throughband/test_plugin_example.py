"""A package of somebody else, built and installed on its own: found, named, run, and held to it."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controllers.driver import Change, Device, Driver
from engine.optimize.planner import Task
from engine.optimize.problem import Limits
from network.errors import UnreachableError
from network.timing import TimingPlan
from tests.throughband.drawn_counts import ZONE, drawn, write_wide
from throughband.contracts import adaptive, driver, forecaster, optimizer, simulator
from throughband.generate import Wish, generate
from throughband.setting import Setting, open_setting

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "plugin_example"
BUILD = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
PATIENCE_S = 240.0


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel of the example and lay it out as an installer does."""
    pytest.importorskip("hatchling", reason="the example is built with hatchling")
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)],
        cwd=folder / "source",
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    target = folder / "site"
    with zipfile.ZipFile(folder / built.stdout.split()[-1]) as wheel:
        wheel.extractall(target)
    return target


@pytest.fixture(scope="module")
def example(installed: Path) -> Iterator[Callable[[str], Any]]:
    """Return what imports its modules in this process."""
    sys.path.insert(0, str(installed))
    yield lambda name: importlib.import_module(f"throughband_example.{name}")
    sys.path.remove(str(installed))


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    folder = tmp_path_factory.mktemp("arterial") / "streets"
    built = generate(Wish("arterial", 2, None, None, 1, None, 0.6, False), folder)
    return open_setting(str(built.config_file), 0.0, 240.0)


def run(installed: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own with the example on its path."""
    return subprocess.run(
        [sys.executable, "-m", "throughband.cli", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"},
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def test_everything_it_registers_is_listed_with_its_version(installed: Path) -> None:
    done = run(installed, "plugins")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if "throughband-example" in line]
    assert {line[0] for line in lines} == {
        "greet", "round-robin", "yesterday", "even-splits", "sumo-in-turn", "paper",
    }  # fmt: skip
    assert {line[2] for line in lines} == {"0.3.0"}


def test_its_command_is_one_of_the_command_line(installed: Path) -> None:
    assert run(installed, "greet", "you").stdout == "hello you\n"


def test_its_controller_and_simulator_play_by_name(
    installed: Path, setting: Setting, tmp_path: Path
) -> None:
    config = setting.scenario.config_file
    done = run(
        installed, "simulate", config, "--controller", "round-robin", "--end", 240, "--out",
        tmp_path / "day",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measures = json.loads((tmp_path / "day" / "measures.json").read_text())
    assert measures["controller"] == "round-robin"
    counts = tmp_path / "counts.csv"
    rows = [f"0,900,{name},20" for name in setting.network.movements]
    counts.write_text("\n".join(["begin_s,interval_s,movement,volume_veh", *rows]) + "\n")
    done = run(
        installed, "optimize", config, "--optimizer", "even-splits", "--counts", counts, "--out",
        tmp_path / "plans", "--effort", 50,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plans" / "plan.json").read_text())
    assert len(plan["plans"]) == 2
    done = run(
        installed, "validate", config, "--plan", tmp_path / "plans" / "plan.json", "--simulator",
        "sumo-in-turn", "--seeds", 2, "--end", 240, "--out", tmp_path / "proof",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "proof" / "validation.json").read_text())["simulator"] == (
        "sumo-in-turn"
    )


def test_its_forecaster_forecasts_by_name_and_is_backtested(
    installed: Path, tmp_path: Path
) -> None:
    counts = write_wide(tmp_path / "counts.csv", drawn(8))
    done = run(
        installed, "forecast", counts, "--tz", ZONE, "--horizon", "30min", "--forecaster",
        "yesterday", "--backtest", 1, "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "forecast.json").read_text())
    assert record["forecaster"] == "yesterday"
    assert record["backtest"]["counts_scored"] > 0


def test_its_driver_is_reached_by_the_protocol_of_a_device_list(
    installed: Path, tmp_path: Path
) -> None:
    box = tmp_path / "box.json"
    box.write_text(json.dumps(EMPTY))
    devices = tmp_path / "devices.toml"
    devices.write_text(
        f'[[device]]\nsignal = "a"\nhost = "127.0.0.1"\nport = 1\nprotocol = "paper"\n'
        f'options = {{ file = "{box}" }}\n'
    )
    done = run(installed, "bridge", "identify", devices)
    assert done.returncode == 0, done.stderr
    assert "paper 1.0" in done.stdout


@pytest.mark.parametrize("behavior", forecaster.BEHAVIORS, ids=lambda b: str(b.__name__))
def test_its_forecaster_keeps_the_contract(
    example: Callable[[str], Any], behavior: forecaster.Behavior
) -> None:
    behavior(example("yesterday").Yesterday)


@pytest.mark.parametrize("behavior", optimizer.BEHAVIORS, ids=lambda b: str(b.__name__))
def test_its_optimizer_keeps_the_contract(
    example: Callable[[str], Any], behavior: optimizer.Behavior, setting: Setting
) -> None:
    flows = {name: np.full(2, 120.0) for name in setting.network.movements}
    task = Task(setting.network, flows, 900, 0, Limits(effort=50))
    behavior(example("even_splits").EvenSplits(), task)


@pytest.mark.parametrize("behavior", simulator.BEHAVIORS, ids=lambda b: str(b.__name__))
def test_its_simulator_keeps_the_contract(
    example: Callable[[str], Any], behavior: simulator.Behavior, setting: Setting
) -> None:
    behavior(example("in_turn").InTurn(), replace(setting.case, end_s=120.0))


def test_its_controller_keeps_the_contract(example: Callable[[str], Any], setting: Setting) -> None:
    tape = adaptive.recorded(replace(setting.case, end_s=120.0), setting.network)
    for behavior in adaptive.BEHAVIORS:
        behavior(example("round_robin").RoundRobin, tape)


EMPTY = {
    "set_id": 7,
    "max_patterns": 16,
    "backup_time_s": 900,
    "called": 0,
    "running": 1,
    "time_base": [1],
    "patterns": {},
    "phases": [
        {"number": n, "min_green_s": 5, "yellow_ds": 30, "red_clear_ds": 20, "walk_s": 0,
         "ped_clear_s": 0} for n in (1, 2)
    ],
}  # fmt: skip


class Box:
    """The paper controller, looked at and bent past its driver."""

    plan = TimingPlan("a", 90, (1, 2), (50, 40), 11, 1)
    impossible = TimingPlan("a", 300, (1, 2), (160, 140), 0, 1)

    def __init__(self, file: Path, own: Driver) -> None:
        self.driver = own
        self._file = file

    def _box(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._file.read_text())
        return found

    def stored(self) -> object:
        rows = self._box()["patterns"]
        # A row of nothing is none.
        return {row: values for row, values in rows.items() if any(values.values())}

    def running(self) -> int:
        return int(self._box()["running"])

    async def wait(self) -> None:
        box = self._box()
        box["running"] = box["called"] or 1
        self._file.write_text(json.dumps(box))

    def refuse(self) -> None:
        def write(box: object) -> None:
            from network.errors import RejectedValueError

            raise RejectedValueError("the paper is torn")

        self.driver._write = write  # type: ignore[attr-defined]

    def forget(self) -> None:
        self.driver._write = lambda box: None  # type: ignore[attr-defined]

    def fall_silent(self) -> None:
        self._file.rename(self._file.with_suffix(".away"))

    def meddle(self, change: Change) -> None:
        box = self._box()
        box["patterns"][str(change.pattern)] = {"cycle_s": 77}
        self._file.write_text(json.dumps(box))


@pytest.mark.parametrize("behavior", driver.BEHAVIORS, ids=lambda b: str(b.__name__))
def test_its_driver_keeps_the_contract(
    example: Callable[[str], Any], behavior: driver.Behavior, tmp_path: Path
) -> None:
    file = tmp_path / "box.json"
    file.write_text(json.dumps(EMPTY))
    device = Device("a", "127.0.0.1", 1, "", "", protocol="paper", options=(("file", str(file)),))

    @asynccontextmanager
    async def opened() -> AsyncIterator[Driver]:
        async with example("paper").reaching(None, None, None)(device) as found:
            yield found

    async def scenario() -> None:
        async with opened() as found:
            await behavior(Box(file, found))

    asyncio.run(scenario())


def test_a_device_without_its_file_is_unreachable(example: Callable[[str], Any]) -> None:
    device = Device("a", "127.0.0.1", 1, "", "", protocol="paper")

    async def ask() -> None:
        async with example("paper").reaching(None, None, None)(device) as found:
            await found.identify()

    with pytest.raises(UnreachableError):
        asyncio.run(ask())
