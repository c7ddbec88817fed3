"""The service as a process: one loop, one lock, an orderly end."""

from __future__ import annotations

import asyncio
import json
import signal as signals
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Final

from controllers.calls import calls_on_record
from controllers.driver import Connect, Device, Driver
from controllers.recovery import open_intents
from controllers.service import Service
from controllers.together import at_device, together
from network.errors import ControllerError, ThroughbandError
from throughband.bridge.alerts import Alerts
from throughband.bridge.config import BridgeConfig
from throughband.bridge.counting import CountSpool, count_until, counting
from throughband.bridge.detector_map import read_detector_map
from throughband.bridge.reporting import Reporter
from throughband.bridge.state import StateFolder
from throughband.drill import WALL, Drill
from throughband.journal import Journal, verify
from throughband.reaching import reaching
from throughband.stopping import STOPPING

LONGEST_SLEEP_S: Final = 1.0
"""Most time until the STOP file, new calls and the operating times are looked at again."""

STATUS_S: Final = 60.0
"""How often the log tells the state where nobody watches a terminal."""


class Voice:
    """Tells what happens: one line that is rewritten on a terminal, else a JSON object a line.

    Parameters
    ----------
    clock
        The present.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._terminal = sys.stderr.isatty()
        self._last = ""
        self._next_s = 0.0

    def event(self, what: str, **details: object) -> None:
        """Tell of an event."""
        if self._terminal:
            shown = ", ".join(f"{name} {value}" for name, value in details.items())
            sys.stderr.write(f"\r\x1b[K{what}{': ' if shown else ''}{shown}\n")
            self._last = ""
        else:
            line = {"utc": self._clock().isoformat(), "event": what, **details}
            sys.stderr.write(json.dumps(line, default=str) + "\n")
        sys.stderr.flush()

    def state(self, text: str, now_s: float) -> None:
        """Tell how things are, if that is new or it was long ago."""
        if self._terminal and text != self._last:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
        elif not self._terminal and now_s >= self._next_s:
            self._next_s = now_s + STATUS_S
            self.event("state", text=text)
        self._last = text


def run_bridge(
    config: BridgeConfig,
    clock: Callable[[], datetime],
    release_on_exit: bool,
    duration_s: float | None = None,
    drill: Drill = WALL,
) -> None:
    """Serve a corridor until a signal, the STOP file or the end of the duration.

    Parameters
    ----------
    config
        What to serve.
    clock
        The present.
    release_on_exit
        Whether to hand the devices back at the end; else they fall back alone, each after its
        backup time. The STOP file releases them in any case.
    duration_s
        Seconds to serve; None for no end.
    drill
        How fast the street's time passes, where `clock` is that of a drill.

    Raises
    ------
    ControllerError
        Another bridge serves this corridor, STOP is there, or a push has no recorded end.
    """
    state = StateFolder(config.state)
    with ExitStack() as stack:
        stack.enter_context(state.serving())
        reason = state.stop_reason()
        if reason:
            raise ControllerError(f"{reason}; remove it to start the bridge")
        journal = Journal(config.journal)
        _require_concluded(config, state)
        alerts = Alerts(config.alert_command, config.alert_file, clock)
        stack.callback(alerts.close)
        asyncio.run(
            _serve(config, state, journal, alerts, clock, release_on_exit, duration_s, drill)
        )


def _require_concluded(config: BridgeConfig, state: StateFolder) -> None:
    if not config.journal.exists() or state.worked_on:
        return
    left = open_intents(verify(config.journal))
    if left:
        raise ControllerError(
            f"{config.journal}: {len(left)} pushes or withdrawals have no recorded end, the last "
            f"of {left[0].begun_utc}; run 'throughband bridge recover' first"
        )


async def _serve(
    config: BridgeConfig,
    state: StateFolder,
    journal: Journal,
    alerts: Alerts,
    clock: Callable[[], datetime],
    release_on_exit: bool,
    duration_s: float | None,
    drill: Drill,
) -> None:
    voice = Voice(clock)

    def record(event: Mapping[str, object]) -> None:
        voice.event(
            str(event["event"]), **{k: v for k, v in event.items() if k not in ("event", "utc")}
        )
        journal.write(event)

    def alert(text: str) -> None:
        voice.event("alert", text=text)
        try:
            alerts(text)
        except ThroughbandError as error:
            # The street is not left alone because a person could not be told.
            voice.event("nobody alerted", error=str(error))

    ended = asyncio.Event()
    names: list[str] = []
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        names.append(f"stopped by {signals.Signals(number).name}")
        ended.set()

    for number in STOPPING:
        if signals.getsignal(number) is not signals.SIG_IGN:
            loop.add_signal_handler(number, end, number)
    reach = reaching(clock, drill.sleep, state.profiles)
    service = Service(
        config.devices,
        state,
        clock=clock,
        now=drill.now_s,
        journal=record,
        alert=alert,
        periods=config.periods,
        table=config.table,
        called_for=config.operating.contains,
        profiles=state.profiles,
        connect=reach,
    )
    reporter = Reporter(state, clock, time.monotonic)
    counts = asyncio.create_task(_count(config, drill, clock, ended, alert))
    record({"event": "bridge begins", "utc": clock().isoformat()})
    await _adopt(config, state, reach, alert, record, clock)
    began_s = time.monotonic()
    reason = ""
    try:
        while not ended.is_set() and not reason:
            wait_s = min(drill.wall_span_s(await service.turn()), LONGEST_SLEEP_S)
            _show(service, reporter, voice)
            if duration_s is not None:
                left_s = duration_s - (time.monotonic() - began_s)
                if left_s <= 0:
                    names.append("the time is over")
                    break
                wait_s = min(wait_s, left_s)
            try:
                await asyncio.wait_for(ended.wait(), wait_s)
            except TimeoutError:
                reason = state.stop_reason()
    finally:
        counts.cancel()
        await asyncio.gather(counts, return_exceptions=True)
        await service.close()
    why = reason or (names[0] if names else "")
    called = sorted(service.statuses)
    if reason or release_on_exit:
        problems = await service.release(why)
        text = f"{why}; {len(called) - len(problems)} of {len(called)} controllers handed back"
    elif called:
        text = (
            f"{why}; {len(called)} controllers keep their pattern until their backup time ends, "
            "then return to their own schedule alone"
        )
    else:
        text = why
    record({"event": "bridge ends", "utc": clock().isoformat(), "why": text})
    if reason:
        raise ControllerError(text)


async def _count(
    config: BridgeConfig,
    drill: Drill,
    clock: Callable[[], datetime],
    ended: asyncio.Event,
    alert: Callable[[str], None],
) -> None:
    """Read counts off the street, if that is wished; what fails here must not end the service."""
    if config.counts_folder is None or config.counts_map is None:
        return
    try:
        midnight_utc_s = None if drill is WALL else float(drill.midnight_utc_s)
        spool = CountSpool(config.counts_folder, config.operating.zone, midnight_utc_s)
        places = read_detector_map(config.counts_map)
        work = counting(config.devices, places, spool, config.counts_interval_s, clock, drill.now_s)
        await count_until(work, ended, drill.wall_span_s)
    except ThroughbandError as error:
        alert(f"counts are no longer read: {error}")


async def _adopt(
    config: BridgeConfig,
    state: StateFolder,
    connect: Connect,
    alert: Callable[[str], None],
    record: Callable[[Mapping[str, object]], None],
    clock: Callable[[], datetime],
) -> None:
    """Take over calls that only the journal knows, and tell of calls that are not ours."""
    known = state.calls()
    on_record = calls_on_record(verify(config.journal)) if config.journal.exists() else {}
    unknown = [device for device in config.devices if device.signal_id not in known]

    async def called(device: Device) -> int:
        async def look(driver: Driver) -> int:
            return (await driver.status()).called_pattern

        return await at_device(device, connect, look, 1)

    patterns = await together([partial(called, device) for device in unknown])
    for device, pattern in zip(unknown, patterns, strict=True):
        where = f"signal {device.signal_id!r} at {device.address}"
        if isinstance(pattern, ThroughbandError):
            alert(f"{pattern}; nothing is called there by us")
            continue
        call = on_record.get(device.signal_id)
        if call is not None and pattern == call.pattern and call.address == device.address:
            state.add({device.signal_id: call})
        elif pattern:
            text = f"{where}: somebody else calls pattern {pattern}; it is left alone"
            alert(text)
            utc = clock().isoformat()
            record({"event": "foreign call", "utc": utc, "signal": device.signal_id, "why": text})
    utc = clock().isoformat()
    record({"event": "adopted", "utc": utc, "signals": sorted(state.calls())})


def _show(service: Service, reporter: Reporter, voice: Voice) -> None:
    statuses, troubles = service.statuses, service.troubles
    running = sum(
        status is not None and status.free_reason == "notFree" and not status.in_transition
        for status in statuses.values()
    )
    text = (
        "outside the operating times"
        if service.resting
        else f"{len(statuses)} called, {running} in step, {len(troubles)} in trouble, "
        f"{service.tally.refreshes} calls repeated"
    )
    voice.state(text, time.monotonic())
    reporter.report(service, text)
