"""What can go wrong with a device at one message of a push: it restarts, freezes, is stolen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.bridge.street import Corridor
from controllers.emulator.ber import Message, Oid, PduType, Tag, Value, decode, encode
from controllers.emulator.transaction import State

DARK_S = 10.0
"""How long a device that starts anew does not answer, where a trial has that."""

STRANGER = b"somebody else"
"""Community of another manager."""


@dataclass(slots=True)
class Mishap:
    """Something that goes wrong at one message of a corridor's only device.

    Attributes
    ----------
    at
        Which request of the second push, from 0.
    street
        Where.
    """

    at: int
    street: Corridor
    first: int = 0
    struck_s: float | None = None

    def arm(self) -> None:
        """Begin to count requests here."""
        station = self.street.stations[0]
        self.first = station.requests
        station.before = lambda n, data: self.request(n - self.first, data)
        station.after = lambda n, data: self.reply(n - self.first, data)

    def strike(self) -> None:
        """Note when it happened."""
        if self.struck_s is None:
            self.struck_s = asyncio.get_running_loop().time()

    def request(self, n: int, data: bytes) -> bytes | None:
        """See a request."""
        return data

    def reply(self, n: int, data: bytes) -> bytes | None:
        """See a reply."""
        return data

    def over(self) -> None:
        """End the fault."""
        station = self.street.stations[0]
        station.before = station.after = lambda n, data: data


class RestartBefore(Mishap):
    """The device starts anew before it carries the request out."""

    def request(self, n: int, data: bytes) -> bytes | None:
        if n == self.at:
            self.strike()
            self.street.cabinets[0].restart()
        return data


class RestartAfter(Mishap):
    """The device starts anew after it has answered the request."""

    def reply(self, n: int, data: bytes) -> bytes | None:
        if n == self.at:
            self.strike()
            self.street.cabinets[0].restart()
        return data


class RestartInTheDark(Mishap):
    """The device carries the request out, starts anew before answering, and is dark for a while."""

    def request(self, n: int, data: bytes) -> bytes | None:
        dark_s = asyncio.get_running_loop().time() - (self.struck_s or 0.0)
        return None if self.struck_s is not None and dark_s < DARK_S else data

    def reply(self, n: int, data: bytes) -> bytes | None:
        if n != self.at:
            return data
        self.strike()
        self.street.cabinets[0].restart()
        return None


class LostReply(Mishap):
    """The device carries the request out, and its answer gets lost."""

    def reply(self, n: int, data: bytes) -> bytes | None:
        if n == self.at:
            self.strike()
            return None
        return data


class Frozen(Mishap):
    """From some message on the device says yes to every SET and does nothing."""

    def request(self, n: int, data: bytes) -> bytes | None:
        if n < self.at:
            return data
        self.strike()
        message = decode(data)
        if message.pdu_type is not PduType.SET:
            return data
        # What is asked for in place of the SET changes nothing; `reply` answers as if it had.
        self._pretended = message
        asked = tuple((oid, Value(Tag.NULL)) for oid, _ in message.bindings)
        return encode(message_like(message, PduType.GET, asked))

    def reply(self, n: int, data: bytes) -> bytes | None:
        message = self._pretended
        if message is None:
            return data
        self._pretended = None
        return encode(message_like(message, PduType.RESPONSE, message.bindings))

    _pretended: Message | None = None


class Stolen(Mishap):
    """Before some message another manager has taken the transaction, and keeps it."""

    def request(self, n: int, data: bytes) -> bytes | None:
        if n == self.at:
            self.strike()
            transaction = self.street.cabinets[0].store.transaction
            transaction.reset()
            transaction.command(State.TRANSACTION, STRANGER)
        return data

    def over(self) -> None:
        transaction = self.street.cabinets[0].store.transaction
        if self.struck_s is not None and transaction.owner != STRANGER:
            self.street.witnesses[0].note("another manager's transaction was closed")
        transaction.reset()
        Mishap.over(self)


MISHAPS: tuple[type[Mishap], ...] = (
    RestartBefore,
    RestartAfter,
    RestartInTheDark,
    LostReply,
    Frozen,
    Stolen,
)


def message_like(like: Message, kind: PduType, bindings: tuple[tuple[Oid, Value], ...]) -> Message:
    """Return a message of another kind in the place of one."""
    return Message(like.version, like.community, kind, like.request_id, 0, 0, bindings)
