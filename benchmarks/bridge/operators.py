"""Two bridges on one device, their messages interleaved in every order that chance finds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from benchmarks.bridge.street import Case, Corridor, Station, corridor, now_utc, over
from benchmarks.bridge.tried import Tried
from benchmarks.bridge.virtual import Address, VirtualLoop, run
from benchmarks.bridge.witness import FREE_FROM, Witness
from controllers.driver import Device
from controllers.emulator.agent import Agent
from controllers.emulator.cabinet import Cabinet
from controllers.ntcip.objects import Edition
from controllers.recovery import open_intents, recover
from network.errors import RollbackFailedError, ThroughbandError

FIRST, SECOND = 1, 2
"""The plans of the two."""

STUBBORN = (0.0, 0.8, 0.95)
"""From message for message at random to long runs of one bridge."""

OTHER_COMMUNITY = "another"
OTHER_SLOTS = (13, 14)


class Entrance:
    """A second way into a cabinet, by another community.

    Parameters
    ----------
    cabinet
        Whose database it is.
    community
        The community that may write here.
    """

    def __init__(self, cabinet: Cabinet, community: str) -> None:
        self._cabinet = cabinet
        self.config = replace(cabinet.config, write_community=community)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cabinet, name)


@dataclass(slots=True)
class Turnstile:
    """Lets one message at a time through to a cabinet, in an order drawn from a seed.

    Attributes
    ----------
    loop
        Asks it whenever nothing else is to do.
    rng
        Draws.
    stubborn
        How likely it is that whoever came through last comes first again: bridges of which one
        stands still for a while meet in the middle of each other's steps.
    order
        Who came through, message by message.
    """

    loop: VirtualLoop
    rng: Random
    stubborn: float = 0.0
    order: list[int] = field(default_factory=list)
    _waiting: list[tuple[int, Station, bytes, Address]] = field(default_factory=list)

    def wait(self, who: int, station: Station, data: bytes, addr: Address) -> None:
        """Queue a message."""
        self._waiting.append((who, station, data, addr))

    def turn(self) -> bool:
        """Let one through, once nothing is on its way any more."""
        if not self._waiting or self.loop.in_flight:
            return False
        again = [i for i, each in enumerate(self._waiting) if self.order[-1:] == [each[0]]]
        stays = bool(again) and self.rng.random() < self.stubborn
        at = again[0] if stays else self.rng.randrange(len(self._waiting))
        who, station, data, addr = self._waiting.pop(at)
        self.order.append(who)
        Station.datagram_received(station, data, addr)
        return True


class _Gate(Station):
    """A station whose messages wait at the turnstile."""

    who: int
    turnstile: Turnstile

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.turnstile.wait(self.who, self, data, addr)


def interleave(
    seeds: range,
    cases: tuple[Case, ...],
    tried: Tried,
    *,
    same_community: bool,
    same_slots: bool,
) -> None:
    """Let two bridges push different plans to one device at once.

    Parameters
    ----------
    seeds
        One interleaving each.
    cases
        The signals to choose from.
    tried
        Where to book it.
    same_community, same_slots
        Whether the two share a community, and the rows they write.
    """
    for seed in seeds:
        rng = Random(f"{seed} {same_community} {same_slots}")
        case = cases[rng.randrange(len(cases))]
        run(_both(seed, rng, case, tried, same_community, same_slots), seed)


async def _both(
    seed: int, rng: Random, case: Case, tried: Tried, same_community: bool, same_slots: bool
) -> None:
    where = f"seed {seed}"
    edition = rng.choice(list(Edition))
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with corridor(case, edition=edition, version=rng.choice(["v1", "v2c"])) as street:
        turnstile = Turnstile(loop, rng, rng.choice(STUBBORN))
        devices = [
            await _gate(street, turnstile, who, same_community, same_slots) for who in range(2)
        ]
        journals: list[list[dict[str, object]]] = [[], []]
        loop.when_idle = turnstile.turn
        tasks = [
            loop.create_task(_told(street, number, device, events, loop))
            for number, device, events in zip((FIRST, SECOND), devices, journals, strict=True)
        ]
        told = await asyncio.gather(*tasks)
        await asyncio.sleep(0.2)
        _judge(street, told, where, tried)
        loop.when_idle = lambda: turnstile.turn()
        for events, device in zip(journals, devices, strict=True):
            await recover(
                open_intents(events),
                [device],
                clock=now_utc,
                journal=events.append,
                pause=asyncio.sleep,
                connect=over(),
            )
        await asyncio.sleep(0.2)
        for witness in street.witnesses:
            plan = witness.running()
            if plan is None:
                tried.found.append(f"{where}: told {told}, in the end {_shown(witness)} runs")
            else:
                witness.compare_with_film(plan)
        tried.found += [f"{where}: {text}" for text in street.found]


async def _gate(
    street: Corridor, turnstile: Turnstile, who: int, same_community: bool, same_slots: bool
) -> Device:
    """Open a way to the corridor's device for one of the two."""
    other = who == 1
    community = (
        OTHER_COMMUNITY if other and not same_community else street.devices[0].write_community
    )
    cabinet: Any = street.cabinets[0]
    if community != cabinet.config.write_community:
        cabinet = Entrance(cabinet, community)
    gate = _Gate(Agent(cabinet))
    gate.who, gate.turnstile = who, turnstile
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: gate, local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")[:2]
    device = replace(street.devices[0], host=host, port=port, write_community=community)
    return replace(device, slots=OTHER_SLOTS) if other and not same_slots else device


async def _told(
    street: Corridor,
    number: int,
    device: Device,
    events: list[dict[str, object]],
    loop: asyncio.AbstractEventLoop,
) -> tuple[str, float]:
    """Push and return what the bridge was told, and when."""
    try:
        await street.push(number, [device], over(60.0, 60.0), events.append)
        outcome = "active"
    except RollbackFailedError:
        outcome = "unknown"
    except ThroughbandError:
        outcome = "refused"
    return outcome, loop.time()


def _judge(street: Corridor, told: list[tuple[str, float]], where: str, tried: Tried) -> None:
    """Compare what the two were told with a history in which one came after the other."""
    outcomes = [outcome for outcome, _ in told]
    running = [all(street.runs(number)) for number in (0, FIRST, SECOND)]
    winners = [
        number for number, what in zip((FIRST, SECOND), outcomes, strict=True) if what == "active"
    ]
    if len(winners) == 2:
        # One called after the other had called and looked: two pushes in a row.
        tried.outcomes["one after the other"] += 1
        if not (running[FIRST] or running[SECOND]):
            tried.found.append(f"{where}: both told active, runs {running}")
    elif len(winners) == 1:
        tried.outcomes["one winner"] += 1
        if not running[winners[0]]:
            tried.found.append(f"{where}: plan {winners[0]} told active, runs {running}")
    elif "unknown" in outcomes:
        tried.outcomes["nobody, one in doubt"] += 1
    else:
        tried.outcomes["nobody"] += 1
        if not running[0]:
            tried.found.append(f"{where}: both told refused, runs {running}")


def _shown(witness: Witness) -> str:
    cabinet = witness.cabinet
    return cabinet.free_status if cabinet.pattern >= FREE_FROM else "a mixture"
