"""The far end of a session: a connected socket and the SNMP library's engine behind it.

Sources: RFC 3414 (users, keys, time window), RFC 7860 (SHA-2 signatures), RFC 3826 (AES-128).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from snmp import SNMPv1, SNMPv2c, authPriv
from snmp.async_engine import AsyncEngine
from snmp.exception import SNMPException
from snmp.security.usm import UserBasedSecurityModule
from snmp.security.usm.auth import (
    HmacAuthProtocol,
    HmacSha,
    HmacSha224,
    HmacSha256,
    HmacSha384,
    HmacSha512,
)
from snmp.security.usm.priv import AesCfb128
from snmp.transport import TransportChannel
from snmp.transport.udp import UdpIPv4Socket, UdpIPv6Socket, UdpSocket
from snmp.v3.manager import SNMPv3Manager, SNMPv3MessageTable

from controllers.driver import Device, User
from controllers.ntcip.ear import Ear, ResponsesOnly
from controllers.ntcip.message_size import (
    COMMUNITY_ENVELOPE_BYTES,
    MAX_MESSAGE_BYTES,
    USER_ENVELOPE_BYTES,
)
from network.errors import ControllerError

KEY_STRETCH_BYTES: Final = 2**20
"""How much of the repeated password is hashed into a key (RFC 3414, section A.2)."""


LAST_SECOND_S: Final = 2**31 - 1
"""Bound of an engine's time (RFC 3414, section 2.2.1)."""


