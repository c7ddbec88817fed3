"""``throughband adapt``: what it refuses, in one line each, before anything is sent."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from engine.adaptive.coordinated import Slack
from tests.throughband.command_line import assert_one_line, call
from tests.throughband.towns import corner_town
from throughband.command_line import street
from throughband.radar import write_address

pytestmark = pytest.mark.sumo

LIST = """
[[device]]
signal = "{signal}"
host = "127.0.0.1"
port = 9
read_secret_file = "read"
write_secret_file = "write"
"""


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


def test_the_bounds_of_the_command_line_are_the_engines() -> None:
    names = inspect.signature(street.adapt).parameters
    given = [names[name].default for name in ("early", "late", "main_early", "main_late")]
    assert Slack(*given) == Slack()
