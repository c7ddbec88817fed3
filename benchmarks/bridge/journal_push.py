"""A whole push onto three emulated controllers over UDP with a journal on disk, told line by line.

``python -m benchmarks.bridge.journal_push JOURNAL`` prints ``ack EVENT`` when the journal has
acknowledged an event, ``set`` when a device receives a SET, and ``end CALLED STORED ERROR`` at the
end: the patterns the devices are told to run and the cycles in their spare rows. Somebody makes
the journal fail meanwhile; `judge` says whether what was told fits what is on disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from controllers.driver import Device
from controllers.emulator.agent import Agent
from controllers.emulator.ber import PduType, decode
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.ntcip.objects import Edition
from controllers.push import PushTerms, push
from controllers.release import PlanRelease
from network.errors import ThroughbandError
from network.phasing import Phase, Phasing
from network.timing import PlanSet, TimingPlan
from throughband.journal import Journal, verify

NOW: Final = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SIGNALS: Final = ("a", "b", "c")
SECRETS: Final = ("look-but-tell-nobody", "change-but-tell-nobody")
PHASING: Final = Phasing(
    tuple(
        Phase(n, "".join("G" if g == n else "r" for g in range(1, 5)), 5, 30, 20)
        for n in range(1, 5)
    ),
    {},
)
OLD: Final = {s: TimingPlan(s, 80, (1, 2, 3, 4), (20, 20, 20, 20), 0, 1) for s in SIGNALS}
NEW: Final = PlanSet(
    "corridor", tuple(TimingPlan(s, 90, (1, 3, 2), (40, 30, 20), 11, 3) for s in SIGNALS), {}
)
ROW: Final = 15
BACKUP_S: Final = 300

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Story:
    """What a push told before its end.

    Attributes
    ----------
    acknowledged
        Events whose writing returned, in order.
    sets
        SETs that reached a device.
    early_sets
        SETs that reached a device before the intent was acknowledged.
    ended
        Whether it lived to its end.
    called, stored
        At the end: the pattern each device is told to run, and the cycle in its spare row.
    error
        What it failed on; empty for nothing.
    """

    acknowledged: tuple[str, ...]
    sets: int
    early_sets: int
    ended: bool
    called: tuple[int, ...] = ()
    stored: tuple[int, ...] = ()
    error: str = ""


class _Station(asyncio.DatagramProtocol):
    """A cabinet's socket that tells of every SET before it is carried out."""

    def __init__(self, agent: Agent, tell: Tell) -> None:
        self._agent = agent
        self._tell = tell
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Selector event loops hand over a transport that is one without saying so.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if decode(data).pdu_type is PduType.SET:
            self._tell("set")
        reply = self._agent.respond(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


def story_of(lines: list[str]) -> Story:
    """Return what the lines tell."""
    acknowledged = [line[4:] for line in lines if line.startswith("ack ")]
    first = lines.index("ack intent") if "intent" in acknowledged else len(lines)
    ends = [json.loads(line[4:]) for line in lines if line.startswith("end ")]
    return Story(
        tuple(acknowledged),
        lines.count("set"),
        lines[:first].count("set"),
        bool(ends),
        *([tuple(ends[0][0]), tuple(ends[0][1]), ends[0][2]] if ends else []),
    )


def judge(path: Path, story: Story) -> list[str]:
    """Say what in a story does not fit the journal on disk, or must never happen on a street.

    An entry on disk that was never acknowledged fits: the last sync of its folder failed.
    """
    events = verify(path) if path.exists() else []
    recorded = [str(event["event"]) for event in events]
    found = []
    following = iter(recorded)
    if not all(name in following for name in story.acknowledged):
        found.append(f"acknowledged {story.acknowledged}, on disk {recorded}")
    if story.early_sets:
        found.append(f"{story.early_sets} SETs left before the intent was durable")
    if story.sets and "intent" not in recorded:
        found.append(f"{story.sets} SETs, and no intent on disk")
    if not story.ended:
        return found
    new = "activated" in story.acknowledged and not story.error
    if story.called != (ROW if new else 0,) * len(SIGNALS):
        found.append(f"devices are told to run {story.called}, error {story.error!r}")
    if story.stored != (NEW.plans[0].cycle_s if new else 0,) * len(SIGNALS):
        found.append(f"devices store the cycles {story.stored}, error {story.error!r}")
    return found


async def pushed(write: Callable[[dict[str, object]], None], tell: Tell) -> None:
    """Push, and tell each step.

    Parameters
    ----------
    write
        The journal.
    tell
        Called with each line.
    """

    def journal(event: dict[str, object]) -> None:
        write(event)
        tell(f"ack {event['event']}")

    async def pause(seconds: float) -> None:
        for cabinet in cabinets:
            cabinet.advance(seconds)

    release = PlanRelease(
        NEW.digest, "0" * 64, "A. Engineer", NOW, NOW + timedelta(hours=1), NEW.scenario
    )
    cabinets = [
        Cabinet(CabinetConfig(s, PHASING, OLD[s], 4, *SECRETS, BACKUP_S, 60, Edition.V03), 30.0)
        for s in SIGNALS
    ]
    error = ""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        devices = []
        for cabinet in cabinets:
            station = _Station(Agent(cabinet), tell)
            transport, _ = await loop.create_datagram_endpoint(
                lambda station=station: station,  # type: ignore[misc]
                local_addr=("127.0.0.1", 0),
            )
            stack.callback(transport.close)
            host, port = transport.get_extra_info("sockname")
            devices.append(Device(cabinet.config.name, host, port, *SECRETS))
        try:
            await push(
                NEW,
                release,
                devices,
                dict.fromkeys(SIGNALS, PHASING),
                clock=lambda: NOW + timedelta(minutes=1),
                journal=journal,
                terms=PushTerms(pause=pause),
            )
        except ThroughbandError as failure:
            error = f"{type(failure).__name__}: {failure}"
    called = [cabinet.store.number("systemPatternControl") for cabinet in cabinets]
    stored = [cabinet.store.number("patternCycleTime", ROW) for cabinet in cabinets]
    tell(f"end {json.dumps([called, stored, error])}")


def push_once(path: Path, tell: Tell) -> None:
    """Push with a journal at a path; a journal that cannot even be opened ends it before."""
    try:
        journal = Journal(path)
    except ThroughbandError as error:
        tell(f"end {json.dumps([[0] * len(SIGNALS), [0] * len(SIGNALS), str(error)])}")
        return
    asyncio.run(pushed(journal.write, tell))


if __name__ == "__main__":
    push_once(Path(sys.argv[1]), lambda line: (os.write(1, f"{line}\n".encode()), None)[1])
