"""SNMP requests to one device, in v1, v2c and v3; with `peer` the only users of the SNMP library.

An unanswered request is sent again under its old request identifier, so a late duplicate cannot
be taken for a new answer: peer address, request identifier and object names must all agree. The
socket is connected to the device here, after its resolved address was found among the allowed
ones, so that the kernel drops datagrams from anyone else and reports at once when nobody listens
on the port. Foreign errors become `UnreachableError` or `RejectedValueError` here and nowhere
else, and name users but never secrets.

In v3 every request is authenticated and encrypted. The device's engine is discovered by the
first request. A device that starts anew counts up its boots and the session follows; one that
forgets how often it started cannot be told from a replay (RFC 3414, section 3.2) and needs a new
session.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Final, NoReturn

from snmp import ErrorResponse, ErrorStatus, ImproperResponse, NoSuchName, Timeout
from snmp.exception import SNMPException
from snmp.smi import OID, Integer32, OctetString
from snmp.v3.manager import (
    AuthenticationFailure,
    PrivacyFailure,
    RequestError,
    TimeWindowFailure,
    UnknownUserName,
    UnsupportedSecurityLevel,
)

from controllers.driver import Device
from controllers.ntcip.message_size import (
    REPLY_BYTES,
    batches,
    binding_bytes,
    content_bytes,
)
from controllers.ntcip.objects import Oid, dotted
from controllers.ntcip.pace import Pace
from controllers.ntcip.peer import Peer
from network.errors import ControllerError, RejectedValueError, UnreachableError

TIMEOUT_S: Final = 2.0
RESEND_S: Final = 0.5

Reading = int | bytes | Oid | None
"""A value as read; None where the device has no such instance."""

_CAUSES: Final[dict[type[Exception], str]] = {
    UnknownUserName: "it knows no such user",
    AuthenticationFailure: (
        "the signature is not the one it expects; auth_protocol or the authentication secret "
        "differ from its own"
    ),
    PrivacyFailure: (
        "it cannot decrypt the message; privacy_protocol or the privacy secret differ from its own"
    ),
    UnsupportedSecurityLevel: "it does not grant authentication and privacy to this user",
}
"""Reports of SNMPv3 (RFC 3414, section 3.2) in words."""


class Session:
    """Requests to one device; made by `connect`.

    Parameters
    ----------
    device
        Whom to talk to.
    peer
        Its end of the wire.
    pace
        How fast it may be asked.
    timeout_s, resend_s
        How long to wait for an answer, and how often to ask again meanwhile.
    """

    def __init__(
        self, device: Device, peer: Peer, pace: Pace, timeout_s: float, resend_s: float
    ) -> None:
        self._device = device
        self._peer = peer
        self._pace = pace
        self._timeout_s = timeout_s
        self._resend_s = max(resend_s, pace.least_gap_s)
        self._lock = asyncio.Lock()
        self._where = _where(device)

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
        sizes = [binding_bytes(oid, REPLY_BYTES) for oid in oids]
        for batch in batches(oids, sizes, lambda: self._peer.room(writing=False)):
            found = await self._get_batch(batch)
            if len(batch) > 1:
                found = [await self._confirm(*pair) for pair in zip(batch, found, strict=True)]
            readings.extend(found)
        return tuple(readings)

    async def _confirm(self, oid: Oid, found: Reading) -> Reading:
        """Ask alone for an instance said to be missing.

        A proxy in front of an SNMPv1 device (net-snmp's, for one) calls every instance of a
        request missing when one is.
        """
        return found if found is not None else (await self._get_batch([oid]))[0]

    async def set(
        self, values: Sequence[tuple[Oid, int | bytes | Oid]], *, resend: bool = True
    ) -> None:
        """Write instances, in as many messages as the device's message size demands.

        That is 484 bytes in v1 and v2c, and in v3 until the device has told what it takes.

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
        ControllerError
            A number does not fit 32 bits; nothing was sent.
        """
        sizes = [binding_bytes(oid, content_bytes(value)) for oid, value in values]
        bindings = [(OID(*oid), self._wire(oid, value)) for oid, value in values]
        for batch in batches(bindings, sizes, lambda: self._peer.room(writing=True)):
            await self._set_batch(batch, resend)

    async def _set_batch(self, bindings: Sequence[tuple[Any, Any]], resend: bool) -> None:
        oids = [tuple(name) for name, _ in bindings]
        try:
            await self._request("SET", oids, bindings, resend)
        except _TooBigError as error:
            if len(bindings) == 1:
                raise RejectedValueError(str(error)) from error
            # Nothing was stored, so smaller messages do no harm.
            half = len(bindings) // 2
            await self._set_batch(bindings[:half], resend)
            await self._set_batch(bindings[half:], resend)

    async def _get_batch(self, oids: Sequence[Oid]) -> list[Reading]:
        try:
            bindings = await self._request("GET", oids, [OID(*oid) for oid in oids], True)
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
        self, verb: str, oids: Sequence[Oid], arguments: Sequence[Any], resend: bool
    ) -> Any:
        # One request at a time: devices in the field do not queue.
        async with self._lock:
            await self._pace.admit()
            refusal = self._peer.expect_refusal()
            handle = self._peer.send(
                verb,
                arguments,
                self._timeout_s if resend else min(self._timeout_s, 2 * self._resend_s),
                self._resend_s if resend else 2 * self._timeout_s,
            )
            try:
                await asyncio.wait({handle.future, refusal}, return_when=asyncio.FIRST_COMPLETED)
                if not handle.future.done():
                    reason = refusal.result()
                    raise UnreachableError(f"{self._where}: {reason}") from reason
                return handle.future.result()
            except SNMPException as error:
                self._translate(verb, oids, error)
            finally:
                # Closed by expiry, not by cancelling: the library would keep its record for good.
                handle.expire()
                handle.future.exception()
                refusal.cancel()

    def _translate(self, verb: str, oids: Sequence[Oid], error: SNMPException) -> NoReturn:
        if isinstance(error, Timeout):
            hint = ""
            if self._peer.only_discovered(writing=verb == "SET"):
                user = self._peer.user_name(writing=verb == "SET")
                hint = (
                    ", though it names itself; some devices stay silent where the privacy secret "
                    f"of user {user!r} is wrong"
                )
            raise UnreachableError(f"{self._where}: no answer to a {verb} in time{hint}") from error
        if isinstance(error, NoSuchName) and verb == "GET" and error.index:
            raise _MissingError(error.index - 1) from error
        if isinstance(error, ErrorResponse):
            text = self._refused(verb, oids, error)
            if error.status == ErrorStatus.tooBig:
                raise _TooBigError(text) from error
            raise RejectedValueError(text) from error
        if isinstance(error, ImproperResponse):
            raise RejectedValueError(
                f"{self._where}: the answer names other objects than were asked for"
            ) from error
        if isinstance(error, TimeWindowFailure):
            raise UnreachableError(
                f"{self._where}: a {verb} is refused as outside the time window, even after "
                "adopting the device's own count of starts and seconds"
            ) from error
        if isinstance(error, RequestError):
            cause = _CAUSES.get(type(error), "it reports a fault of SNMPv3 that has no name here")
            user = self._peer.user_name(writing=verb == "SET")
            raise RejectedValueError(
                f"{self._where}: a {verb} by user {user!r} is refused: {cause}"
            ) from error
        raise UnreachableError(f"{self._where}: {error}") from error

    def _refused(self, verb: str, oids: Sequence[Oid], error: Any) -> str:
        status = error.status.name
        at = error.index - 1
        what = dotted(oids[at]) if 0 <= at < len(oids) else f"{len(oids)} objects"
        return f"{self._where}: {verb} of {what} refused with {status}"

    def _wire(self, oid: Oid, value: int | bytes | Oid) -> Any:
        if isinstance(value, bytes):
            return OctetString(value)
        if isinstance(value, tuple):
            return OID(*value)
        if not -(2**31) <= value < 2**31:
            raise ControllerError(
                f"{self._where}: {value} for {dotted(oid)} does not fit an integer of 32 bits"
            )
        return Integer32(value)


class _MissingError(Exception):
    """The instance at this position does not exist."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class _TooBigError(Exception):
    """Request or answer would not fit a message."""


@asynccontextmanager
async def connect(
    device: Device,
    timeout_s: float = TIMEOUT_S,
    resend_s: float = RESEND_S,
    pace: Pace | None = None,
) -> AsyncIterator[Session]:
    """Open a session with a device and close its socket afterwards.

    Parameters
    ----------
    device
        Whom to talk to, over IPv4 where its name has such an address, else over IPv6.
    timeout_s, resend_s
        How long to wait for an answer, and how often to ask again meanwhile.
    pace
        How fast it may be asked; by default as `Device.requests_per_s` says, on the event
        loop's clock. Sessions with one device may share a pace.

    Raises
    ------
    UnreachableError
        The host is unknown or no route leads to it.
    ControllerError
        Its address lies outside the device's networks, or its SNMPv3 users cannot be used.
        Nothing was sent.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(device.host, device.port, type=socket.SOCK_DGRAM)
        # Stable: the resolver's order within a family is kept.
        family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(f"{_where(device)}: {error}") from error
    _require_allowed(device, str(address[0]))
    pace = pace or Pace(device.requests_per_s, loop.time)
    try:
        peer = Peer(device, family, address, pace.count)
    except OSError as error:
        raise UnreachableError(f"{_where(device)}: {error}") from error
    try:
        yield Session(device, peer, pace, timeout_s, resend_s)
    finally:
        peer.close()


def _require_allowed(device: Device, address: str) -> None:
    """Refuse an address outside the device's networks; a name was resolved before."""
    found = ip_address(address.partition("%")[0])
    # An IPv4 address in IPv6 clothing goes out as IPv4.
    plain = getattr(found, "ipv4_mapped", None) or found
    if not any(plain in network for network in device.networks):
        listed = ", ".join(str(network) for network in device.networks)
        raise ControllerError(
            f"{_where(device)}: address {plain} lies outside the allowed networks ({listed}); "
            'the device list\'s top-level allow = ["..."] names others'
        )


def _where(device: Device) -> str:
    return f"signal {device.signal_id!r} at {device.address}"


def _plain(value: Any) -> Reading:
    if isinstance(value, OID):
        return tuple(value)
    number = getattr(value, "value", None)
    if isinstance(number, int):
        return number
    data = getattr(value, "data", None)
    return bytes(data) if data is not None else None
