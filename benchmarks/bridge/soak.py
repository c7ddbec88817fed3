"""Days on end: many cabinets, plan changes, heartbeats and a mix of faults on a fast clock.

Carried by the hour rather than by the month: a cabinet costs some microseconds for every tenth
of a second, and all tenths are played and watched. What a month would need is told by growth per
day.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import process_time

from benchmarks.bridge.lossy import drawn_cases
from benchmarks.bridge.street import Case, Corridor, corridor, now_utc, over
from benchmarks.bridge.virtual import run
from controllers.driver import Device
from controllers.emulator.relay import Disturbance, Relay, relay
from controllers.recovery import open_intents, recover
from network.errors import ThroughbandError

BACKUP_S = 300
HEARTBEAT_S = 90
CHANGE_S = 1800
DAY_S = 86_400
LATE_S = 25.0
QUIET_S = 5.0
WARM_UP = 0.25
"""Share of a run after which growth is measured: caches are full then."""

WEATHER = (
    Disturbance(),
    Disturbance(loss=0.05, delay_s=0.2),
    Disturbance(loss=0.3, duplication=0.1, delay_s=0.5, reordering=0.1),
    Disturbance(loss=0.9),
    Disturbance(repetition=0.3, late_s=20.0),
)
WEIGHTS = (4, 3, 1, 1, 2)
"""How often each weather comes; all devices of a corridor share it."""


@dataclass(slots=True)
class Soaked:
    """What a soak has come to.

    Attributes
    ----------
    cabinets, street_s, tenths
        How many, for how long, and how many tenths of a second were played and watched.
    events
        How often what happened.
    found
        What must not be.
    growth_bytes_per_day
        Growth of the live Python heap per day of the street, from after the warm-up to the end.
    cpu_s
        Processor time.
    """

    cabinets: int
    street_s: float = 0.0
    tenths: int = 0
    events: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    growth_bytes_per_day: float = 0.0
    cpu_s: float = 0.0


def soak(corridors: int, signals: int, hours: float, seed: int = 1) -> Soaked:
    """Run corridors for hours of street time and count what happens.

    Parameters
    ----------
    corridors, signals
        How many corridors of how many signals.
    hours
        Of street time.
    seed
        Of faults and plans.
    """
    soaked = Soaked(corridors * signals)
    begin_s = process_time()
    run(_soak(corridors, signals, hours, seed, soaked), seed, until_s=hours * 3600 + 7200)
    soaked.cpu_s = process_time() - begin_s
    return soaked


async def _soak(corridors: int, signals: int, hours: float, seed: int, soaked: Soaked) -> None:
    cases = drawn_cases(max(2, min(corridors, 12)))
    stop = asyncio.Event()
    lives = [
        asyncio.create_task(
            _live(cases[number % len(cases)], signals, Random(f"{seed} {number}"), stop, soaked)
        )
        for number in range(corridors)
    ]
    await asyncio.sleep(hours * 3600 * WARM_UP)
    begin = _resident_bytes()
    await asyncio.sleep(hours * 3600 * (1 - WARM_UP))
    days = hours * (1 - WARM_UP) * 3600 / DAY_S
    soaked.growth_bytes_per_day = (_resident_bytes() - begin) / days
    stop.set()
    await asyncio.gather(*lives)
    soaked.street_s = hours * 3600


def _resident_bytes() -> int:
    """Return the memory of this process, as Linux tells it."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _live(case: Case, signals: int, rng: Random, stop: asyncio.Event, soaked: Soaked) -> None:
    """One corridor's life: plans come and go, lines are good and bad, devices start anew."""
    async with corridor(case, signals, backup_s=BACKUP_S) as street:
        addresses = [(device.host, device.port) for device in street.devices]
        async with relay(addresses, Disturbance(), rng.randrange(1 << 30)) as (fronts, relays):
            behind = street.behind(fronts)
            while not stop.is_set():
                await _change(street, behind, relays, rng, soaked)
        soaked.found += street.found
        soaked.tenths += sum(round(cabinet.time_s * 10) for cabinet in street.cabinets)
        soaked.events["tenths free"] += sum(witness.free_ds for witness in street.witnesses)


async def _change(
    street: Corridor,
    behind: tuple[Device, ...],
    relays: tuple[Relay, ...],
    rng: Random,
    soaked: Soaked,
) -> None:
    """Push a plan over whatever line there is, keep it alive for a while, and clean up."""
    events: list[dict[str, object]] = []
    weather = rng.choices(WEATHER, WEIGHTS)[0]
    for each in relays:
        each.line.disturbance = weather
    try:
        await street.push(rng.randrange(len(street.case.plans)), behind, over(), events.append)
        soaked.events["pushes active"] += 1
    except ThroughbandError as error:
        soaked.events[f"pushes ended by {type(error).__name__}"] += 1
    for _ in range(CHANGE_S // HEARTBEAT_S):
        await asyncio.sleep(HEARTBEAT_S * rng.uniform(0.9, 1.1))
        await asyncio.gather(*(_beat(device, rng, soaked) for device in behind))
        if rng.random() < 0.01:
            rng.choice(street.cabinets).restart()
            soaked.events["restarts"] += 1
    for each in relays:
        each.line.disturbance = Disturbance()
    await asyncio.sleep(LATE_S)
    for device in street.devices:
        async with over()(device) as driver:
            if await driver.reclaim(QUIET_S):
                soaked.events["transactions reclaimed"] += 1
    for done in await recover(
        open_intents(events),
        behind,
        clock=now_utc,
        journal=events.append,
        pause=asyncio.sleep,
        connect=over(),
    ):
        soaked.events[f"open pushes {done.outcome}"] += 1


async def _beat(device: Device, rng: Random, soaked: Soaked) -> None:
    """Look at a device and refresh the call it is under, as the watching bridge does."""
    try:
        async with over(rng.choice([1.0, 4.0]))(device) as driver:
            called = (await driver.status()).called_pattern
            if called:
                await driver.activate(called)
        soaked.events["heartbeats"] += 1
    except ThroughbandError:
        soaked.events["heartbeats lost"] += 1
