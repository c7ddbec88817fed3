"""Datagrams that come back: late copies of SETs, long after the push they belonged to.

SNMPv1 and v2c carry nothing by which a device could tell a copy from a new request, so what it
does with one is measured here; what the bridge can do is look again.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from benchmarks.bridge.street import Case, corridor
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import run
from benchmarks.bridge.witness import stored_plan
from controllers.emulator.ber import PduType, decode
from controllers.ntcip.driver import connect
from controllers.ntcip.objects import Edition

EARLIER, BETWEEN, LATER = 1, 2, 3
"""The third push goes to the row of the first, for the second is running then."""

NOTHING = "no effect"
OPENED = "opens a transaction: the next push finds the database busy"
CALLED = "calls another pattern: the next look at the status sees it"
STALE_SEEN = "changes the running row: the next read-back sees it"
STALE_UNSEEN = "changes the running row, unseen"


def late_copies(cases: tuple[Case, ...], edition: Edition, version: str, tried: Tried) -> None:
    """Let SETs of a push arrive again: right after it, and after two pushes more.

    Each arrives alone, and the first so many arrive in their order.

    Parameters
    ----------
    cases
        Signals with four plans.
    edition, version
        The device; v1 or v2c.
    tried
        Where to book it.
    """
    for case in cases:
        for pushes in (1, 3):
            for alone in (True, False):
                number = 0
                while run(_replay(case, edition, version, pushes, number, alone, tried)):
                    number += 1


async def _replay(
    case: Case,
    edition: Edition,
    version: str,
    pushes: int,
    number: int,
    alone: bool,
    tried: Tried,
) -> bool:
    """Replay the number-th SET of the first push, alone or after those before it.

    Returns
    -------
    bool
        Whether there is such a SET.
    """
    sent: list[bytes] = []

    def note(_: int, data: bytes) -> bytes | None:
        if decode(data).pdu_type is PduType.SET:
            sent.append(data)
        return data

    async with corridor(case, edition=edition, version=version) as street:
        station, cabinet = street.stations[0], street.cabinets[0]
        station.before = note
        receipt = await street.push(EARLIER)
        station.before = lambda n, data: data
        if number >= len(sent):
            return False
        for plan in (BETWEEN, LATER)[: pushes - 1]:
            receipt = await street.push(plan)
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.2)
        [entry] = receipt.devices
        row = stored_plan(cabinet, entry.pattern)
        for data in sent[number : number + 1] if alone else sent[: number + 1]:
            station.agent.respond(data)
        await asyncio.sleep(0.2)
        async with connect(street.devices[0]) as driver:
            called = (await driver.status()).called_pattern
            read_back = await driver.read(entry.new)
        changed = stored_plan(cabinet, entry.pattern) != row
        if changed:
            effect = STALE_SEEN if read_back != entry.new else STALE_UNSEEN
        elif called != entry.pattern:
            effect = CALLED
        elif cabinet.store.transaction.owner is not None:
            effect = OPENED
        else:
            effect = NOTHING
        when = "right after its push" if pushes == 1 else "after two pushes more"
        tried.outcomes[f"{when}: {effect}"] += 1
        if effect == STALE_UNSEEN or (changed and pushes == 1):
            tried.found.append(f"SET {number} {when}: {effect} ({edition}, {version})")
        if cabinet.monitor_fault:
            tried.found.append(f"SET {number} {when}: conflict monitor: {cabinet.monitor_fault}")
    return True


def effects(tried: Tried) -> Counter[str]:
    """Return what became of the copies, without when they came."""
    found: Counter[str] = Counter()
    for name, count in tried.outcomes.items():
        found[name.partition(": ")[2]] += count
    return found
