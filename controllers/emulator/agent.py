"""The cabinet's SNMP agent: datagrams in, datagrams out, over UDP.

Messages are limited to 484 bytes, the size every SNMPv1 entity must take (RFC 1157, section 4)
and all that many field devices take. Datagrams that are damaged or bear an unknown community
are dropped without an answer.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

from controllers.emulator.ber import (
    BerError,
    Message,
    Oid,
    PduType,
    Tag,
    Value,
    Version,
    decode,
    encode,
)
from controllers.emulator.cabinet import Cabinet
from controllers.emulator.faults import Faults
from controllers.emulator.store import Fault, Refusal
from controllers.emulator.transaction import State
from controllers.ntcip.objects import Syntax
from network.errors import ControllerError

_log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 484
ANOTHER_MANAGER: Final = b"another manager"
"""Owner of the transaction in a device that is told to be busy."""

TOO_BIG: Final = 1
NO_SUCH_NAME: Final = 2

_V1_STATUS: Final = {
    Fault.NO_SUCH_NAME: NO_SUCH_NAME,
    Fault.READ_ONLY: 4,
    Fault.WRONG_TYPE: 3,
    Fault.BAD_VALUE: 3,
    Fault.GENERAL: 5,
}
"""RFC 1157 error-status; a wrong type is a badValue there."""

_V2C_STATUS: Final = {
    Fault.NO_SUCH_NAME: 11,
    Fault.READ_ONLY: 17,
    Fault.WRONG_TYPE: 7,
    Fault.BAD_VALUE: 10,
    Fault.GENERAL: 5,
}
"""RFC 3416 error-status: noCreation, notWritable, wrongType, wrongValue, genErr."""

_NO_ACCESS: Final = {Version.V1: NO_SUCH_NAME, Version.V2C: 6}

_SYNTAX: Final = {
    Tag.INTEGER: Syntax.INTEGER,
    Tag.OCTETS: Syntax.OCTETS,
    Tag.COUNTER: Syntax.COUNTER,
    Tag.GAUGE: Syntax.GAUGE,
    Tag.OID: Syntax.OID,
}
_TAG: Final = {syntax: tag for tag, syntax in _SYNTAX.items()}

Address = tuple[str, int]


class Agent:
    """Answers for one cabinet.

    Parameters
    ----------
    cabinet
        Whose database is served.
    faults
        What goes wrong; nothing by default.
    """

    def __init__(self, cabinet: Cabinet, faults: Faults | None = None) -> None:
        self.cabinet = cabinet
        self.faults = faults or Faults()
        self._read = cabinet.config.read_community.encode()
        self._write = cabinet.config.write_community.encode()

    def respond(self, datagram: bytes) -> bytes | None:
        """Answer a datagram, or return None where silence is the answer."""
        if self.faults.request_lost():
            return None
        if self.faults.restarts_now():
            self.cabinet.restart()
        self._occupy()
        try:
            request = decode(datagram)
        except BerError as error:
            _log.debug("%s: dropped a datagram: %s", self.cabinet.config.name, error)
            return None
        if request.community not in (self._read, self._write):
            return None
        if request.pdu_type is PduType.RESPONSE:
            return None
        if len(datagram) > MAX_MESSAGE_BYTES:
            reply = encode(_answer(request, (), TOO_BIG))
        else:
            reply = encode(self._carry_out(request))
        if len(reply) > MAX_MESSAGE_BYTES:
            reply = encode(_answer(request, (), TOO_BIG))
        return None if self.faults.reply_lost() else reply

    def _occupy(self) -> None:
        """Let the other manager of a busy device take the transaction, or give it back."""
        transaction = self.cabinet.store.transaction
        if self.faults.busy and transaction.state is State.NORMAL:
            transaction.command(State.TRANSACTION, ANOTHER_MANAGER)
        elif not self.faults.busy and transaction.owner == ANOTHER_MANAGER:
            transaction.reset()

    def _carry_out(self, request: Message) -> Message:
        if request.pdu_type is PduType.SET:
            return self._set(request)
        bindings: list[tuple[Oid, Value]] = []
        for position, (oid, _) in enumerate(request.bindings, start=1):
            found = self._lookup(oid, request.pdu_type)
            if found[1].content is None and request.version is Version.V1:
                return _answer(request, request.bindings, NO_SUCH_NAME, position)
            bindings.append(found)
        return _answer(request, tuple(bindings))

    def _lookup(self, oid: Oid, pdu_type: PduType) -> tuple[Oid, Value]:
        store = self.cabinet.store
        if pdu_type is PduType.GET_NEXT:
            following = store.following(oid)
            if following is None:
                return oid, Value(Tag.END_OF_MIB_VIEW)
            oid = following
        found = store.get(oid)
        if found is None:
            return oid, Value(Tag.NO_SUCH_INSTANCE)
        syntax, content = found
        return oid, Value(_TAG[syntax], self.faults.lies.get(oid, content))

    def _set(self, request: Message) -> Message:
        if request.community != self._write:
            return _answer(request, request.bindings, _NO_ACCESS[request.version], 1)
        bindings = [(oid, _SYNTAX.get(value.tag), value.content) for oid, value in request.bindings]
        refusal = self.cabinet.store.set(bindings, request.community)
        if refusal is None:
            return _answer(request, request.bindings)
        return _answer(request, request.bindings, _status(request.version, refusal), refusal.index)


def _status(version: Version, refusal: Refusal) -> int:
    return (_V1_STATUS if version is Version.V1 else _V2C_STATUS)[refusal.fault]


def _answer(
    request: Message,
    bindings: tuple[tuple[Oid, Value], ...],
    status: int = 0,
    index: int = 0,
) -> Message:
    return Message(
        request.version,
        request.community,
        PduType.RESPONSE,
        request.request_id,
        status,
        index,
        bindings,
    )


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

    Yields
    ------
    tuple of (host, port)
        In the order of the cabinets.

    Raises
    ------
    ControllerError
        A port is taken or the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    served: list[tuple[asyncio.DatagramTransport, asyncio.Future[None]]] = []
    try:
        for position, cabinet in enumerate(cabinets):
            port = base_port + position if base_port else 0
            agent = Agent(cabinet, (faults or {}).get(cabinet.config.name))
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
