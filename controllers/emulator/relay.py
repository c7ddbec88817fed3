"""A bad line between the bridge and a device: a UDP relay that disturbs what it carries.

It stands in front of a device's port and does to every datagram, in both directions, what a
`Disturbance` says: lose, double, delay, reorder, damage, and repeat long after. Chance comes from
a seed, so that a run can be repeated; in which order datagrams arrive is the event loop's affair,
so only a loop with a clock of its own repeats a run to the letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from random import Random
from typing import Final, cast

from network.errors import ControllerError

Address = tuple[str, int]

SHARES: Final = ("loss", "duplication", "reordering", "corruption", "repetition")
TIMES: Final = ("delay_s", "held_s", "late_s")

MOST_MANAGERS: Final = 16
"""Managers a relay keeps a socket for; what still comes for an earlier one is lost."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens to the datagrams on a line; by default nothing.

    Attributes
    ----------
    loss
        Share of datagrams that never arrive.
    duplication
        Share that arrives twice, the copy with a delay of its own.
    delay_s
        Longest delay in s; each datagram draws its own, evenly from 0.
    reordering
        Share that is held back so that later ones overtake it.
    held_s
        How long those are held back, in s.
    corruption
        Share of which some bits arrive inverted.
    repetition
        Share of which a second copy arrives long after.
    late_s
        How long after at most, in s.

    Raises
    ------
    ControllerError
        A share is outside 0 to 1, or a time is negative.
    """

    loss: float = 0.0
    duplication: float = 0.0
    delay_s: float = 0.0
    reordering: float = 0.0
    held_s: float = 0.05
    corruption: float = 0.0
    repetition: float = 0.0
    late_s: float = 5.0

    def __post_init__(self) -> None:
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ControllerError(
                    f"disturbance: {name} is {getattr(self, name)}, a share is 0 to 1"
                )
        for name in TIMES:
            if not 0 <= getattr(self, name) < float("inf"):
                raise ControllerError(
                    f"disturbance: {name} is {getattr(self, name)}, a time is 0 or more"
                )


@dataclass(slots=True)
class Tally:
    """What a line has done so far, in datagrams of both directions."""

    taken: int = 0
    lost: int = 0
    doubled: int = 0
    held: int = 0
    damaged: int = 0
    repeated: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(slots=True)
class Line:
    """Decides the fate of datagrams; knows nothing of sockets or clocks.

    Attributes
    ----------
    disturbance
        What happens; may be exchanged at any time.
    seed
        Of the generator that decides to which datagrams.
    tally
        What has happened so far.
    """

    disturbance: Disturbance
    seed: int = 0
    tally: Tally = field(default_factory=Tally)
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def fates(self, datagram: bytes) -> tuple[tuple[float, bytes], ...]:
        """Return what arrives of a datagram: pairs of a delay in s and the octets."""
        chosen, rng, tally = self.disturbance, self._random, self.tally
        tally.taken += 1
        # All are drawn each time, so that one setting does not shift the draws of another.
        lost, doubled, held, damaged, again = (rng.random() for _ in SHARES)
        delays_s = [rng.uniform(0, chosen.delay_s) for _ in range(2)]
        late_s = rng.uniform(0, chosen.late_s)
        spoiled = _spoiled(datagram, rng)
        arriving = []
        if lost < chosen.loss:
            tally.lost += 1
        else:
            if held < chosen.reordering:
                tally.held += 1
                delays_s[0] += chosen.held_s
            if damaged < chosen.corruption:
                tally.damaged += 1
                arriving.append((delays_s[0], spoiled))
            else:
                arriving.append((delays_s[0], datagram))
        if doubled < chosen.duplication:
            tally.doubled += 1
            arriving.append((delays_s[1], datagram))
        if again < chosen.repetition:
            tally.repeated += 1
            arriving.append((late_s, datagram))
        return tuple(arriving)


def _spoiled(datagram: bytes, rng: Random) -> bytes:
    """Invert one to four bits."""
    octets = bytearray(datagram)
    for _ in range(rng.randint(1, 4)):
        at, bit = rng.random(), rng.randrange(8)
        if octets:
            octets[int(at * len(octets))] ^= 1 << bit
    return bytes(octets)


Tap = Callable[[bytes, bool], None]
"""Is told of every datagram before anything happens to it, and whether it goes to the device."""


class Relay(asyncio.DatagramProtocol):
    """Stands in front of one device; made by `relay`.

    Parameters
    ----------
    target
        Where the device listens.
    line
        What happens to the datagrams of both directions.
    tap
        Listens in.

    Attributes
    ----------
    line
        The line; its disturbance may be exchanged at any time.
    """

    def __init__(self, target: Address, line: Line, tap: Tap | None = None) -> None:
        self.line = line
        self._target = target
        self._tap = tap
        self._front: asyncio.DatagramTransport | None = None
        self._behind: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket that managers see."""
        self._front = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Carry a request to the device."""
        if self._tap is not None:
            self._tap(data, True)
        for delay_s, octets in self.line.fates(data):
            self._start(self._carry(addr, octets, delay_s))

    def error_received(self, exc: Exception) -> None:
        """Ignore that a manager is gone: its answer is lost, as on any line."""

    def answer(self, data: bytes, manager: Address) -> None:
        """Carry a reply back to a manager."""
        if self._tap is not None:
            self._tap(data, False)
        for delay_s, octets in self.line.fates(data):
            self._start(self._return(manager, octets, delay_s))

    async def close(self) -> None:
        """Drop what is under way and close all sockets."""
        for task in (*self._under_way, *self._behind.values()):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        found = await asyncio.gather(*self._behind.values(), return_exceptions=True)
        for transport in (*found, self._front):
            if transport is not None and not isinstance(transport, BaseException):
                transport.close()

    def _start(self, journey: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(journey)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _carry(self, manager: Address, data: bytes, delay_s: float) -> None:
        if manager not in self._behind:
            self._behind[manager] = asyncio.get_running_loop().create_task(self._open(manager))
            await self._forget()
        behind = self._behind[manager]
        await asyncio.sleep(delay_s)
        transport = await behind
        transport.sendto(data)

    async def _return(self, manager: Address, data: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        if self._front is not None:
            self._front.sendto(data, manager)

    async def _forget(self) -> None:
        """Close the sockets of managers not heard of for longest: each session brings a new one."""
        while len(self._behind) > MOST_MANAGERS:
            oldest = self._behind.pop(next(iter(self._behind)))
            (await oldest).close()

    async def _open(self, manager: Address) -> asyncio.DatagramTransport:
        """Open the socket by which the device sees a manager."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Behind(self, manager), remote_addr=self._target
        )
        return transport


