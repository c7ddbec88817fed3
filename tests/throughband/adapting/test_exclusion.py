"""One process at a time steers a controller, whatever list names it, and however it ends."""

from __future__ import annotations

import signal as signals
import subprocess
import sys
from pathlib import Path

import pytest

from controllers.driver import Device
from network.errors import ControllerError
from throughband.adapting.exclusion import steering

HOLDER = """
import sys
from controllers.driver import Device
from throughband.adapting.exclusion import steering
with steering([Device("A0", "127.0.0.1", 9, "look", "change")]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def device(name: str, host: str = "127.0.0.1", port: int = 9) -> Device:
    return Device(name, host, port, "look", "change")


def test_a_second_one_is_told_which_controller_is_steered_already() -> None:
    with (
        steering([device("A0"), device("A1", port=10)]),
        pytest.raises(ControllerError, match=r"signal 'B1' at 127\.0\.0\.1:10: another 'adapt'"),
        steering([device("B0", port=11), device("B1", port=10)]),
    ):
        pass


def test_a_controller_is_the_same_under_another_name_of_its_host() -> None:
    with (
        steering([device("A0")]),
        pytest.raises(ControllerError, match="at localhost:9: another 'adapt'"),
        steering([device("A0", "localhost")]),
    ):
        pass


def test_other_controllers_are_free_and_those_of_one_who_left_too() -> None:
    with steering([device("A0")]), steering([device("A1", port=10)]):
        pass
    with steering([device("A0")]):
        pass


def test_one_address_under_two_names_in_one_list_is_refused() -> None:
    with (
        pytest.raises(ControllerError, match="'A0' and 'A1' are at the same address"),
        steering([device("A0"), device("A1", "localhost")]),
    ):
        pass


def test_a_killed_process_leaves_its_controllers_to_the_next_one() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ControllerError, match=rf"\(process {holder.pid}\)"),
            steering([device("A0")]),
        ):
            pass
        holder.send_signal(signals.SIGKILL)
        holder.wait()
    with steering([device("A0")]):
        pass


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(ControllerError, match="cannot be opened"), steering([device("A0")]):
        pass
