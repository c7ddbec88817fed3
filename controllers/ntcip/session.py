"""SNMP requests to one device: the only place where the SNMP library is used.

The library resends an unanswered request under its old request identifier, so a late duplicate
cannot be taken for a new answer. Its socket is connected to the device here, so that the kernel
drops datagrams from anyone else and reports at once when nobody listens on the port. Foreign
errors become `UnreachableError` or `RejectedValueError` in this module and nowhere else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from snmp import ErrorResponse, ErrorStatus, ImproperResponse, NoSuchName, SNMPv1, SNMPv2c, Timeout
from snmp.async_engine import AsyncEngine
from snmp.exception import SNMPException
from snmp.smi import OID, Integer32, OctetString
from snmp.transport.udp import UdpIPv4Socket

from controllers.driver import Device
from controllers.ntcip.objects import Oid, dotted
from network.errors import RejectedValueError, UnreachableError

MAX_MESSAGE_BYTES: Final = 484
"""What every SNMPv1 entity takes (RFC 1157, section 4)."""

ENVELOPE_BYTES: Final = 40
"""Bound for everything around the variable bindings but the community."""

REPLY_BYTES: Final = 8
"""Room left in a GET for each value of the answer: an integer with its head."""

TIMEOUT_S: Final = 2.0
RESEND_S: Final = 0.5
BATCH_LIMIT: Final = 18
"""Most bindings per message; NTCIP downloads of 19 fill 484 bytes."""

Reading = int | bytes | Oid | None
"""A value as read; None where the device has no such instance."""

_T = TypeVar("_T")


class _PeerSocket(UdpIPv4Socket):  # type: ignore[misc]
    """A socket that talks to one device only and notices when nobody is there."""

    def connect(self, peer: tuple[str, int], refused: Callable[[OSError], None]) -> None:
        self._peer = peer
        self._refused = refused
        self.socket.connect(peer)

    def receive(self) -> tuple[tuple[str, int], bytes]:
        try:
            return self._peer, self.socket.recv(self.recvSize)
        except OSError as error:
            self._refused(error)
            # An empty datagram is dropped by the library as malformed.
            return self._peer, b""

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        try:
            self.socket.send(data)
        except OSError as error:
            self._refused(error)


class Session:
    """Requests to one device; made by `connect`."""

    def __init__(
        self, device: Device, engine: Any, sock: Any, timeout_s: float, resend_s: float
    ) -> None:
        self._device = device
        self._timeout_s = timeout_s
        self._resend_s = resend_s
        self._refusal: asyncio.Future[OSError] | None = None
        self._lock = asyncio.Lock()
        peer = device.address
        sock.connect((device.host, device.port), self._note_refusal)
        version = SNMPv1 if device.version == "v1" else SNMPv2c
        self._manager = engine.Manager((device.host, device.port), version=version)
        self._where = f"signal {device.signal_id!r} at {peer}"

    async def get(self, oids: Sequence[Oid]) -> tuple[Reading, ...]:
        """Read instances; None stands for those the device does not have.

        Raises
        ------
        UnreachableError
            No answer in time.
        RejectedValueError
            The device refuses to tell.
        """
        readings: list[Reading] = []
        sizes = [_binding_bytes(oid, 0) + REPLY_BYTES for oid in oids]
        for batch in _batches(oids, sizes, self._room(self._device.read_community)):
            readings.extend(await self._get_batch(batch))
        return tuple(readings)

    async def set(self, values: Sequence[tuple[Oid, int | bytes]], *, resend: bool = True) -> None:
        """Write instances, in as many messages as 484 bytes demand.

        Parameters
        ----------
        values
            Instances with their values.
        resend
            Whether an unanswered message is sent again; not for commands whose repetition the
            device would refuse. Those are given up early, so that the caller can look.

        Raises
        ------
        UnreachableError
            No answer in time; whether the device acted is then unknown.
        RejectedValueError
            The device refused; nothing of that message was stored.
        """
        sizes = [_binding_bytes(oid, _value_bytes(value)) for oid, value in values]
        community = self._device.write_community
        for batch in _batches(values, sizes, self._room(community)):
            bindings = [(OID(*oid), _wire(value)) for oid, value in batch]
            oids = [oid for oid, _ in batch]
            await self._request(
                "SET", oids, partial(self._send, "set", bindings, community, resend)
            )

    def _send(self, verb: str, arguments: Sequence[Any], community: str, resend: bool) -> Any:
        return getattr(self._manager, verb)(
            *arguments,
            community=community.encode(),
            timeout=self._timeout_s if resend else min(self._timeout_s, 2 * self._resend_s),
            refreshPeriod=self._resend_s if resend else 2 * self._timeout_s,
        )

    async def _get_batch(self, oids: Sequence[Oid]) -> list[Reading]:
        names = [OID(*oid) for oid in oids]
        community = self._device.read_community
        try:
            bindings = await self._request(
                "GET", oids, partial(self._send, "get", names, community, True)
            )
        except _MissingError as missing:
            # SNMPv1 refuses the whole request for one unknown instance: ask without it.
            rest = [*oids[: missing.at], *oids[missing.at + 1 :]]
            known = await self._get_batch(rest) if rest else []
            return [*known[: missing.at], None, *known[missing.at :]]
        except _TooBigError as error:
            if len(oids) == 1:
                raise RejectedValueError(str(error)) from error
            half = len(oids) // 2
            return [*await self._get_batch(oids[:half]), *await self._get_batch(oids[half:])]
        return [_plain(binding.value) for binding in bindings]

    async def _request(
        self, verb: str, oids: Sequence[Oid], send: Callable[[], Awaitable[Any]]
    ) -> Any:
        # One request at a time: devices in the field do not queue.
        async with self._lock:
            self._refusal = asyncio.get_running_loop().create_future()
            reply: asyncio.Future[Any] = asyncio.ensure_future(send())
            try:
                await asyncio.wait({reply, self._refusal}, return_when=asyncio.FIRST_COMPLETED)
                if not reply.done():
                    reason = self._refusal.result()
                    raise UnreachableError(f"{self._where}: {reason}") from reason
                return reply.result()
            except Timeout as error:
                raise UnreachableError(f"{self._where}: no answer to a {verb} in time") from error
            except NoSuchName as error:
                if verb == "GET" and error.index:
                    raise _MissingError(error.index - 1) from error
                raise RejectedValueError(self._refused(verb, oids, error)) from error
            except ErrorResponse as error:
                text = self._refused(verb, oids, error)
                if error.status == ErrorStatus.tooBig and verb == "GET":
                    raise _TooBigError(text) from error
                raise RejectedValueError(text) from error
            except ImproperResponse as error:
                raise RejectedValueError(
                    f"{self._where}: the answer names other objects than were asked for"
                ) from error
            except SNMPException as error:
                raise UnreachableError(f"{self._where}: {error}") from error
            finally:
                reply.cancel()
                self._refusal.cancel()
                self._refusal = None

    def _refused(self, verb: str, oids: Sequence[Oid], error: Any) -> str:
        status = error.status.name
        at = error.index - 1
        what = dotted(oids[at]) if 0 <= at < len(oids) else f"{len(oids)} objects"
        return f"{self._where}: {verb} of {what} refused with {status}"

    def _note_refusal(self, error: OSError) -> None:
        if self._refusal is not None and not self._refusal.done():
            self._refusal.set_result(error)

    def _room(self, community: str) -> int:
        return MAX_MESSAGE_BYTES - ENVELOPE_BYTES - len(community.encode())


class _MissingError(Exception):
    """The instance at this position does not exist."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _TooBigError(Exception):
    """The answer would not fit a message."""


