"""``throughband adapt``: what it refuses, in one line each, before anything is sent."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.objects import Syntax, instance
from engine.adaptive.coordinated import Slack
from tests.throughband.command_line import Outcome, assert_one_line, call, ended, started
from tests.throughband.towns import corner_town
from throughband.adapting.exclusion import steering
from throughband.command_line import street
from throughband.radar import write_address
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo

LIST = """
[[device]]
signal = "{signal}"
host = "127.0.0.1"
port = 9
read_secret_file = "read"
write_secret_file = "write"
"""


@pytest.fixture(autouse=True)
def _own_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corner_town(tmp_path_factory.mktemp("town"))


def listed(folder: Path, signal: str) -> tuple[object, ...]:
    """Write a device list of one signal and a radar address; return the options that name them."""
    for name in ("read", "write"):
        (folder / name).write_text(f"{name}-secret-word")
        (folder / name).chmod(0o600)
    (folder / "devices.toml").write_text(LIST.format(signal=signal))
    radar = write_address(folder, "127.0.0.1", 9)
    journal = folder / "journal.sqlite"
    return ("--devices", folder / "devices.toml", "--radar", radar, "--journal", journal)


def test_free_mode_is_for_simulation(town: Path, tmp_path: Path) -> None:
    options = listed(tmp_path, "A0")
    assert_one_line(
        call("adapt", town, *options, "--mode", "free"),
        "mode 'free'",
        "--mode coordinated",
        "throughband simulate",
    )
    assert_one_line(call("adapt", town, *options, "--mode", "odd"), "unknown mode 'odd'")


def test_bounds_that_cannot_be_are_refused(town: Path, tmp_path: Path) -> None:
    outcome = call("adapt", town, *listed(tmp_path, "A0"), "--main-early", "-1")
    assert_one_line(outcome, "-1.0 s shorter", "allowed are numbers from 0")


def test_a_signal_of_another_street_is_named(town: Path, tmp_path: Path) -> None:
    assert_one_line(call("adapt", town, *listed(tmp_path, "Z9")), "['Z9']", "are not in")


def test_a_signal_without_two_stages_has_nothing_to_adapt(town: Path, tmp_path: Path) -> None:
    outcome = call("adapt", town, *listed(tmp_path, "left0"))
    assert_one_line(outcome, "no signal of the device list has a plan in force of two stages")


def test_sensors_must_be_named(town: Path, tmp_path: Path) -> None:
    options = listed(tmp_path, "A0")
    (tmp_path / "radar.json").unlink()
    assert_one_line(call("adapt", town, *options), "radar.json: cannot be read")


def test_a_controller_that_does_not_answer_is_named(town: Path, tmp_path: Path) -> None:
    assert_one_line(call("adapt", town, *listed(tmp_path, "A0")), "signal 'A0' at 127.0.0.1:9")
    assert not (tmp_path / "journal.sqlite").exists()


def test_a_copy_of_the_list_does_not_let_a_second_one_in(town: Path, tmp_path: Path) -> None:
    options = listed(tmp_path, "A0")
    with steering([Device("A0", "127.0.0.1", 9, "read", "write")]):
        outcome = call("adapt", town, *options)
    assert_one_line(outcome, "signal 'A0' at 127.0.0.1:9: another 'adapt' steers this controller")


def test_a_street_where_every_pattern_is_called_is_left_alone(town: Path, tmp_path: Path) -> None:
    signal = open_setting(str(town)).network.signals["A0"]
    assert signal.phasing is not None
    assert signal.plan_in_force is not None
    count = len(signal.connections)
    secrets = ("read-secret-word", "write-secret-word")
    device = Cabinet(CabinetConfig("A0", signal.phasing, signal.plan_in_force, count, *secrets, 30))
    number = instance("systemPatternControl", 0)
    assert device.store.set([(number, Syntax.INTEGER, 1)], b"write-secret-word") is None
    options = listed(tmp_path, "A0")

    async def work() -> Outcome:
        async with serve([device]) as [(_, port)]:
            text = (tmp_path / "devices.toml").read_text()
            (tmp_path / "devices.toml").write_text(text.replace("port = 9", f"port = {port}"))
            with started("adapt", town, *options, folder=tmp_path) as process:
                return await asyncio.to_thread(ended, process)

    outcome = asyncio.run(work())
    assert_one_line(outcome, "signal 'A0': somebody calls pattern 1 there", "none left to steer")
    assert not device.controls.active
    assert not (tmp_path / "journal.sqlite").exists()


def test_the_bounds_of_the_command_line_are_the_engines() -> None:
    names = inspect.signature(street.adapt).parameters
    given = [names[name].default for name in ("early", "late", "main_early", "main_late")]
    assert Slack(*given) == Slack()
