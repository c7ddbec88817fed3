"""Counts followed at emulated cabinets, and the files they end up in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from controllers.driver import Device
from controllers.emulator.agent import serve
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.faults import Faults
from controllers.ntcip.session import connect
from network.counts import CountSeries, Quality
from network.errors import CountError
from network.readers.counts_csv import read_counts_csv
from tests.controllers.test_cabinet import PLAN, TWO, put
from throughband.bridge.config import read_config
from throughband.bridge.counting import Counting, CountSpool, counting
from throughband.bridge.detector_map import DetectorMap, read_detector_map
from throughband.bridge.running import _count
from throughband.counts.count_tables import HISTORY, read_feed
from throughband.device_writing import write_devices
from throughband.drill import WALL, Drill

GUARD_S = 10.0
MIDNIGHT = datetime(2026, 5, 4, tzinfo=UTC)
PLACES = DetectorMap("movement", {"s": {1: "north", 2: "south"}})


@dataclass
class Ahead:
    """By how much the cabinet's clock is ahead of ours."""

    by_s: int = 0


class Street:
    """A cabinet, its clock, and the one who counts there."""

    def __init__(self, cabinet: Cabinet, work: Counting, faults: Faults, ahead: Ahead) -> None:
        self.cabinet = cabinet
        self.work = work
        self.faults = faults
        self.ahead = ahead

    async def minute(self, vehicles: int) -> None:
        """Let a minute pass in which so many come to the first detector; look six times."""
        for at in range(6):
            if at == 0:
                self.cabinet.actuate(1, vehicles, 3.0)
            self.cabinet.advance(10)
            await self.work.turn()


def follow(folder: Path, scenario: Callable[[Street], Awaitable[None]], period_s: int = 60) -> None:
    async def served() -> None:
        config = CabinetConfig(
            "s",
            TWO,
            PLAN,
            2,
            "look",
            "change",
            volume_period_s=period_s,
            midnight_utc_s=int(MIDNIGHT.timestamp()),
        )
        cabinet, faults = Cabinet(config), Faults()
        async with serve([cabinet], faults={"s": faults}) as [(host, port)]:
            device = Device("s", host, port, "look", "change", requests_per_s=1e6)
            ahead = Ahead()

            def clock() -> datetime:
                return MIDNIGHT + timedelta(seconds=cabinet.time_s - ahead.by_s)

            work = counting(
                [device],
                PLACES,
                CountSpool(folder, ZoneInfo("UTC")),
                300,
                clock,
                lambda: cabinet.time_s,
                open_=partial(connect, timeout_s=0.05, resend_s=0.05),
            )
            await scenario(Street(cabinet, work, faults, ahead))

    asyncio.run(served())


def day(folder: Path) -> CountSeries:
    return read_counts_csv(folder / "counts-2026-05-04.csv")


def test_finished_intervals_are_written_for_optimize_and_for_forecast(tmp_path: Path) -> None:
    async def scenario(street: Street) -> None:
        for minute in range(21):
            await street.minute(minute)

    follow(tmp_path, scenario)
    counts = day(tmp_path)
    # The interval under way at the begin is not whole; those after it are.
    assert counts.kind == "movement"
    assert counts.start_s == 300
    assert counts.select(["north"]).volume_veh[:3, 0].tolist() == [35.0, 60.0, 85.0]
    assert counts.quality[:3].max() == Quality.GOOD
    feed = read_feed(tmp_path / HISTORY, "UTC")
    assert feed.start == MIDNIGHT + timedelta(seconds=300)
    assert feed.step_s == 300
    assert feed.counts[:3, feed.names.index("north")].tolist() == [35.0, 60.0, 85.0]


def test_a_silence_makes_holes_and_is_got_over(tmp_path: Path) -> None:
    async def scenario(street: Street) -> None:
        for minute in range(36):
            street.faults.request_loss = 1.0 if 7 <= minute < 9 else 0.0
            await street.minute(2)

    follow(tmp_path, scenario)
    counts = day(tmp_path).select(["north"])
    flags = dict(zip(counts.begins_s.tolist(), counts.quality[:, 0].tolist(), strict=True))
    assert flags[300] == Quality.MISSING
    assert flags[600] == flags[900] == flags[1200] == Quality.GOOD
    assert np.isnan(counts.volume_veh[0, 0])


def test_a_changed_period_costs_one_interval(tmp_path: Path) -> None:
    async def scenario(street: Street) -> None:
        for minute in range(41):
            if minute == 12:
                street.cabinet.advance(25)
                put(street.cabinet, "dbCreateTransaction", value=2)
                put(street.cabinet, "volumeOccupancyPeriod", value=30)
                put(street.cabinet, "dbCreateTransaction", value=3)
                put(street.cabinet, "dbCreateTransaction", value=1)
            await street.minute(2)

    follow(tmp_path, scenario)
    counts = day(tmp_path).select(["north"])
    flags = counts.quality[:, 0].tolist()
    assert flags[0] == Quality.GOOD
    assert flags[1] == Quality.MISSING
    assert set(flags[2:7]) == {Quality.GOOD}
    assert counts.volume_veh[2:7, 0].sum() == pytest.approx(50, abs=2)


def test_a_clock_that_is_off_makes_counts_suspect(tmp_path: Path) -> None:
    async def scenario(street: Street) -> None:
        street.ahead.by_s = 30
        for _ in range(18):
            await street.minute(2)

    follow(tmp_path, scenario)
    assert set(day(tmp_path).quality[1:, 0].tolist()) == {Quality.SUSPECT}


