"""Days of network traffic in seconds: an event loop whose clock jumps, with sockets inside it.

Whenever nothing is ready to run, time moves on to the next timer, so waiting costs nothing and a
run depends on nothing but its seeds. Datagrams never leave the process: the loop's endpoints and
the sockets that the SNMP library opens are ends of one wire. Everything above the socket is the
real thing: library, session, driver, relay, agent.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from random import Random
from typing import Any, Final, TypeVar
from unittest.mock import patch

Address = tuple[str, int]
_T = TypeVar("_T")

LATENCY_S: Final = 0.005
"""How long a datagram takes; two in a row on one line keep their order."""

FIRST_PORT: Final = 20_000
FIRST_DESCRIPTOR: Final = 1 << 20
"""Far above every descriptor of the operating system."""


class _Jump(selectors.SelectSelector):
    """Lets time pass instead of waiting for it."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return []
        if self.loop.when_idle():
            return []
        if timeout is None:
            raise RuntimeError("everybody waits and nobody is left to come")
        self.loop.now_s += timeout
        if self.loop.now_s > self.loop.until_s:
            raise RuntimeError(f"still running after {self.loop.until_s} virtual seconds")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own, with a network of its own.

    Parameters
    ----------
    until_s
        When to give up, in virtual s.

    Attributes
    ----------
    now_s
        The time, in s since the loop was made.
    in_flight
        Datagrams on the wire.
    when_idle
        Asked before time moves on; returns whether it has given somebody something to do.
    """

    def __init__(self, until_s: float = 1e9) -> None:
        self.now_s = 0.0
        self.until_s = until_s
        self.in_flight = 0
        self.when_idle: Callable[[], bool] = lambda: False
        self._ports: dict[Address, _End] = {}
        self._wired: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}
        self._numbers = count(FIRST_PORT)
        selector = _Jump()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Return the virtual time in s."""
        return self.now_s

    async def getaddrinfo(self, host: Any, port: Any, **kinds: Any) -> Any:
        """Take every name as an address: there is nobody to ask."""
        return [(socket.AF_INET, kinds.get("type", socket.SOCK_DGRAM), 0, "", (host, port))]

    def add_reader(self, fd: Any, callback: Callable[..., None], *args: Any) -> None:
        """Call back when a wired socket has something to read."""
        if isinstance(fd, int) and fd >= FIRST_DESCRIPTOR:
            self._wired[fd] = callback, args
        else:
            super().add_reader(fd, callback, *args)

    def remove_reader(self, fd: Any) -> bool:
        """Stop calling back."""
        if isinstance(fd, int) and fd >= FIRST_DESCRIPTOR:
            return self._wired.pop(fd, None) is not None
        return super().remove_reader(fd)

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.DatagramProtocol],
        local_addr: Address | None = None,
        remote_addr: Address | None = None,
        **_: Any,
    ) -> tuple[asyncio.DatagramTransport, asyncio.DatagramProtocol]:
        """Open an endpoint on the wire."""
        protocol = protocol_factory()
        transport = _Endpoint(self, protocol, local_addr or ("127.0.0.1", 0), remote_addr)
        protocol.connection_made(transport)
        return transport, protocol

    def bind(self, end: _End, wanted: Address) -> Address:
        """Give an end its address."""
        address = (wanted[0] or "127.0.0.1", wanted[1] or next(self._numbers))
        if address in self._ports:
            raise OSError(98, f"{address[0]}:{address[1]} is already taken")
        self._ports[address] = end
        return address

    def release(self, address: Address) -> None:
        """Take an address back."""
        self._ports.pop(address, None)

    def transmit(self, data: bytes, source: Address, target: Address) -> None:
        """Put a datagram on the wire."""
        self.in_flight += 1
        self.call_later(LATENCY_S, self._arrive, data, source, target)

    def readable(self, descriptor: int) -> None:
        """Tell the reader of a wired socket."""
        if descriptor in self._wired:
            callback, args = self._wired[descriptor]
            self.call_soon(callback, *args)

    def _arrive(self, data: bytes, source: Address, target: Address) -> None:
        self.in_flight -= 1
        end = self._ports.get(target)
        if end is not None:
            end.take(data, source)
        elif source in self._ports:
            self._ports[source].refused()


