"""Real datagrams between a session and a cabinet, and the means to make more of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any, Final

from controllers.driver import Device, User
from controllers.emulator.agent import Agent
from controllers.emulator.ber import BerError, Message, PduType, Tag, Value, Version, encode
from controllers.emulator.cabinet import Cabinet, CabinetConfig
from controllers.emulator.usm import Keys, engine_id_of, keys_of
from controllers.emulator.v3 import LEVEL, REPORTABLE, Envelope, Sealed, read, scope, write
from controllers.ntcip.objects import instance
from controllers.ntcip.session import Session, connect
from network.errors import ControllerError
from network.phasing import Phase, Phasing
from network.timing import TimingPlan

READER: Final = User("reader", "a secret to read", "a secret to hide")
WRITER: Final = User("writer", "a secret to write", "a secret to keep", "SHA-256")
NAME: Final = "fuzzed"

OIDS: Final = tuple(instance("patternCycleTime", row) for row in range(1, 5))
_MIXED: Final = (
    instance("controllerBaseStandards"),
    instance("sequenceData", 1, 1),
    instance("patternOffsetTime", 99),
    instance("globalTime"),
)
WRITES: Final = ((instance("patternOffsetTime", 9), 7), (instance("patternCycleTime", 9), 60))
_REFUSED: Final = ((instance("sequenceData", 9, 1), b"\1\2"),)

ENGINE_ID: Final = engine_id_of(NAME)
KEYS: Final[dict[bytes, Keys]] = {
    user.name.encode(): keys_of(user, ENGINE_ID) for user in (READER, WRITER)
}


def cabinet() -> Cabinet:
    """Return a live cabinet of two phases that speaks every version."""
    phases = Phasing((Phase(1, "GGrr", 5, 30, 20), Phase(2, "rrGG", 5, 30, 20)), {})
    plan = TimingPlan("s", 60, (1, 2), (35, 25), 17, 1)
    return Cabinet(
        CabinetConfig(NAME, phases, plan, 2, "look", "change", read_user=READER, write_user=WRITER)
    )


def device(version: str, port: int) -> Device:
    """Return that cabinet as a session sees it."""
    return Device(
        NAME,
        "127.0.0.1",
        port,
        "look",
        "change",
        version,
        read_user=READER,
        write_user=WRITER,
        requests_per_s=10_000.0,
    )


class Exchange(asyncio.DatagramProtocol):
    """A device on a socket that hands its requests over instead of answering."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Keep a request until somebody asks for it."""
        self.requests.put_nowait((data, addr))


def corpus() -> tuple[list[bytes], list[bytes]]:
    """Return real requests and real replies of all versions.

    The first come from sessions and, where those have no need of them, from our own encoder:
    walks, bulk reads, a value of a type that no object has.
    """
    requests, replies = asyncio.run(_recorded())
    agent = Agent(cabinet())
    null = Value(Tag.NULL)
    asked = [(PduType.GET_NEXT, 0, 0), (PduType.GET_BULK, 1, 20), (PduType.GET_BULK, 0, 2**31 - 1)]
    for kind, first, second in asked:
        bindings = tuple((oid[:-2], null) for oid in OIDS[:2])
        requests.append(encode(Message(Version.V2C, b"look", kind, 77, first, second, bindings)))
        requests.append(
            sealed_request(Message(Version.V3, b"reader", kind, 77, first, second, bindings))
        )
    refused = ((instance("maxPatterns"), Value(Tag.COUNTER64, 2**64 - 1)),)
    for version in (Version.V1, Version.V2C):
        requests.append(encode(Message(version, b"change", PduType.SET, 78, 0, 0, refused)))
    replies += [reply for request in requests if (reply := agent.respond(request)) is not None]
    return list(dict.fromkeys(requests)), list(dict.fromkeys(replies))


async def _recorded() -> tuple[list[bytes], list[bytes]]:
    requests: list[bytes] = []
    replies: list[bytes] = []
    for version in ("v1", "v2c", "v3"):
        agent = Agent(cabinet())
        async with Waiting(version) as (session, exchange):
            reads = [session.get(oids) for oids in (OIDS, _MIXED)]
            writes = [session.set(values) for values in (WRITES, _REFUSED)]
            for work in (*reads, *writes):
                task = asyncio.ensure_future(work)
                while not task.done():
                    datagram, sender = await exchange.requests.get()
                    requests.append(datagram)
                    reply = agent.respond(datagram)
                    assert reply is not None
                    replies.append(reply)
                    exchange.transport.sendto(reply, sender)
                    await asyncio.wait({task}, timeout=0.02)
                with suppress(ControllerError):
                    await task
    return requests, replies


class Waiting:
    """A session with a device that does not answer by itself."""

    def __init__(self, version: str, timeout_s: float = 2.0, resend_s: float = 0.5) -> None:
        self._version = version
        self._times_s = timeout_s, resend_s

    async def __aenter__(self) -> tuple[Session, Exchange]:
        loop = asyncio.get_running_loop()
        self._transport, exchange = await loop.create_datagram_endpoint(
            Exchange, local_addr=("127.0.0.1", 0)
        )
        port = self._transport.get_extra_info("sockname")[1]
        self._connection = connect(device(self._version, port), *self._times_s)
        return await self._connection.__aenter__(), exchange

    async def __aexit__(self, *error: Any) -> None:
        await self._connection.__aexit__(*error)
        self._transport.close()
        await asyncio.sleep(0)


def sealed_request(request: Message, boots: int = 1, time_s: int = 0) -> bytes:
    """Return a v3 request to the cabinet at a moment of its engine's clock."""
    keys = KEYS[request.community]
    user = request.community
    envelope = Envelope(5, 65_507, LEVEL | REPORTABLE, ENGINE_ID, boots, time_s, user)
    return write(envelope, scope(ENGINE_ID, b"", request), keys, bytes(8))


def resealed(datagram: bytes, change: Callable[[bytes], bytes], random: Random) -> bytes:
    """Return a v3 datagram with its inside changed, encrypted and signed again.

    One in three has a field of its envelope changed too, or instead. A datagram of another
    version, or of a user without keys, is changed as it stands.
    """
    unsealed = unseal(datagram)
    if unsealed is None:
        return change(datagram)
    sealed, keys, scoped = unsealed
    envelope = sealed.envelope
    if random.random() < 0.3:
        wild: dict[str, Any] = {
            "message_id": random.choice((0, 2**31 - 1)),
            "max_bytes": random.choice((484, 2**31 - 1)),
            "flags": random.choice((0, 1, 3, 4, 5, 7, 255)),
            "engine_id": random.randbytes(random.choice((0, 5, 12, 33))),
            "boots": random.choice((0, 1, 2, 2**31 - 1)),
            "time_s": random.choice((0, 150, 151, 2**31 - 1)),
            "user": random.choice((b"", b"reader", b"writer", b"x" * 32)),
        }
        name = random.choice(list(wild))
        envelope = replace(envelope, **{name: wild[name]})
        if random.random() < 0.5:
            return write(envelope, scoped, keys, sealed.salt)
    return write(envelope, change(scoped), keys, sealed.salt)


def unseal(datagram: bytes) -> tuple[Sealed, Keys, bytes] | None:
    """Return an encrypted v3 datagram with its user's keys and its inside in clear, or None."""
    try:
        sealed = read(datagram)
        keys = KEYS[sealed.envelope.user]
    except (BerError, KeyError):
        return None
    envelope = sealed.envelope
    if envelope.flags & LEVEL != LEVEL:
        return None
    return sealed, keys, keys.decrypt(sealed.payload, envelope.boots, envelope.time_s, sealed.salt)
