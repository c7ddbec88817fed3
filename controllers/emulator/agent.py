"""The cabinet's SNMP agent: datagrams in, datagrams out, over UDP.

Messages of v1 and v2c are limited to 484 bytes, the size every SNMPv1 entity must take (RFC 1157,
section 4) and all that many field devices take; those of v3 to what both sides take. Datagrams
that are damaged or bear an unknown community are dropped without an answer; in v3, strangers
meet a report.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, cast

from controllers.emulator.ber import (
    BerError,
    Message,
    PduType,
    Version,
    decode,
    encode,
    version_of,
)
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.faults import Faults
from controllers.emulator.responder import REQUESTS, TOO_BIG, Responder, answer, shortened
from controllers.emulator.transaction import State
from controllers.emulator.usm import EngineClock, engine_id_of, keys_of
from controllers.emulator.v3 import MIN_MAX_BYTES
from controllers.emulator.v3_engine import Engine, Opened
from network.errors import ControllerError

_log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 484
V3_MESSAGE_BYTES: Final = 1472
"""What one Ethernet frame carries."""

MAX_DATAGRAM_BYTES: Final = 65_507
ANOTHER_MANAGER: Final = b"another manager"
"""Owner of the transaction in a device that is told to be busy."""

Address = tuple[str, int]


class Agent:
    """Answers for one cabinet.

    Parameters
    ----------
    cabinet
        Whose database is served. SNMPv3 is spoken if its configuration names a user.
    faults
        What goes wrong; nothing by default.
    v3_message_bytes
        Longest SNMPv3 message taken and sent, at least 484.
    engine_clock
        What SNMPv3 tells the time by, in s; the cabinet's own by default. A manager believes
        that it runs like its own clock, so a cabinet in a simulation that runs slower than the
        street is better given a real one.
    boots
        How often the engine has started, this time included, for a process that keeps count.

    Raises
    ------
    ControllerError
        A user, the message length or the boots are out of bounds.
    """

    def __init__(
        self,
        cabinet: Cabinet,
        faults: Faults | None = None,
        *,
        v3_message_bytes: int = V3_MESSAGE_BYTES,
        engine_clock: Callable[[], float] | None = None,
        boots: int = 1,
    ) -> None:
        self.cabinet = cabinet
        self.faults = faults or Faults()
        config = cabinet.config
        self._read = config.read_community.encode()
        self._write = config.write_community.encode()
        user = config.write_user.name.encode() if config.write_user else None
        writers = {Version.V1: self._write, Version.V2C: self._write, Version.V3: user}
        self._responder = Responder(cabinet.store, self.faults, writers)
        clock = EngineClock(engine_clock or (lambda: cabinet.time_s), boots)
        self.engine = _engine(config, clock, v3_message_bytes)
        """The engine of SNMPv3; None if the cabinet has no users."""
        self._restarts = cabinet.restarts

    def respond(self, datagram: bytes) -> bytes | None:
        """Answer a datagram, or return None where silence is the answer."""
        if self.faults.request_lost():
            return None
        if self.faults.restarts_now():
            self.cabinet.restart()
        self._occupy()
        try:
            reply = self._answer(datagram)
        except BerError as error:
            _log.debug("%s: dropped a datagram: %s", self.cabinet.config.name, error)
            return None
        if reply is None or self.faults.reply_lost():
            return None
        return reply

    def _occupy(self) -> None:
        """Let the other manager of a busy device take the transaction, or give it back."""
        transaction = self.cabinet.store.transaction
        if self.faults.busy and transaction.state is State.NORMAL:
            transaction.command(State.TRANSACTION, ANOTHER_MANAGER)
        elif not self.faults.busy and transaction.owner == ANOTHER_MANAGER:
            transaction.reset()

    def _answer(self, datagram: bytes) -> bytes | None:
        engine = self.engine
        if engine is None or version_of(datagram) != Version.V3:
            request = decode(datagram)
            if request.community not in (self._read, self._write):
                return None
            return self._reply(request, len(datagram) > MAX_MESSAGE_BYTES, encode)
        while self._restarts < self.cabinet.restarts:
            engine.clock.restart()
            self._restarts += 1
        opened = engine.open(datagram)
        if not isinstance(opened, Opened):
            return opened
        seal = partial(engine.seal, opened)
        too_long = len(datagram) > engine.max_bytes
        return self._reply(opened.request, too_long, seal, engine.limit_bytes(opened))

    def _reply(
        self,
        request: Message,
        too_long: bool,
        seal: Callable[[Message], bytes],
        limit_bytes: int = MAX_MESSAGE_BYTES,
    ) -> bytes | None:
        """Return the datagram that answers a request, of whatever version."""
        if request.pdu_type not in REQUESTS:
            return None
        if too_long:
            reply = answer(request, (), TOO_BIG)
        else:
            # The one place that every request, and every reply, passes in clear.
            reply = self._responder.carry_out(request, limit_bytes)
        datagram = seal(reply)
        if len(datagram) > limit_bytes and request.pdu_type is PduType.GET_BULK:
            datagram = seal(shortened(reply, seal, limit_bytes))
        elif len(datagram) > limit_bytes:
            datagram = seal(answer(request, (), TOO_BIG))
        return datagram if len(datagram) <= limit_bytes else None


def _engine(config: CabinetConfig, clock: EngineClock, max_bytes: int) -> Engine | None:
    if not MIN_MAX_BYTES <= max_bytes <= MAX_DATAGRAM_BYTES:
        raise ControllerError(
            f"cabinet {config.name}: SNMPv3 messages of {max_bytes} bytes, "
            f"allowed are {MIN_MAX_BYTES} to {MAX_DATAGRAM_BYTES}"
        )
    users = [user for user in (config.read_user, config.write_user) if user is not None]
    if not users:
        return None
    if users[0] != users[-1] and users[0].name == users[-1].name:
        raise ControllerError(
            f"cabinet {config.name}: two SNMPv3 users of the name {users[0].name!r}"
        )
    engine_id = engine_id_of(config.name)
    keys = [keys_of(user, engine_id) for user in users]
    # Not drawn from a seed: a salt that comes again under the same boots gives the key stream away.
    return Engine(engine_id, keys, clock, max_bytes, secrets.randbits(64))


class _Endpoint(asyncio.DatagramProtocol):
    def __init__(self, agent: Agent, closed: asyncio.Future[None]) -> None:
        self._agent = agent
        self._closed = closed
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Selector event loops hand over a transport that is one without saying so.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        reply = self._agent.respond(data)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


@asynccontextmanager
async def serve(
    cabinets: Sequence[Cabinet],
    host: str = "127.0.0.1",
    base_port: int = 0,
    faults: Mapping[str, Faults] | None = None,
    *,
    v3_message_bytes: int = V3_MESSAGE_BYTES,
    engine_clock: Callable[[], float] | None = None,
    boots: int = 1,
) -> AsyncIterator[tuple[Address, ...]]:
    """Serve cabinets over UDP until the context is left.

    Parameters
    ----------
    cabinets
        Each gets a port of its own.
    host
        Address to bind to.
    base_port
        Port of the first cabinet, the others follow; 0 for free ports.
    faults
        By cabinet name, what goes wrong there.
    v3_message_bytes, engine_clock, boots
        As of `Agent`.

    Yields
    ------
    tuple of (host, port)
        In the order of the cabinets.

    Raises
    ------
    ControllerError
        A port is taken, the address cannot be bound, or something is out of bounds.
    """
    loop = asyncio.get_running_loop()
    served: list[tuple[asyncio.DatagramTransport, asyncio.Future[None]]] = []
    try:
        for position, cabinet in enumerate(cabinets):
            port = base_port + position if base_port else 0
            agent = Agent(
                cabinet,
                (faults or {}).get(cabinet.config.name),
                v3_message_bytes=v3_message_bytes,
                engine_clock=engine_clock,
                boots=boots,
            )
            closed: asyncio.Future[None] = loop.create_future()
            endpoint = _Endpoint(agent, closed)
            try:
                transport, _ = await loop.create_datagram_endpoint(
                    lambda endpoint=endpoint: endpoint,  # type: ignore[misc]
                    local_addr=(host, port),
                )
            except (OSError, OverflowError) as error:
                raise ControllerError(_bind_problem(cabinet, host, port, error)) from error
            served.append((transport, closed))
        yield tuple(transport.get_extra_info("sockname")[:2] for transport, _ in served)
    finally:
        for transport, closed in served:
            transport.close()
            await closed


def _bind_problem(cabinet: Cabinet, host: str, port: int, error: OSError | OverflowError) -> str:
    where = f"cabinet {cabinet.config.name}: UDP port {port} of {host}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"{where} is already taken"
    return f"{where} cannot be served: {error}"