class _Behind(asyncio.DatagramProtocol):
    def __init__(self, owner: Relay, manager: Address) -> None:
        self._owner = owner
        self._manager = manager

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._owner.answer(data, self._manager)

    def error_received(self, exc: Exception) -> None:
        """Ignore that the device is gone: the manager gets no answer, as on any line."""


@asynccontextmanager
async def relay(
    targets: Sequence[Address],
    disturbance: Disturbance,
    seed: int = 0,
    host: str = "127.0.0.1",
    tap: Tap | None = None,
) -> AsyncIterator[tuple[tuple[Address, ...], tuple[Relay, ...]]]:
    """Put a relay in front of each device until the context is left.

    Parameters
    ----------
    targets
        Where the devices listen.
    disturbance
        What happens to the datagrams.
    seed
        The line of the n-th device draws from the n-th generator of this seed.
    host
        Address to bind to.
    tap
        Listens in on all of them.

    Yields
    ------
    tuple of addresses, tuple of Relay
        Where the relays listen and the relays themselves, in the order of the targets.

    Raises
    ------
    ControllerError
        The address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        addresses, relays = [], []
        for position, target in enumerate(targets):
            made = Relay(
                target, Line(disturbance, Random(f"{seed}/{position}").getrandbits(64)), tap
            )
            stack.push_async_callback(made.close)
            try:
                transport, _ = await loop.create_datagram_endpoint(
                    lambda made=made: made,  # type: ignore[misc]
                    local_addr=(host, 0),
                )
            except OSError as error:
                raise ControllerError(f"relay at {host}: cannot be served: {error}") from error
            addresses.append(cast(Address, transport.get_extra_info("sockname")[:2]))
            relays.append(made)
        yield tuple(addresses), tuple(relays)