def test_a_second_run_continues_the_files(tmp_path: Path) -> None:
    async def scenario(street: Street) -> None:
        for _ in range(13):
            await street.minute(1)

    follow(tmp_path, scenario)
    before = (tmp_path / HISTORY).read_text()
    series = CountSeries.from_volumes("movement", ("north", "south"), 1800, 300, [[1, 2]])
    CountSpool(tmp_path, ZoneInfo("UTC")).write(series, MIDNIGHT.timestamp())
    assert (tmp_path / HISTORY).read_text().startswith(before)
    assert day(tmp_path).end_s == 2100


def test_counts_of_another_kind_do_not_mix(tmp_path: Path) -> None:
    spool = CountSpool(tmp_path, ZoneInfo("UTC"))
    for kind in ("movement", "approach"):
        series = CountSeries.from_volumes(kind, ("x",), 0, 300, [[1]])  # type: ignore[arg-type]
        if kind == "movement":
            spool.write(series, MIDNIGHT.timestamp())
            continue
        with pytest.raises(CountError, match="counts to be continued begin with"):
            spool.write(series, MIDNIGHT.timestamp())


def test_a_day_begins_at_midnight_of_the_zone(tmp_path: Path) -> None:
    spool = CountSpool(tmp_path, ZoneInfo("America/Phoenix"))
    series = CountSeries.from_volumes("movement", ("x",), 0, 300, [[1]])
    path = spool.write(series, MIDNIGHT.timestamp())
    assert path.name == "counts-2026-05-03.csv"
    assert read_counts_csv(path).start_s == 17 * 3600


MAP = "signal,detector,movement\ns,1,north\ns,2,south\n"


def test_a_map_is_read(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(MAP)
    assert read_detector_map(path) == PLACES


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "found the columns none"),
        ("signal,detector\ns,1\n", "found the columns signal, detector"),
        ("signal,detector,movement,approach\n", "allowed are signal"),
        ("signal,detector,movement\n", "names no detector"),
        (MAP + "s,2,west\n", "row 4: detector 2 of signal 's' is named again"),
        (MAP + "s,256,west\n", "row 4, column detector: found '256'"),
        (MAP + "s,-1,west\n", "row 4, column detector"),
        (MAP + "s,3\n", "row 4: found 2 columns"),
        (MAP + "s,3,\n", "row 4, column movement"),
    ],
)
def test_a_malformed_map_is_refused_with_its_row(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(CountError, match=says):
        read_detector_map(path)


def test_a_map_of_other_controllers_is_refused(tmp_path: Path) -> None:
    device = Device("elsewhere", "127.0.0.1", 9, "look", "change")
    spool = CountSpool(tmp_path, ZoneInfo("UTC"))
    with pytest.raises(CountError, match="names none of the 1 controllers"):
        counting([device], PLACES, spool, 300, lambda: MIDNIGHT, lambda: 0.0)


def test_the_running_bridge_counts_where_its_configuration_says(tmp_path: Path) -> None:
    async def served() -> tuple[Path, list[str]]:
        config = CabinetConfig("s", TWO, PLAN, 2, "look1234", "change12", volume_period_s=60)
        cabinet = Cabinet(config)
        async with serve([cabinet]) as [(host, port)]:
            write_devices(tmp_path, (Device("s", host, port, "look1234", "change12"),))
            (tmp_path / "map.csv").write_text(MAP)
            (tmp_path / "bridge.toml").write_text(
                'devices = "devices.toml"\nstate = "state"\njournal = "journal.sqlite"\n'
                '[counts]\nfolder = "counts"\nmap = "map.csv"\ninterval_s = 60\n'
            )
            begin_s = 1_800_000_000.0
            drill = Drill(begin_s, 0.0, 0, 1000.0, steady=lambda: cabinet.time_s / 1000.0)
            told: list[str] = []
            ended = asyncio.Event()
            task = asyncio.create_task(
                _count(
                    read_config(tmp_path / "bridge.toml"),
                    drill,
                    lambda: datetime.fromtimestamp(cabinet.utc_s, UTC),
                    ended,
                    told.append,
                )
            )
            while not list(tmp_path.glob("counts/counts-*.csv")):
                assert process_time() < GUARD_S + began_s
                cabinet.advance(1)
                await asyncio.sleep(0.002)
            ended.set()
            await task
            return next(tmp_path.glob("counts/counts-*.csv")), told

    began_s = process_time()
    file, told = asyncio.run(served())
    assert read_counts_csv(file).interval_s == 60
    assert told == []


def test_a_map_that_is_not_there_is_told_and_the_bridge_goes_on(tmp_path: Path) -> None:
    write_devices(tmp_path, (Device("s", "127.0.0.1", 9, "look1234", "change12"),))
    (tmp_path / "bridge.toml").write_text(
        'devices = "devices.toml"\nstate = "state"\njournal = "journal.sqlite"\n'
        '[counts]\nfolder = "counts"\nmap = "nowhere.csv"\n'
    )
    told: list[str] = []
    config = read_config(tmp_path / "bridge.toml")
    asyncio.run(_count(config, WALL, lambda: MIDNIGHT, asyncio.Event(), told.append))
    (text,) = told
    assert "counts are no longer read" in text
    assert "nowhere.csv" in text
