"""``throughband street``: traffic under emulated controllers, for a bridge to work on."""

from __future__ import annotations

import asyncio
import math
import signal as signals
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from rich.console import Console

from engine.adaptive.sites import build_sites
from engine.validate.simulator import RunMeasures, SimulationCase
from network.errors import ScenarioError, ThroughbandError
from throughband.access import reached_at
from throughband.bridge.config import write_config
from throughband.device_writing import write_devices
from throughband.drill import FASTEST, FILE, Drill, write_drill
from throughband.radar import FILE as RADAR
from throughband.radar import radar_feed, write_address
from throughband.results import write_json
from throughband.setting import LONGEST_WINDOW_S, Setting, open_setting
from throughband.simulate_command import measured
from throughband.stopping import STOPPING
from throughband.street import BACKUP_TIME_S, Street, Wiring, open_street

START_S: Final = 1.0
"""Time between the traffic being ready and the street's first second, for the files."""

LATE_S: Final = 1.0
"""A street further behind its clock says so in the end."""

LONGEST_BACKUP_S: Final = 65_535
"""Largest value of unitBackupTime (NTCIP 1202 v03 clause 5.4.3)."""

VERSIONS: Final = ("v1", "v2c", "v3")


@dataclass(slots=True)
class Pacer:
    """Holds a street back until the wall clock is due.

    Parameters
    ----------
    drill
        The clock; None for as fast as it can.

    Attributes
    ----------
    behind_s
        Most seconds of the street by which it was late.
    stop
        Set when the street is to end.
    """

    drill: Drill | None
    behind_s: float = 0.0
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, street_s: float) -> None:
        """Return when a second of the street is due, or the end is asked for."""
        wait_s = 0.0
        if self.drill is not None and not self.stop.is_set():
            wait_s = self.drill.wall_s(street_s) - self.drill.wall()
            self.behind_s = max(self.behind_s, -wait_s * self.drill.speed)
        if wait_s > 0:
            try:
                await asyncio.wait_for(self.stop.wait(), wait_s)
            except TimeoutError:
                return
        else:
            # Whoever speaks to the controllers gets a turn.
            await asyncio.sleep(0)


def run_street(
    name: str,
    out: Path,
    seed: int,
    begin_s: float | None,
    duration_s: float | None,
    speed: float,
    host: str,
    base_port: int,
    version: str,
    radar: bool = False,
    backup_time_s: int = BACKUP_TIME_S,
) -> None:
    """Carry out ``throughband street``.

    Raises
    ------
    ThroughbandError
        The speed, the window, the version or the backup time is out of range, a port is taken, or
        SUMO fails.
    """
    if not (speed == 0 or 0 < speed <= FASTEST):
        raise ThroughbandError(
            f"--speed is {speed:g}; allowed is 0 (as fast as it can), or above 0 to {FASTEST:g}"
        )
    if version not in VERSIONS:
        raise ThroughbandError(f"--snmp is {version!r}; allowed are {', '.join(VERSIONS)}")
    if not 0 <= backup_time_s <= LONGEST_BACKUP_S:
        raise ThroughbandError(
            f"--backup-time is {backup_time_s} s; allowed are 0 (never) to {LONGEST_BACKUP_S} s"
        )
    setting = open_setting(name, begin_s)
    case = _window(setting, duration_s)
    console = Console(stderr=True, highlight=False)
    measures, pacer, end_s = asyncio.run(
        _play(
            setting,
            case,
            out,
            seed,
            speed,
            Wiring(host, base_port, version, tracked=radar, backup_time_s=backup_time_s),
            console,
        )
    )
    write_json(out / "measures.json", {"controller": "street", **asdict(measures)})
    if end_s < case.end_s:
        _say(console, f"stopped at {end_s:g} s; measured up to there")
    if pacer.behind_s > LATE_S:
        _say(
            console,
            f"the street fell up to {pacer.behind_s:.1f} s behind its clock; lower --speed, or "
            "the bridge finds the controllers' clocks slow",
        )
    _say(console, measured(setting.scenario.name, "street", measures))


def _window(setting: Setting, duration_s: float | None) -> SimulationCase:
    if duration_s is None:
        return setting.case
    if not 0 < duration_s <= LONGEST_WINDOW_S:
        raise ScenarioError(
            f"--duration is {duration_s:g} s; allowed is above 0 to {LONGEST_WINDOW_S:g} s"
        )
    return replace(setting.case, end_s=setting.case.begin_s + duration_s)


async def _play(
    setting: Setting,
    case: SimulationCase,
    out: Path,
    seed: int,
    speed: float,
    wiring: Wiring,
    console: Console,
) -> tuple[RunMeasures, Pacer, float]:
    midnight_utc_s = 0

    def midnight() -> int:
        nonlocal midnight_utc_s
        midnight_utc_s = math.ceil(time.time() + START_S - case.begin_s)
        return midnight_utc_s

    wiring = replace(wiring, midnight_utc_s=midnight, counted=False)
    async with (
        open_street(case, setting.network, seed, wiring=wiring) as street,
        AsyncExitStack() as stack,
    ):
        drill = None
        if speed:
            wall_start_s = midnight_utc_s + case.begin_s
            drill = Drill(wall_start_s, case.begin_s, midnight_utc_s, speed)
        pacer = Pacer(drill)
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            if signals.getsignal(number) is not signals.SIG_IGN:
                loop.add_signal_handler(number, pacer.stop.set)
        feed = None
        if wiring.tracked:
            sites = build_sites(setting.network)
            feed, port = await stack.enter_async_context(radar_feed(sites, wiring.host))
            # Before the device list, which those wait for who use both.
            write_address(out, reached_at(wiring.host), port)
        else:
            (out / RADAR).unlink(missing_ok=True)
        _announce(street, out, drill, console)
        while street.time_s < case.end_s - 1e-9 and not pacer.stop.is_set():
            # A second at a time, so that a stop is heard.
            await street.run_until(min(street.time_s + 1.0, case.end_s), pace=pacer)
            if feed is not None:
                feed.tell(street.time_s, street.traffic)
        return street.finish(), pacer, street.time_s


def _announce(street: Street, out: Path, drill: Drill | None, console: Console) -> None:
    """Write the device list and the clock, and say where they are."""
    for skipped in street.skipped:
        _say(console, f"not emulated: {skipped.signal_id}: {skipped.reason}")
    # A clock of an earlier street must not be taken for this one's.
    (out / FILE).unlink(missing_ok=True)
    path = write_devices(out, street.devices)
    write_config(out)
    if drill is None:
        clock = "as fast as it can; no bridge can keep its time"
    elif drill.speed == 1:
        clock = "on the wall clock"
    else:
        clock = f"{drill.speed:g} times the wall clock; clock for the bridge: "
        clock += str(write_drill(out, drill))
    _say(console, f"{len(street.devices)} controllers listen; device list: {path}; {clock}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
