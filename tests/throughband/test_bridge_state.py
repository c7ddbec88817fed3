from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from controllers.calls import Call
from controllers.driver import ObjectValue
from controllers.troubles import Action, Trouble
from network.errors import ControllerError, ThroughbandError
from tests.throughband.command_line import call, until
from throughband.bridge.alerts import Alerts
from throughband.bridge.config import OperatingTimes, read_config, write_config
from throughband.bridge.state import StateFolder
from throughband.device_writing import write_devices
from throughband.journal import verify

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
CALL = Call(
    "a",
    "127.0.0.1:9",
    15,
    (ObjectValue("patternCycleTime", (15,), 90), ObjectValue("sequenceData", (1, 1), b"\x01")),
    "d" * 64,
    "push",
    300,
    "f",
    NOW,
)


def test_calls_are_kept_across_processes(tmp_path: Path) -> None:
    state, other = StateFolder(tmp_path), StateFolder(tmp_path)
    assert state.calls() == {}
    state.add({"a": CALL, "b": replace(CALL, signal_id="b", push_id="later")})
    assert set(other.calls()) == {"a", "b"}
    assert other.calls()["a"] == CALL
    other.drop(["b"])
    assert state.calls() == {"a": CALL}
    other.drop_push("push")
    assert state.calls() == {}


def test_damaged_calls_are_refused_in_one_line(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    for text in ("", "[]", '{"calls": 3}', '{"calls": [{"signal_id": "a"}]}'):
        (tmp_path / "calls.json").write_text(text)
        with pytest.raises(ThroughbandError, match=r"calls\.json"):
            StateFolder(tmp_path).calls()
    assert not state.served


def test_a_second_service_and_a_second_push_are_refused(tmp_path: Path) -> None:
    state, other = StateFolder(tmp_path), StateFolder(tmp_path)
    with state.serving(), state.at_work():
        assert other.served
        assert other.worked_on
        with pytest.raises(ControllerError, match="another bridge serves"), other.serving():
            pass
        with pytest.raises(ControllerError, match="somebody else pushes"), other.at_work():
            pass
    assert not other.served
    with other.serving():
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_keeps_nobody_from_the_lock(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    (tmp_path / "push.lock").symlink_to("/dev/full")
    with state.at_work():
        assert StateFolder(tmp_path).worked_on


def test_the_stop_file_gives_its_reason(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    assert state.stop_reason() == ""
    (tmp_path / "STOP").touch()
    assert state.stop_reason().endswith("STOP is there")
    state.stop("accident on Main St")
    assert "accident on Main St" in state.stop_reason()


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ControllerError, match="file/state"):
        StateFolder(tmp_path / "file" / "state")


PHOENIX = ZoneInfo("America/Phoenix")


@pytest.mark.parametrize(
    ("local", "inside"),
    [
        ("2026-05-04T05:59:59", False),
        ("2026-05-04T06:00:00", True),
        ("2026-05-04T21:59:59", True),
        ("2026-05-04T22:00:00", False),
        ("2026-05-05T12:00:00", False),
        ("2026-05-08T23:30:00", True),
        ("2026-05-09T01:59:59", True),
        ("2026-05-09T02:00:00", False),
    ],
)
def test_operating_times_follow_the_local_clock_and_cross_midnight(
    local: str, inside: bool
) -> None:
    times = OperatingTimes(((0, time(6), time(22)), (4, time(22), time(2))), PHOENIX)
    now_utc = datetime.fromisoformat(local).replace(tzinfo=PHOENIX).astimezone(UTC)
    assert times.contains(now_utc) is inside
    assert OperatingTimes((), PHOENIX).contains(now_utc)


def configured(folder: Path, text: str) -> Path:
    from controllers.driver import Device

    write_devices(folder, (Device("a", "127.0.0.1", 1161, "look-1", "change-1"),))
    file = folder / "bridge.toml"
    file.write_text(text)
    return file


PATHS = 'devices = "devices.toml"\nstate = "state"\njournal = "journal.sqlite"\n'


def test_a_configuration_is_read(tmp_path: Path) -> None:
    config = read_config(
        configured(
            tmp_path,
            PATHS + 'time_zone = "America/Phoenix"\n'
            "[periods]\nheartbeat_s = 20\n"
            "[limits]\nmax_clock_error_s = 1.5\nmax_cycle_step_s = 30\n"
            '[[operating]]\ndays = ["mon", "sat"]\nbegin = 06:00:00\nend = 22:00:00\n'
            '[alert]\nfile = "alerts.log"\n'
            '[troubles]\ncall-gone = "recall"\n',
        )
    )
    assert config.devices[0].max_clock_error_s == 1.5
    assert config.periods.refresh_of(300) == 20
    assert config.periods.refresh_of(60) == 15
    assert config.most_steps.cycle_s == 30
    assert config.operating.times == ((0, time(6), time(22)), (5, time(6), time(22)))
    assert config.alert_file == tmp_path / "alerts.log"
    assert config.table[Trouble.CALL_GONE].action is Action.RECALL
    assert config.table[Trouble.EDITED].action is Action.LET_GO


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "devices: Field required"),
        (PATHS + "heartbeat = 3", "heartbeat: Extra inputs"),
        (PATHS + "[periods]\nheartbeat_s = 0", r"periods\.heartbeat_s"),
        (PATHS + 'time_zone = "Mars/North"', "time_zone 'Mars/North' is unknown"),
        (PATHS + '[troubles]\nfire = "wait"', r"troubles\.fire"),
        (PATHS + '[troubles]\nsilent = "panic"', r"troubles\.silent"),
        (PATHS + '[troubles]\nforeign-call = "recall"', r"troubles\.foreign-call: recall"),
        *(
            (PATHS + f'[troubles]\n{trouble} = "note"', rf"troubles\.{trouble}: note")
            for trouble in ("foreign-call", "call-gone", "exchanged", "limits-changed", "edited")
        ),
        (PATHS + '[[operating]]\ndays = ["mon"]\nbegin = 6\nend = 22', "time of day"),
        (PATHS + '[[operating]]\ndays = ["mon"]\nbegin = "06:00Z"\nend = 22:00:00', "offset"),
        (PATHS + '[[operating]]\ndays = ["noday"]\nbegin = 06:00:00\nend = 07:00:00', "days"),
        (PATHS.replace("devices.toml", "absent.toml"), r"absent\.toml: cannot be read"),
        ("[[", "not TOML"),
    ],
)
def test_a_slip_in_the_configuration_is_named(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(ThroughbandError, match=match):
        read_config(configured(tmp_path, text))


def test_an_alert_reaches_a_program_and_a_file(tmp_path: Path) -> None:
    told = tmp_path / "told"
    alerts = Alerts(
        ("/bin/sh", "-c", f'printf %s "$1" > {told}', "sh"), tmp_path / "log", lambda: NOW
    )
    alerts("signal 'a' flashes; $(echo no)")
    alerts.close()
    until(told.exists)
    assert told.read_text() == "signal 'a' flashes; $(echo no)"
    assert (tmp_path / "log").read_text() == f"{NOW.isoformat()} signal 'a' flashes; $(echo no)\n"


def test_an_alert_program_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ThroughbandError, match="alert: "):
        Alerts((str(tmp_path / "absent"),), None, lambda: NOW)("text")


