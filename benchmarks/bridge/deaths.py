"""The bridge dies at a message of a push: what it leaves, and what the next one makes of it."""

from __future__ import annotations

import asyncio

from benchmarks.bridge.aftermath import BEFORE, WANTED, lawful_end, mend, requests_of_a_push
from benchmarks.bridge.street import Case, corridor, over
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from controllers.ntcip.objects import Edition

BACKUP_S = 300


def bridge_dies(case: Case, edition: Edition, version: str, tried: Tried, every: int = 1) -> None:
    """Let the bridge die at each message, before and after the device has seen it."""
    for at in range(0, requests_of_a_push(case, edition, version), every):
        for heard in (False, True):
            run(_death(at, heard, case, edition, version, tried), at)


async def _death(
    at: int, heard: bool, case: Case, edition: Edition, version: str, tried: Tried
) -> None:
    where = f"death at {at}, heard {heard} ({case.rings} rings, {edition}, {version})"
    loop = asyncio.get_running_loop()
    events: list[dict[str, object]] = []
    async with corridor(case, edition=edition, version=version, backup_s=BACKUP_S) as street:
        await street.push(BEFORE, journal=events.append)
        await asyncio.sleep(0.2)
        station = street.stations[0]
        first = station.requests
        died = loop.create_future()

        def before(n: int, data: bytes) -> bytes | None:
            if n - first >= at and not died.done():
                died.set_result(None)
                return data if heard else None
            return None if died.done() else data

        def after(_: int, data: bytes) -> bytes | None:
            return None if died.done() else data

        station.before, station.after = before, after
        task = loop.create_task(
            street.push(WANTED, reach=over(600.0, 600.0), journal=events.append)
        )
        await asyncio.wait({task, died}, return_when=asyncio.FIRST_COMPLETED)
        # Nothing of what a dying process still tries gets out: the wire is cut already.
        recorded = list(events)
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(0.2)
        if not (all(street.runs(BEFORE)) or all(street.runs(WANTED))):
            tried.found.append(f"{where}: then runs {street.witnesses[0].running()}")
        tried.outcomes["new plan runs" if all(street.runs(WANTED)) else "old plan runs"] += 1
        await asyncio.sleep(BACKUP_S + 1)
        if not all(street.runs(0)) or street.cabinets[0].control != "backupMode":
            tried.found.append(f"{where}: no fallback after {BACKUP_S} s")
        station.before = station.after = lambda n, data: data
        await mend(street, recorded, where, tried)
        await lawful_end(street, WANTED, where, tried)