class _End:
    """One end of the wire."""

    def take(self, data: bytes, source: Address) -> None:
        """Take a datagram from the wire."""
        raise NotImplementedError

    def refused(self) -> None:
        """Learn that nobody listens where a datagram was sent."""


class _Endpoint(asyncio.DatagramTransport, _End):
    """What `create_datagram_endpoint` returns."""

    def __init__(
        self,
        loop: VirtualLoop,
        protocol: asyncio.DatagramProtocol,
        local: Address,
        remote: Address | None,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._remote = remote
        self._address = loop.bind(self, local)
        self._closing = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"sockname": self._address, "peername": self._remote}.get(name, default)

    def sendto(self, data: Any, addr: Any = None) -> None:
        target = addr or self._remote
        if target is not None and not self._closing:
            self._loop.transmit(bytes(data), self._address, target)

    def take(self, data: bytes, source: Address) -> None:
        if self._remote is None or source == self._remote:
            self._protocol.datagram_received(data, source)

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.release(self._address)
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class WiredSocket(_End):
    """What the SNMP library takes for a socket of the operating system."""

    def __init__(self, family: int = socket.AF_INET, kind: int = socket.SOCK_DGRAM) -> None:
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop) or (family, kind) != (
            socket.AF_INET,
            socket.SOCK_DGRAM,
        ):
            raise OSError("a wired socket carries IPv4 datagrams on a virtual loop only")
        self._loop = loop
        self._descriptor = FIRST_DESCRIPTOR + next(loop._numbers)
        self._address: Address = ("", 0)
        self._peer: Address | None = None
        self._waiting: deque[tuple[bytes, Address] | OSError] = deque()

    def setblocking(self, flag: bool) -> None:
        """Accept what it is anyway."""
        if flag:
            raise OSError("a wired socket never blocks")

    def bind(self, address: Address) -> None:
        """Take an address."""
        self._address = self._loop.bind(self, address)

    def connect(self, peer: Address) -> None:
        """Talk to one peer only."""
        self._peer = peer

    def getsockname(self) -> Address:
        """Return the own address."""
        return self._address

    def getpeername(self) -> Address:
        """Return the peer's address."""
        if self._peer is None:
            raise OSError(107, "a wired socket without a peer")
        return self._peer

    def fileno(self) -> int:
        """Return a number that the loop knows it by."""
        return self._descriptor

    def send(self, data: bytes) -> int:
        """Send to the peer."""
        if self._peer is None:
            raise OSError(89, "a wired socket without a peer")
        return self.sendto(data, self._peer)

    def sendto(self, data: bytes, address: Address) -> int:
        """Send a datagram."""
        self._loop.transmit(bytes(data), self._address, address)
        return len(data)

    def recv(self, size: int) -> bytes:
        """Read a datagram."""
        return self.recvfrom(size)[0]

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        """Read a datagram and where it came from."""
        if not self._waiting:
            raise BlockingIOError(11, "nothing to read")
        found = self._waiting.popleft()
        if isinstance(found, OSError):
            raise found
        return found[0][:size], found[1]

    def close(self) -> None:
        """Give the address back."""
        self._loop.release(self._address)

    def take(self, data: bytes, source: Address) -> None:
        """Queue a datagram for the reader."""
        if self._peer is None or source == self._peer:
            self._waiting.append((data, source))
            self._loop.readable(self._descriptor)

    def refused(self) -> None:
        """Queue the refusal for the reader."""
        if self._peer is not None:
            self._waiting.append(ConnectionRefusedError(111, "Connection refused"))
            self._loop.readable(self._descriptor)


def run(scenario: Coroutine[Any, Any, _T], seed: int = 0, until_s: float = 1e7) -> _T:
    """Run a scenario on a loop of its own.

    Parameters
    ----------
    scenario
        What to run; `asyncio.get_running_loop` tells it its `VirtualLoop`.
    seed
        Of the SNMP library's request numbers.
    until_s
        When to give up, in virtual s.
    """
    with (
        patch("snmp.transport.udp.socket", WiredSocket),
        patch("snmp.numbers.randint", Random(seed).randint),
        asyncio.Runner(loop_factory=lambda: VirtualLoop(until_s)) as runner,
    ):
        return runner.run(scenario)