class _StretchedKey(HmacAuthProtocol):  # type: ignore[misc]
    """Hashes the repeated password in one go; the library takes 30 times as long bit by bit."""

    @classmethod
    def computeKey(cls, secret: bytes) -> bytes:  # noqa: N802
        repeated = secret * (KEY_STRETCH_BYTES // len(secret) + 1)
        return bytes(cls.computeHash(repeated[:KEY_STRETCH_BYTES]))


AUTH_PROTOCOLS: Final[dict[str, Any]] = {
    name: type(f"Quick{protocol.__name__}", (_StretchedKey, protocol), {})
    for name, protocol in (
        ("SHA-1", HmacSha),
        ("SHA-224", HmacSha224),
        ("SHA-256", HmacSha256),
        ("SHA-384", HmacSha384),
        ("SHA-512", HmacSha512),
    )
}
PRIVACY_PROTOCOLS: Final[dict[str, Any]] = {"AES-128": AesCfb128}


class _Socket(UdpSocket):  # type: ignore[misc]
    """A socket that talks to one device only and notices when nobody is there."""

    def connect(
        self, address: Any, refused: Callable[[OSError], None], leaving: Callable[[], None]
    ) -> None:
        self._refused = refused
        self._leaving = leaving
        self.socket.connect(address)

    def receive(self) -> tuple[Any, bytes]:
        try:
            return self.socket.getpeername(), self.socket.recv(self.recvSize)
        except OSError as error:
            self._refused(error)
            # An empty datagram is dropped by the library as malformed.
            return None, b""

    def send(self, data: bytes, address: object) -> None:
        self._leaving()
        try:
            self.socket.send(data)
        except OSError as error:
            self._refused(error)


class _SocketIPv4(_Socket, UdpIPv4Socket):  # type: ignore[misc]
    pass


class _SocketIPv6(_Socket, UdpIPv6Socket):  # type: ignore[misc]
    pass


class _Security(UserBasedSecurityModule):  # type: ignore[misc]
    """The time window on a clock that nobody sets: the wall clock's steps would break it.

    What strangers send leaves no trace: the library would keep a record of every engine that a
    message names, signed or not.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock

    def prepareOutgoing(self, message: Any, timestamp: float | None = None) -> Any:  # noqa: N802
        return super().prepareOutgoing(message, self._clock() if timestamp is None else timestamp)

    def processIncoming(self, message: Any, timestamp: float | None = None) -> Any:  # noqa: N802
        return super().processIncoming(message, self._clock() if timestamp is None else timestamp)

    def outgoingTime(self, message: Any, timestamp: float) -> tuple[int, int]:  # noqa: N802
        """Stop the device's clock at its last second: beyond it requests would be malformed."""
        boots, time_s = super().outgoingTime(message, timestamp)
        return boots, min(time_s, LAST_SECOND_S)

    def verifyIncomingTime(self, message: Any, sp: Any, timestamp: float) -> None:  # noqa: N802
        """Believe an unsigned message only where nothing better is known: on first contact."""
        known = self.timekeeper.table
        if message.header.flags.authFlag or sp.engineID in known or not known:
            super().verifyIncomingTime(message, sp, timestamp)

    def authenticate(self, securityParameters: Any, namespaces: Any) -> Any:  # noqa: N803
        """Forget the keys made for an engine that has signed wrongly; they are soon made again."""
        try:
            return super().authenticate(securityParameters, namespaces)
        except SNMPException:
            for users in self.users.localizedCredentials.values():
                for engines in users.values():
                    engines.pop(securityParameters.engineID, None)
            raise


class _Copies(SNMPv3MessageTable):  # type: ignore[misc]
    """Message identifiers that stay valid until the request they were sent for is closed.

    The library forgets a copy when it sends the next one, so a device slower than the interval
    of repetition would never be heard.
    """

    def __init__(self) -> None:
        super().__init__()
        self._done: list[int] = []

    def releaseMessageID(self, messageID: int) -> None:  # noqa: N802, N803
        self._done.append(messageID)

    def forget(self) -> None:
        """Release what is no longer waited for."""
        for message_id in self._done:
            super().releaseMessageID(message_id)
        self._done.clear()


class _Manager(SNMPv3Manager):  # type: ignore[misc]
    """Takes the answer to any copy of a request, but a report only on the last.

    The library would take the second report on one copy for a report on its successor.
    """

    def __init__(self, scheduler: Any, table: _Copies, *arguments: Any, **named: Any) -> None:
        super().__init__(scheduler, table, *arguments, **named)
        self.peer_bytes = MAX_MESSAGE_BYTES
        self.understood: set[bytes] = set()

    def hear(self, message: Any) -> None:
        header = message.header
        report = message.scopedPDU.pdu.INTERNAL_CLASS
        if report and header.msgID != next(reversed(self.mapping)):
            return
        super().hear(message)
        if header.flags.authFlag:
            self.peer_bytes = max(MAX_MESSAGE_BYTES, header.maxSize)
            if not report:
                self.understood.add(message.securityName.userName)

    def deallocateMessage(self, messageID: int) -> None:  # noqa: N802, N803
        """Keep the copy until the request is closed."""

    def onRequestClosed(self, requestID: int) -> None:  # noqa: N802, N803
        super().onRequestClosed(requestID)
        for copy in [copy for copy, (of, _) in self.mapping.items() if of == requestID]:
            super().deallocateMessage(copy)
        self.table.forget()


class Peer:
    """Sends requests to a device and hears its answers.

    Parameters
    ----------
    device
        Whom to talk to.
    family, address
        Its resolved address.
    leaving
        Called for every datagram sent.

    Raises
    ------
    OSError
        No route leads to the address.
    ControllerError
        A user has an unknown protocol, or one name stands for two users.
    """

    def __init__(
        self, device: Device, family: int, address: Any, leaving: Callable[[], None]
    ) -> None:
        self._device = device
        self._refusal: asyncio.Future[OSError] | None = None
        loop = asyncio.get_running_loop()
        self._engine: Any = AsyncEngine(loop=loop)
        self._socket: Any = _SocketIPv4() if family == socket.AF_INET else _SocketIPv6()
        try:
            self._socket.connect(address, self._note_refusal, leaving)
            self._manager: Any = self._make_manager(address[:2], loop.time)
        except BaseException:
            self._socket.close()
            raise
        self._engine.v1_filter.listener = ResponsesOnly(self._engine.v1_admin)
        self._ear = Ear(self._engine.decoder)
        self._engine.multiplexor.register(self._socket, self._ear)

    def room(self, *, writing: bool) -> int:
        """Return the bytes a message leaves for its bindings."""
        user = self._user(writing)
        if user is None:
            return MAX_MESSAGE_BYTES - COMMUNITY_ENVELOPE_BYTES - len(self._community(writing))
        most = min(self._manager.peer_bytes, self._socket.recvSize)
        signature_bytes = AUTH_PROTOCOLS[user.auth_protocol].N
        return int(most) - USER_ENVELOPE_BYTES - len(user.name.encode()) - int(signature_bytes)

    def user_name(self, *, writing: bool) -> str:
        """Return the SNMPv3 user for a request, or nothing."""
        user = self._user(writing)
        return user.name if user is not None else ""

    def only_discovered(self, *, writing: bool) -> bool:
        """Tell whether an SNMPv3 device has named itself, but never answered this user."""
        user = self._user(writing)
        if user is None or self._manager.engineID is None:
            return False
        return user.name.encode() not in self._manager.understood

    def expect_refusal(self) -> asyncio.Future[OSError]:
        """Return a future that is fulfilled when the network says that nobody is there."""
        self._refusal = asyncio.get_running_loop().create_future()
        return self._refusal

    def send(self, verb: str, arguments: Sequence[Any], timeout_s: float, resend_s: float) -> Any:
        """Send a GET or SET and return the library's handle of it.

        Its ``future`` brings the bindings or the library's error; ``expire`` gives it up.
        """
        writing = verb == "SET"
        user = self._user(writing)
        identity: dict[str, Any] = (
            {"community": self._community(writing)} if user is None else {"user": user.name}
        )
        call = self._manager.set if writing else self._manager.get
        return call(*arguments, **identity, timeout=timeout_s, refreshPeriod=resend_s)

    def close(self) -> None:
        """Close the socket."""
        self._engine.multiplexor.close()
        self._socket.close()

    def _make_manager(self, channel: tuple[str, int], clock: Callable[[], float]) -> Any:
        users = (self._user(False), self._user(True))
        if users[0] is None or users[1] is None:
            self._engine.transports[self._socket.DOMAIN] = {
                self._socket.normalizeAddress(None): self._socket
            }
            version = SNMPv1 if self._device.version == "v1" else SNMPv2c
            return self._engine.Manager(
                channel, version=version, domain=self._socket.DOMAIN
            ).manager
        self._engine.usm = self._engine.v3_interpreter.usm = _Security(clock)
        self._engine.v3_table = self._engine.v3_response_filter.listener = _Copies()
        if users[0].name == users[1].name and users[0] != users[1]:
            raise ControllerError(
                f"device of signal {self._device.signal_id!r}: user {users[0].name!r} is given "
                "twice, with different secrets or protocols"
            )
        for user in set(users):
            self._add(user)
        self._engine.v3_response_filter.allow(self._socket)
        return _Manager(
            self._engine.scheduler,
            self._engine.v3_table,
            self._engine.v3_sorter,
            TransportChannel(self._socket, channel),
            "",
            users[0].name.encode(),
            authPriv,
            engineID=None,
            autowait=False,
        )

    def _add(self, user: User | None) -> None:
        assert user is not None
        for kind, name, known in (
            ("authentication", user.auth_protocol, AUTH_PROTOCOLS),
            ("privacy", user.privacy_protocol, PRIVACY_PROTOCOLS),
        ):
            if name not in known:
                raise ControllerError(
                    f"device of signal {self._device.signal_id!r}: {kind} protocol {name!r} of "
                    f"user {user.name!r}; known are {', '.join(known)}"
                )
        self._engine.addUser(
            user.name,
            authProtocol=AUTH_PROTOCOLS[user.auth_protocol],
            authSecret=user.auth_secret.encode(),
            privProtocol=PRIVACY_PROTOCOLS[user.privacy_protocol],
            privSecret=user.privacy_secret.encode(),
        )

    def _user(self, writing: bool) -> User | None:
        if self._device.version != "v3":
            return None
        return self._device.write_user if writing else self._device.read_user

    def _community(self, writing: bool) -> bytes:
        device = self._device
        return (device.write_community if writing else device.read_community).encode()

    def _note_refusal(self, error: OSError) -> None:
        if self._refusal is not None and not self._refusal.done():
            self._refusal.set_result(error)
