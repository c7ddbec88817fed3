"""``throughband street``: traffic under controllers that others can reach."""

from __future__ import annotations

import asyncio
import json
import re
import signal as signals
import time
from pathlib import Path

import pytest

from controllers.ntcip.driver import connect
from network.readers.counts_csv import read_counts_csv
from network.readers.hires_log import read_hires_log
from tests.throughband.command_line import assert_one_line, call, ended, read_until, started
from tests.throughband.towns import block_town
from throughband.bridge.detector_map import scenario_map
from throughband.devices import read_devices
from throughband.drill import read_drill
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return block_town(tmp_path_factory.mktemp("town"))


def delay(text: str) -> str:
    found = re.search(r"delay [\d.]+ s per vehicle .*", text)
    assert found, text
    return found.group()


def test_a_street_nobody_touches_is_plain_sumo(town: Path, tmp_path: Path) -> None:
    out = tmp_path / "street"
    street = call("street", town, "--out", out, "--seed", 7, "--speed", 0)
    plain = call("simulate", town, "--controller", "in-force", "--out", tmp_path / "p", "--seed", 7)
    assert street.code == 0, street.err
    assert delay(street.err) == delay(plain.err)
    measured = json.loads((out / "measures.json").read_text())
    beside = json.loads((tmp_path / "p" / "measures.json").read_text())
    for name in ("delay_s", "scheduled", "arrived", "travel_time_s"):
        assert measured[name] == beside[name], name
    assert not (out / "drill.json").exists()


def test_at_the_speed_of_the_wall_clock_the_controllers_show_its_time(
    town: Path, tmp_path: Path
) -> None:
    async def clocks() -> list[tuple[int, int | None, float]]:
        found = []
        for device in read_devices(tmp_path / "devices.toml"):
            async with connect(device) as driver:
                status = await driver.status()
                found.append((status.pattern, status.device_utc_s, time.time()))
        return found

    command = ("street", town, "--out", tmp_path, "--snmp", "v3")
    with started(*command, folder=tmp_path) as process:
        assert "4 controllers listen" in read_until(process, "on the wall clock")
        read = asyncio.run(clocks())
        process.send_signal(signals.SIGINT)
        outcome = ended(process)
    assert outcome.code == 0, outcome.err
    assert len(read) == 4
    for pattern, device_utc_s, now_s in read:
        assert pattern == 1
        assert device_utc_s is not None
        assert abs(device_utc_s - now_s) < 10
    assert "measured up to there" in outcome.err
    assert delay(outcome.err)
    assert not (tmp_path / "drill.json").exists()


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--speed", "-1"), "--speed is -1"),
        (("--speed", "nan"), "--speed is nan"),
        (("--snmp", "v4"), "--snmp is 'v4'"),
        (("--duration", "-5"), "--duration is -5 s"),
    ],
)
def test_what_makes_no_sense_is_refused(
    town: Path, tmp_path: Path, option: tuple[str, str], says: str
) -> None:
    assert_one_line(call("street", town, "--out", tmp_path, *option), says)


@pytest.mark.slow
def test_counts_and_events_are_read_off_a_fast_street(town: Path, tmp_path: Path) -> None:
    # Other processes, as it would be on a street; the counts must be those of its detectors.
    end_s, speed = 1300, 100
    out = tmp_path / "street"
    command = ("street", town, "--out", out, "--speed", speed, "--duration", end_s)
    with started(*command, folder=tmp_path) as process:
        read_until(process, "drill.json")
        clock = ("--drill", out / "drill.json")
        list_ = out / "devices.toml"
        counts = tmp_path / "counts"
        count = ("bridge", "count", list_, "--out", counts, "--scenario", town, "--duration", 14)
        events = ("bridge", "events", list_, "--out", tmp_path / "log.csv", "--duration", 3)
        with started(*count, *clock, folder=tmp_path) as counting:
            with started(*events, *clock, "--rate", 2, folder=tmp_path) as recording:
                recorded = ended(recording)
            counted = ended(counting)
        outcome = ended(process)
    assert outcome.code == 0, outcome.err
    assert recorded.code == 0, recorded.err
    assert counted.code == 0, counted.err
    log = read_hires_log(tmp_path / "log.csv", "UTC")
    assert len(log.devices) == 4
    assert (log.code == 131).sum() == 4
    assert "times are late by at most" in recorded.err
    (file,) = counts.glob("counts-*.csv")
    found = read_counts_csv(file)
    names = scenario_map(open_setting(str(town)).network).places.values()
    assert set(found.series_ids) <= {name for each in names for name in each.values()}
    assert found.start_s % 300 == 0
    assert found.end_s <= end_s


def test_a_drill_tells_the_speed_that_was_asked_for(town: Path, tmp_path: Path) -> None:
    command = ("street", town, "--out", tmp_path, "--speed", 50, "--duration", 30)
    outcome = call(*command)
    assert outcome.code == 0, outcome.err
    drill = read_drill(tmp_path / "drill.json")
    assert (drill.speed, drill.street_start_s) == (50, 0)
    assert abs(drill.wall_start_s - time.time()) < 600
    assert (tmp_path / "read.secret").stat().st_mode & 0o077 == 0