@asynccontextmanager
async def connect(
    device: Device, timeout_s: float = TIMEOUT_S, resend_s: float = RESEND_S
) -> AsyncIterator[Session]:
    """Open a session with a device and close its socket afterwards.

    Parameters
    ----------
    device
        Whom to talk to; IPv4 only.
    timeout_s, resend_s
        How long to wait for an answer, and how often to ask again meanwhile.

    Raises
    ------
    UnreachableError
        The host is unknown or no route leads to it.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            device.host, device.port, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
    except OSError as error:
        raise _no_route(device, error) from error
    engine = AsyncEngine(loop=loop)
    sock = _PeerSocket()
    engine.transports[sock.DOMAIN] = {sock.normalizeAddress(None): sock}
    engine.multiplexor.register(sock, engine.pipeline)
    try:
        try:
            resolved = replace(device, host=str(found[0][4][0]))
            session = Session(resolved, engine, sock, timeout_s, resend_s)
        except OSError as error:
            raise _no_route(device, error) from error
        yield session
    finally:
        engine.multiplexor.close()
        sock.close()


def _no_route(device: Device, error: OSError) -> UnreachableError:
    return UnreachableError(f"signal {device.signal_id!r} at {device.address}: {error}")


def _batches(items: Sequence[_T], sizes: Sequence[int], room: int) -> Iterator[list[_T]]:
    batch: list[_T] = []
    used = 0
    for item, size in zip(items, sizes, strict=True):
        if batch and (used + size > room or len(batch) == BATCH_LIMIT):
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += size
    if batch:
        yield batch


def _binding_bytes(oid: Oid, value_bytes: int) -> int:
    """Bound the encoded size of a binding: two heads, the identifier, the value."""
    arcs = sum(max(1, -(-arc.bit_length() // 7)) for arc in oid) - 1
    # Heads: sequence (up to 4 octets), identifier (2), value (up to 4).
    return arcs + value_bytes + 10


def _value_bytes(value: int | bytes) -> int:
    return len(value) if isinstance(value, bytes) else 5


def _wire(value: int | bytes) -> Any:
    return OctetString(value) if isinstance(value, bytes) else Integer32(value)


def _plain(value: Any) -> Reading:
    if isinstance(value, OID):
        return tuple(value)
    number = getattr(value, "value", None)
    if isinstance(number, int):
        return number
    data = getattr(value, "data", None)
    return bytes(data) if data is not None else None
