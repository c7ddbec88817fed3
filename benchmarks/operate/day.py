"""A day of a street: its traffic, its history, what goes wrong, and who runs its signals."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from benchmarks.operate.city_files import Hook, write_files
from benchmarks.operate.fast_clock import FastClock
from benchmarks.operate.lamps import LampEye
from benchmarks.operate.street_days import HOUR_S, OPERATED, Mishaps, midnight_utc_s
from controllers.ntcip.session import connect as open_session
from controllers.service import Service
from engine.validate.simulator import RunMeasures, SimulationCase
from throughband.bridge.config import BridgeConfig
from throughband.bridge.counting import CountSpool, counting
from throughband.bridge.detector_map import read_detector_map
from throughband.bridge.state import StateFolder
from throughband.journal import Journal, verify
from throughband.operate.config import read_operate_config
from throughband.operate.console_books import ConsoleBooks
from throughband.operate.ledger import PREFIX
from throughband.operate.office import PLANS
from throughband.operate.operation import Operation
from throughband.operate.planner import PlanOrder, PlanOutcome, make_plan
from throughband.reaching import reaching
from throughband.setting import Setting
from throughband.street import Street, Wiring, open_street

PLANNING_S: Final = 180.0
"""What making and proving a plan takes of the street's time, whatever the machine takes."""
SAMPLE_S: Final = HOUR_S


@dataclass(slots=True)
class Told:
    """What came of a day.

    Attributes
    ----------
    measures
        SUMO's.
    tenths, unlawful, findings
        Tenths of a second of all signals that were judged; how often something was unlawful; the
        first of it.
    events
        By event of the journal, how often.
    timeline
        When what was decided, told or warned, in the street's time.
    memory
        Hour by hour: second of the street, resident memory in MB, and thousands of blocks that
        Python has allocated.
    notices
        Notices that the webhook got.
    """

    measures: RunMeasures
    tenths: int = 0
    unlawful: int = 0
    findings: list[str] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    memory: list[tuple[float, float, float]] = field(default_factory=list)
    notices: int = 0


async def fixed_day(setting: Setting, case: SimulationCase, seed: int) -> Told:
    """Play the day under the plan in force, on the same emulated controllers."""
    wiring = Wiring(midnight_utc_s=lambda: int(midnight_utc_s(OPERATED)), counted=False)
    async with open_street(case, setting.network, seed, wiring=wiring) as street:
        eyes = [LampEye(cabinet) for cabinet in street.cabinets.values()]

        async def pace(street_s: float) -> None:
            for eye in eyes:
                eye.look(street_s)

        await street.run_until(case.end_s, pace=pace)
        told = Told(street.finish())
    return _judged(told, eyes)


def _judged(told: Told, eyes: Sequence[LampEye]) -> Told:
    told.tenths = sum(eye.tenths for eye in eyes)
    told.unlawful = sum(eye.count for eye in eyes)
    told.findings = [text for eye in eyes for text in eye.found]
    return told


async def bridge(config: BridgeConfig, state: StateFolder, clock: FastClock) -> None:
    """Keep calls alive and count, as ``throughband bridge run`` does, on the fast clock."""
    journal = Journal(config.journal)
    reach = clock.holding(reaching(clock.utc, clock.sleep, state.profiles))
    service = Service(
        config.devices,
        state,
        clock=clock.utc,
        now=clock.now_s,
        journal=journal.write,
        alert=lambda text: None,
        periods=config.periods,
        table=config.table,
        profiles=state.profiles,
        connect=reach,
    )
    try:
        while True:
            wait_s = await service.turn()
            if service.told_news():
                state.keep_status(
                    {
                        "utc": clock.utc().isoformat(),
                        "text": f"{len(service.statuses)} called",
                        "signals": {
                            signal: {"trouble": str(service.troubles.get(signal, ""))}
                            for signal in service.statuses
                        },
                    }
                )
            await clock.sleep(min(max(wait_s, 1.0), 10.0))
    finally:
        await service.close()


async def spooling(config: BridgeConfig, clock: FastClock) -> None:
    """Count into the folder that the bridge's configuration names."""
    assert config.counts_folder is not None
    assert config.counts_map is not None
    spool = CountSpool(config.counts_folder, config.operating.zone)
    places = read_detector_map(config.counts_map)
    work = counting(
        config.devices,
        places,
        spool,
        config.counts_interval_s,
        clock.utc,
        clock.now_s,
        open_=lambda device: clock.held_open(open_session(device)),
    )
    while True:
        await clock.sleep(max(1.0, await work.turn()))


