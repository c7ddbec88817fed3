"""One thing goes wrong at one message of a push, for every message in turn.

Each trial runs plan 1 from a slot, pushes plan 2 and lets a mishap happen at one message; then
the fault is over, the bridge concludes what it left open and pushes again.
"""

from __future__ import annotations

import asyncio

from benchmarks.bridge.aftermath import BEFORE, WANTED, lawful_end, mend, requests_of_a_push
from benchmarks.bridge.mishaps import Mishap
from benchmarks.bridge.street import Case, Corridor, corridor, over
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from controllers.ntcip.objects import Edition
from network.errors import ThroughbandError

MOST_RECOVERY_S = 60.0


def at_every_message(
    fault: type[Mishap],
    case: Case,
    edition: Edition,
    version: str,
    tried: Tried,
    every: int = 1,
) -> None:
    """Let a fault happen at each message of a push in turn.

    Parameters
    ----------
    fault
        Which.
    case, edition, version
        The device.
    tried
        Where to book it.
    every
        Only every so manieth message.
    """
    for at in range(0, requests_of_a_push(case, edition, version), every):
        run(_strike(fault, at, case, edition, version, tried), at)


async def _strike(
    kind: type[Mishap], at: int, case: Case, edition: Edition, version: str, tried: Tried
) -> None:
    where = f"{kind.__name__} at {at} ({case.rings} rings, {edition}, {version})"
    events: list[dict[str, object]] = []
    async with corridor(case, edition=edition, version=version) as street:
        await street.push(BEFORE, journal=events.append)
        await asyncio.sleep(0.2)
        fault = kind(at, street)
        fault.arm()
        told = await _told(street, events)
        await asyncio.sleep(0.2)
        # A restart forgets the call: the device is then back in the plan of its time base.
        fallen_back = kind.__name__.startswith("Restart") and fault.struck_s is not None
        allowed = street.runs(WANTED) if told == "active" else street.runs(BEFORE)
        if not all(allowed) and not (fallen_back and all(street.runs(0))):
            tried.found.append(f"{where}: told {told}, runs {street.witnesses[0].running()}")
        if told == "active" and fault.struck_s is None:
            told = "active before the fault"
        fault.over()
        await mend(street, events, where, tried)
        if fault.struck_s is not None:
            needed_s = asyncio.get_running_loop().time() - fault.struck_s
            tried.slowest_s = max(tried.slowest_s, needed_s)
            if kind.__name__.startswith("Restart") and needed_s > MOST_RECOVERY_S:
                tried.found.append(f"{where}: recovered after {needed_s:.0f} s")
        await lawful_end(street, WANTED, where, tried)
    tried.outcomes[told] += 1


async def _told(street: Corridor, events: list[dict[str, object]]) -> str:
    try:
        await street.push(WANTED, reach=over(), journal=events.append)
    except ThroughbandError as error:
        return type(error).__name__
    return "active"
