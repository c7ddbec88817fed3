"""What ``throughband operate`` does."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal as signals
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from network.errors import ThroughbandError
from network.files import read_plan
from network.safety import require_safe
from throughband.approval import policy_objections
from throughband.bridge.detector_map import read_detector_map
from throughband.drill import WALL, Drill
from throughband.operate.config import OperateConfig, read_operate_config
from throughband.operate.ladder import require_allowed
from throughband.operate.office import PLANS
from throughband.operate.operation import Operation
from throughband.operate.pulse import health
from throughband.operate.template import write_operate_config
from throughband.operate.watching import View
from throughband.results import read_json
from throughband.setting import ANY_WINDOW_S, Setting, open_setting
from throughband.stopping import STOPPING
from throughband.teller import print_line

LOCK: Final = "operate.lock"


def write_template(path: Path, scenario: str, bridge: str) -> None:
    """Carry out ``throughband operate CONFIG --template SCENARIO``."""
    write_operate_config(path, scenario, bridge)
    print_line(
        Console(highlight=False), f"{path}: edit it, then try 'throughband operate {path} --check'"
    )


def check_operation(path: Path, drill: Drill = WALL) -> None:
    """Carry out ``throughband operate CONFIG --check``: read everything, touch nothing."""
    console = Console(highlight=False)
    config = read_operate_config(path)
    setting = open_setting(config.scenario, *ANY_WINDOW_S, config.planning.calibration)
    for line in findings(config, setting, drill.now_utc()):
        print_line(console, line)


def findings(config: OperateConfig, setting: Setting, now_utc: datetime) -> list[str]:
    """Return what a person should know before operation begins.

    Raises
    ------
    ThroughbandError
        If it cannot begin at all.
    """
    network = setting.network
    devices = {device.signal_id for device in config.bridge.devices}
    strange = sorted(devices - set(network.signals))
    if strange:
        raise ThroughbandError(
            f"{config.bridge.path}: device {strange[0]!r} is no signal of network {network.name!r}"
        )
    assert config.bridge.counts_map is not None
    places = read_detector_map(config.bridge.counts_map)
    known = {c.connection_id for c in network.connections} | {
        c.movement_id for c in network.connections
    }
    unplaced = sorted(
        name for found in places.places.values() for name in found.values() if name not in known
    )
    if unplaced:
        raise ThroughbandError(
            f"{config.bridge.counts_map}: {unplaced[0]!r} is no movement and no connection of "
            f"network {network.name!r}; plans can be made from such counts alone"
        )
    retimed = [
        name
        for name in sorted(devices)
        if config.limits.has(name) and network.signals[name].phasing
    ]
    if not retimed:
        raise ThroughbandError(f"{config.path}: no signal of the device list may be retimed")
    here = now_utc.astimezone(config.limits.hours.zone)
    lines = [
        f"{len(retimed)} of {len(network.signals)} signals may be retimed: {', '.join(retimed)}",
        "acts within its limits" if config.acts else "asks a person for every plan",
        f"hours and days are those of {config.limits.hours.zone} (time_zone of "
        f"{config.bridge.path}); there it is {here:%a %Y-%m-%d %H:%M} now",
        f"counts every {config.bridge.counts_interval_s} s into {config.counts}, "
        f"{sum(len(found) for found in places.places.values())} detectors",
        f"tells people by {', '.join(sorted(config.channels)) or 'nothing: nobody is told'}",
        "the console's database: "
        + ("none, the journal alone" if config.database is None else "named"),
    ]
    for day in config.plans_of_day:
        plan_set = read_plan(day.plan)
        require_safe(plan_set, network)
        require_allowed(day.plan, plan_set, config.limits)
        objections = policy_objections(read_json(day.report))
        if objections:
            raise ThroughbandError(f"{day.report}: {'; '.join(objections)}")
        lines.append(f"plan of the day {day.plan}: {len(plan_set.plans)} signals, proven")
    return lines


def tell_health(path: Path, drill: Drill = WALL) -> None:
    """Carry out ``throughband operate CONFIG --health``.

    Raises
    ------
    ThroughbandError
        Operation does not live.
    """
    well, text = health(read_operate_config(path).folder, drill.now_utc())
    if not well:
        raise ThroughbandError(text)
    print_line(Console(highlight=False), text)


def operate_street(path: Path, once: bool, drill: Drill = WALL) -> None:
    """Carry out ``throughband operate CONFIG``, until a signal or after one look.

    Raises
    ------
    ThroughbandError
        The configuration is unusable, or somebody operates from this folder already.
    """
    config = read_operate_config(path)
    setting = open_setting(config.scenario, *ANY_WINDOW_S, config.planning.calibration)
    console = Console(stderr=True, highlight=False)
    for line in findings(config, setting, drill.now_utc()):
        print_line(console, line)
    with _alone(config.folder):
        asyncio.run(_operate(config, setting, once, drill, console))


async def _operate(
    config: OperateConfig, setting: Setting, once: bool, drill: Drill, console: Console
) -> None:
    midnight = None if drill is WALL else float(drill.midnight_utc_s)
    books = None
    if config.database is not None:
        # Not without need: the database brings libraries of its own.
        from throughband.operate.console_books import ConsoleBooks

        books = ConsoleBooks(
            config.database,
            config.bridge.journal,
            setting,
            config.scenario,
            config.folder / PLANS,
            drill.now_utc,
            {name: channel.recipient for name, channel in config.channels.items()},
        )
    operation = Operation(
        config,
        setting,
        drill.now_utc,
        drill.sleep,
        mirror=books,
        approver=books,
        midnight_utc_s=midnight,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        if signals.getsignal(number) is not signals.SIG_IGN:
            loop.add_signal_handler(number, ended.set)
    try:
        if not once:
            await operation.run(ended)
            return
        view = await operation.turn()
        while operation.changes.seeking and not ended.is_set():
            await asyncio.sleep(1.0)
            if operation.changes.ready:
                view = await operation.turn()
        await operation.outbox.deliver()
        await operation.close()
        for line in told(operation, view):
            print_line(console, line)
    finally:
        if books is not None:
            books.close()


def told(operation: Operation, view: View) -> list[str]:
    """Return what a look came to."""
    memory = operation.office.memory
    lines = [f"{memory.standing.level.words}: {memory.standing.why}"]
    lines.append("counts are current" if view.current else f"no forecast: {view.why_not}")
    lines += [f"warning: {each.sighting.text}" for each in operation.book.open]
    if memory.waiting is not None:
        lines.append(f"plan {memory.waiting.plan_digest[:12]} waits: {memory.waiting.why}")
    waiting = len(operation.outbox.waiting)
    if waiting:
        lines.append(f"{waiting} notices are not delivered yet")
    return lines


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one who operates from a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise ThroughbandError(f"{folder}: cannot be made ({error.strerror})") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            holder = handle.read(20).strip() or "unknown"
            raise ThroughbandError(
                f"{folder / LOCK}: somebody operates from here already (process {holder})"
            ) from error
        with suppress(OSError):
            os.truncate(handle.fileno(), 0)
            os.write(handle.fileno(), str(os.getpid()).encode())
        yield