def memory_mb() -> float:
    """Return the resident memory of this process, MB."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


async def operated_day(
    setting: Setting,
    case: SimulationCase,
    seed: int,
    folder: Path,
    mishaps: Mishaps,
    say: Callable[[str], None],
    drop: bool = True,
) -> Told:
    """Play the day with bridge and operation attached over UDP."""
    folder.mkdir(parents=True, exist_ok=True)
    midnight = midnight_utc_s(OPERATED)
    clock = FastClock(midnight, case.begin_s)
    wiring = Wiring(midnight_utc_s=lambda: int(midnight), counted=False)
    hook = Hook()
    samples: list[tuple[float, float, float]] = []
    try:
        async with open_street(case, setting.network, seed, wiring=wiring) as street:
            config = read_operate_config(write_files(folder, setting, street, hook, drop))
            eyes = [LampEye(cabinet) for cabinet in street.cabinets.values()]
            state = StateFolder(config.bridge.state)
            books = ConsoleBooks(
                config.database,  # type: ignore[arg-type]
                config.bridge.journal,
                setting,
                config.scenario,
                config.folder / PLANS,
                clock.utc,
            )
            reach = clock.holding(reaching(clock.utc, clock.sleep, state.profiles))
            operation = Operation(
                config,
                setting,
                clock.utc,
                clock.sleep,
                connect=reach,
                planning=partial(_planning, clock),
                mirror=books,
                approver=books,
                look=_at_once,
            )
            ended = asyncio.Event()

            async def pace(street_s: float) -> None:
                await clock.pace(street_s)
                for eye in eyes:
                    eye.look(street_s)

            console = folder / "console"
            due = _mishaps(street, setting, mishaps, console, hook)
            with state.serving():
                tasks = [
                    asyncio.create_task(bridge(config.bridge, state, clock)),
                    asyncio.create_task(spooling(config.bridge, clock)),
                    asyncio.create_task(operation.run(ended)),
                ]
                while street.time_s < case.end_s - 1e-9:
                    for at_s, act in list(due):
                        if street.time_s >= at_s:
                            act()
                            due.remove((at_s, act))
                    if street.time_s % SAMPLE_S < 1e-6:
                        gc.collect()
                        blocks = sys.getallocatedblocks() / 1000
                        samples.append((street.time_s, memory_mb(), blocks))
                        level = operation.office.memory.standing.level.words
                        say(f"{street.time_s / HOUR_S:5.1f} h  {level}  {memory_mb():.0f} MB")
                    await street.run_until(min(street.time_s + 60.0, case.end_s), pace=pace)
                    for task in tasks:
                        if task.done():
                            task.result()
                ended.set()
                await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            told = _judged(Told(street.finish()), eyes)
            with suppress(TimeoutError):
                await asyncio.wait_for(operation.outbox.deliver(), 30)
            books.close()
            told.memory = samples
            told.notices = len(hook.got)
    finally:
        hook.close()
    _read_journal(told, config.bridge.journal, midnight)
    return told


T = TypeVar("T")


async def _at_once(work: Callable[[], T], /) -> T:
    """Call it here: the street stands still meanwhile."""
    return work()


async def _planning(
    clock: FastClock, folder: Path, order: PlanOrder, give_up_s: float
) -> PlanOutcome:
    with clock.hold():
        outcome = await make_plan(folder, order, give_up_s)
    await clock.sleep(PLANNING_S)
    return outcome


def _mishaps(
    street: Street, setting: Setting, mishaps: Mishaps, console: Path, hook: Hook
) -> list[tuple[float, Callable[[], None]]]:
    held: list[sqlite3.Connection] = []
    signal = sorted(street.cabinets)[0]
    connection = setting.network.signals[signal].connections[0].connection_id

    def out() -> None:
        # Somebody holds the only lock there is and does not let go.
        locker = sqlite3.connect(console / "console.sqlite", isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        held.append(locker)
        hook.broken = True

    def back() -> None:
        for locker in held:
            locker.execute("ROLLBACK")
            locker.close()
        hook.broken = False

    return [
        (mishaps.deaf_s, lambda: street.deaf.add(connection)),
        (mishaps.reboot_s, street.cabinets[signal].restart),
        (mishaps.outage_s, out),
        (mishaps.outage_s + mishaps.outage_for_s, back),
    ]


def _read_journal(told: Told, journal: Path, midnight: float) -> None:
    for event in verify(journal):
        name = str(event["event"])
        told.events[name] = told.events.get(name, 0) + 1
        at_s = datetime.fromisoformat(str(event["utc"])).timestamp() - midnight
        if name.startswith(PREFIX) and "evidence" not in name:
            said = event.get("text") or event.get("why") or event.get("verdict") or ""
            told.timeline.append(f"{at_s / HOUR_S:6.2f} h  {name.removeprefix(PREFIX)}: {said}")
