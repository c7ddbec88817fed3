"""Commands that only read: counts off the street, and high-resolution events."""

from __future__ import annotations

import asyncio
import importlib.util
import signal as signals
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from controllers.driver import Device
from controllers.ntcip.event_log import EventRecorder
from controllers.ntcip.events import FASTEST_HZ, EventPoller
from controllers.ntcip.session import connect as open_session
from network.errors import ControllerError, CountError
from network.readers.hires_log import read_hires_log
from network.readers.local_time import time_zone
from network.writers.hires_log import HiresLogFile, write_hires_parquet
from throughband.bridge.counting import LOOK_S, CountSpool, count_until, counting
from throughband.bridge.detector_map import DetectorMap, read_detector_map, scenario_map
from throughband.devices import read_devices
from throughband.drill import WALL, Drill
from throughband.reaching import require_ntcip
from throughband.setting import ANY_WINDOW_S, open_setting
from throughband.stopping import STOPPING

KEEP_S: Final = 5.0
"""How often events are written to the log, s of the street."""


def count_street(
    devices: Path,
    out: Path,
    mapping: Path | None,
    scenario: str,
    interval_s: int,
    zone: str,
    duration_s: float | None,
    drill: Drill = WALL,
) -> None:
    """Carry out ``throughband bridge count``."""
    listed = read_devices(devices)
    require_ntcip(listed, "bridge count")
    midnight_utc_s = None if drill is WALL else float(drill.midnight_utc_s)
    spool = CountSpool(out, time_zone(zone, "--tz"), midnight_utc_s)
    work = counting(
        listed,
        map_of(mapping, scenario),
        spool,
        interval_s,
        drill.now_utc,
        drill.now_s,
        LOOK_S,
    )

    async def listen(ended: asyncio.Event) -> None:
        await count_until(work, ended, drill.wall_span_s)

    asyncio.run(_until_stopped(listen, duration_s))
    console = Console(stderr=True, highlight=False)
    for signal_id, trouble in work.follower.troubles.items():
        _say(console, f"{signal_id}: {trouble}")
    _say(console, f"counts: {out}")


def map_of(mapping: Path | None, scenario: str) -> DetectorMap:
    """Return the detectors' map from a file or a scenario.

    Raises
    ------
    CountError
        Neither is given, or both are.
    """
    if (mapping is None) == (not scenario):
        raise CountError("either --map or --scenario says which detector counts what")
    if mapping is not None:
        return read_detector_map(mapping)
    return scenario_map(open_setting(scenario, *ANY_WINDOW_S).network)


def record_events(
    devices: Path,
    out: Path,
    rate_hz: float,
    zone: str,
    duration_s: float | None,
    drill: Drill = WALL,
) -> None:
    """Carry out ``throughband bridge events``."""
    if not 0 < rate_hz <= FASTEST_HZ:
        raise ControllerError(f"--rate is {rate_hz:g}; allowed is above 0 to {FASTEST_HZ:g}")
    parquet = out.suffix == ".parquet"
    if parquet and any(importlib.util.find_spec(name) is None for name in ("pandas", "pyarrow")):
        raise ControllerError(
            f"{out}: Parquet needs pandas and pyarrow, which are not installed; write CSV"
        )
    log = out.with_suffix(".csv") if parquet else out
    listed = read_devices(devices)
    require_ntcip(listed, "bridge events")
    findings: list[str] = []

    async def listen(ended: asyncio.Event) -> None:
        findings.extend(await _record(listed, log, rate_hz, zone, drill, ended))

    asyncio.run(_until_stopped(listen, duration_s))
    console = Console(stderr=True, highlight=False)
    for finding in findings:
        _say(console, finding)
    if parquet:
        write_hires_parquet(out, read_hires_log(log, zone), zone)
    _say(console, f"events: {out}")


async def _record(
    devices: tuple[Device, ...],
    log: Path,
    rate_hz: float,
    zone: str,
    drill: Drill,
    ended: asyncio.Event,
) -> tuple[str, ...]:
    async with AsyncExitStack() as stack:
        file = stack.enter_context(HiresLogFile(log, zone))
        # A look above a yellow's length is a gap at any rate; below one a second, two looks are.
        longest_s = max(1.0, 2.0 / rate_hz)
        pollers = {
            device.signal_id: EventPoller(
                device,
                await stack.enter_async_context(open_session(device)),
                drill.now_utc,
                longest_s,
            )
            for device in devices
        }
        recorder = EventRecorder(pollers)
        next_s = kept_s = drill.now_s()
        while not ended.is_set():
            await recorder.look()
            if drill.now_s() - kept_s >= KEEP_S:
                kept_s = drill.now_s()
                file.append(recorder.take())
            # A beat that was missed is not made up for.
            next_s = max(next_s + 1.0 / rate_hz, drill.now_s())
            try:
                await asyncio.wait_for(ended.wait(), drill.wall_span_s(next_s - drill.now_s()))
            except TimeoutError:
                continue
        file.append(recorder.take())
        return recorder.findings()


async def _until_stopped(
    work: Callable[[asyncio.Event], Awaitable[None]], duration_s: float | None
) -> None:
    """Work until a signal or the end of the duration, in real seconds."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        if signals.getsignal(number) is not signals.SIG_IGN:
            loop.add_signal_handler(number, ended.set)
    if duration_s is not None:
        loop.call_later(duration_s, ended.set)
    await work(ended)


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
