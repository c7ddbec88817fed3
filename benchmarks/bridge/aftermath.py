"""What follows a fault: the next bridge concludes what is open and brings the plan onto the street.

Each trial runs plan 1 from a slot, and lets something go wrong while plan 2 is pushed.
"""

from __future__ import annotations

import asyncio

from benchmarks.bridge.street import Case, Corridor, corridor, now_utc, over
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from controllers.ntcip.objects import Edition
from controllers.recovery import open_intents, recover
from network.errors import ThroughbandError

BEFORE, WANTED = 1, 2
"""Which plan runs before the push, and which is pushed."""

QUIET_S = 5.0


def requests_of_a_push(case: Case, edition: Edition, version: str) -> int:
    """Return how many requests a healthy push takes."""

    async def scenario() -> int:
        async with corridor(case, edition=edition, version=version) as street:
            await street.push(BEFORE)
            first = street.stations[0].requests
            await street.push(WANTED)
            return street.stations[0].requests - first

    return run(scenario())


async def mend(street: Corridor, events: list[dict[str, object]], where: str, tried: Tried) -> None:
    """Conclude what is open and bring the wanted plan onto the street, as the next bridge does."""
    done = await recover(
        open_intents(events),
        street.devices,
        clock=now_utc,
        journal=events.append,
        pause=asyncio.sleep,
        connect=over(),
    )
    for concluded in done:
        if concluded.outcome == "still open":
            tried.found.append(f"{where}: still open: {concluded.details}")
    if not all(street.runs(WANTED)):
        try:
            await street.push(WANTED, journal=events.append)
        except ThroughbandError:
            # A device that only said it had closed our transaction still holds it open.
            tried.reclaimed += 1
            async with over()(street.devices[0]) as driver:
                await driver.reclaim(QUIET_S)
            try:
                await street.push(WANTED, journal=events.append)
            except ThroughbandError as error:
                tried.found.append(f"{where}: the next push fails: {error}")
    await asyncio.sleep(0.2)


async def lawful_end(street: Corridor, number: int, where: str, tried: Tried) -> None:
    """Book whatever is wrong once a plan ought to run, and with the whole film."""
    if not all(street.runs(number)):
        tried.found.append(f"{where}: in the end runs {street.witnesses[0].running()}")
        return
    for witness, plan in zip(street.witnesses, street.plan_set(number).plans, strict=True):
        witness.compare_with_film(plan)
    tried.found += [f"{where}: {text}" for text in street.found]