def test_the_bridge_goes_on_where_nobody_can_be_alerted(tmp_path: Path) -> None:
    config = configured(tmp_path, PATHS + '[alert]\nfile = "absent/alerts.log"\n')
    served = call("bridge", "run", config, "--duration", 0)
    assert served.code == 0, served.err
    assert '"event": "alert"' in served.err  # nothing answers at that address
    assert "absent/alerts.log" in served.err
    assert [event["event"] for event in verify(tmp_path / "journal.sqlite")] == [
        "bridge begins",
        "adopted",
        "bridge ends",
    ]


def test_a_written_configuration_reads_back_with_everything_in_it_switched_on(
    tmp_path: Path,
) -> None:
    configured(tmp_path, "").unlink()
    path = write_config(tmp_path)
    as_written = path.read_text()
    assert read_config(path).operating.times == ()
    path.write_text(re.sub(r"(?m)^# (?=[a-z_-]+ = |\[)", "", as_written))
    config = read_config(path)
    assert len(config.operating.times) == 5
    assert config.most_steps.cycle_s == 20
    assert config.counts_folder is not None
    assert config.alert_command[0] == "/usr/bin/logger"
    assert config.table[Trouble.SILENT].action is Action.WAIT
    path.write_text("mine")
    assert write_config(tmp_path).read_text() == "mine"
