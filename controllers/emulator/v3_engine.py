"""The SNMPv3 engine of the emulated cabinet: who is let in, and what the others are told.

It lets in what carries the digest of a known user, is encrypted and in time; everything else
meets a report, or silence where the sender wants none. Only the default context exists.

Source: RFC 3412 section 7 (reports), RFC 3414 section 3.2 (checks in their order), RFC 3413
section 3.2 (contexts).
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from controllers.emulator.ber import (
    SEQUENCE,
    BerError,
    Message,
    PduType,
    Tag,
    Value,
    Version,
    whole,
)
from controllers.emulator.responder import REQUESTS
from controllers.emulator.usm import SALT_BYTES, EngineClock, Keys
from controllers.emulator.v3 import (
    AUTH,
    LEVEL,
    PRIV,
    REPORTABLE,
    Envelope,
    Sealed,
    read,
    scope,
    unscope,
    write,
)

_COUNTER_WRAP: Final = 2**32
_USM_STATS: Final = (1, 3, 6, 1, 6, 3, 15, 1, 1)


class Reason(Enum):
    """Why a message meets a report; the value is the counter's instance."""

    UNSUPPORTED_SECURITY_LEVELS = (*_USM_STATS, 1, 0)
    NOT_IN_TIME_WINDOWS = (*_USM_STATS, 2, 0)
    UNKNOWN_USER_NAMES = (*_USM_STATS, 3, 0)
    UNKNOWN_ENGINE_IDS = (*_USM_STATS, 4, 0)
    WRONG_DIGESTS = (*_USM_STATS, 5, 0)
    DECRYPTION_ERRORS = (*_USM_STATS, 6, 0)
    UNKNOWN_PDU_HANDLERS = (1, 3, 6, 1, 6, 3, 11, 2, 1, 3, 0)
    UNKNOWN_CONTEXTS = (1, 3, 6, 1, 6, 3, 12, 1, 5, 0)


@dataclass(frozen=True, slots=True)
class Opened:
    """A request that passed all checks, with what its reply needs.

    Attributes
    ----------
    request
        What is asked; its `community` is the user.
    envelope
        Of the request.
    keys
        The user's.
    """

    request: Message
    envelope: Envelope
    keys: Keys


class Engine:
    """The authoritative engine of one cabinet.

    Parameters
    ----------
    engine_id
        Who it is.
    keys
        Of its users.
    clock
        Its boots and time.
    max_bytes
        Longest message it takes and sends.
    salt
        First of the numbers that keep two encryptions apart; any number, best a random one, so
        that a process started anew under old boots does not repeat them.
    """

    def __init__(
        self, engine_id: bytes, keys: Iterable[Keys], clock: EngineClock, max_bytes: int, salt: int
    ) -> None:
        self.engine_id = engine_id
        self.clock = clock
        self.max_bytes = max_bytes
        self.statistics: Counter[Reason] = Counter()
        """How often each report was due since the start."""
        self._keys = {user.user: user for user in keys}
        self._salt = salt

    def open(self, datagram: bytes) -> Opened | bytes | None:
        """Let a request in, or return the report that answers it, or None for silence.

        Raises
        ------
        BerError
            The datagram is not a message of SNMPv3, or its payload is damaged.
        """
        sealed = read(datagram)
        envelope = sealed.envelope
        if envelope.engine_id != self.engine_id:
            return self._report(sealed, Reason.UNKNOWN_ENGINE_IDS)
        keys = self._keys.get(envelope.user)
        if keys is None:
            return self._report(sealed, Reason.UNKNOWN_USER_NAMES)
        # The users of a cabinet are set up for privacy: less is a level they do not have.
        if envelope.flags & LEVEL != LEVEL:
            return self._report(sealed, Reason.UNSUPPORTED_SECURITY_LEVELS)
        blank = bytes(len(sealed.digest))
        unsigned = datagram[: sealed.digest_at] + blank + datagram[sealed.digest_at + len(blank) :]
        if not hmac.compare_digest(keys.digest(unsigned), sealed.digest):
            return self._report(sealed, Reason.WRONG_DIGESTS)
        if not self.clock.in_window(envelope.boots, envelope.time_s):
            return self._report(sealed, Reason.NOT_IN_TIME_WINDOWS, keys, AUTH)
        scoped = _decrypted(sealed, keys)
        if scoped is None:
            return self._report(sealed, Reason.DECRYPTION_ERRORS, keys, AUTH)
        context_engine_id, context, request = unscope(scoped, envelope.user)
        if request.pdu_type not in REQUESTS:
            return None
        known = Reason.UNKNOWN_PDU_HANDLERS if context_engine_id != self.engine_id else None
        unknown = known or (Reason.UNKNOWN_CONTEXTS if context else None)
        if unknown is not None:
            return self._report(sealed, unknown, keys, LEVEL, request.request_id)
        return Opened(request, envelope, keys)

    def seal(self, opened: Opened, reply: Message) -> bytes:
        """Return the datagram of a reply, as well protected as its request."""
        scoped = scope(self.engine_id, b"", reply)
        envelope = self._envelope(opened.envelope, LEVEL)
        return write(envelope, scoped, opened.keys, self._next_salt())

    def limit_bytes(self, opened: Opened) -> int:
        """Return how long a reply may be: both sides have a say."""
        return min(self.max_bytes, opened.envelope.max_bytes)

    def _report(
        self,
        sealed: Sealed,
        reason: Reason,
        keys: Keys | None = None,
        level: int = 0,
        request_id: int | None = None,
    ) -> bytes | None:
        self.statistics[reason] += 1
        flags, user = sealed.envelope.flags, sealed.envelope.user
        if not flags & REPORTABLE:
            return None
        if request_id is None:
            request_id = 0
            if not flags & PRIV:
                _, _, request = unscope(sealed.payload, user)
                if request.pdu_type not in REQUESTS:
                    return None
                request_id = request.request_id
        count = Value(Tag.COUNTER, self.statistics[reason] % _COUNTER_WRAP)
        report = Message(
            Version.V3, user, PduType.REPORT, request_id, 0, 0, ((reason.value, count),)
        )
        salt = self._next_salt() if level & PRIV else b""
        envelope = self._envelope(sealed.envelope, level)
        return write(envelope, scope(self.engine_id, b"", report), keys, salt)

    def _envelope(self, asked: Envelope, flags: int) -> Envelope:
        return replace(
            asked,
            max_bytes=self.max_bytes,
            flags=flags,
            engine_id=self.engine_id,
            boots=self.clock.boots,
            time_s=self.clock.time_s,
        )

    def _next_salt(self) -> bytes:
        self._salt = (self._salt + 1) % (1 << 8 * SALT_BYTES)
        return self._salt.to_bytes(SALT_BYTES, "big")


def _decrypted(sealed: Sealed, keys: Keys) -> bytes | None:
    """Return the scoped PDU in clear, or None if what comes out cannot be one."""
    if len(sealed.salt) != SALT_BYTES:
        return None
    envelope = sealed.envelope
    scoped = keys.decrypt(sealed.payload, envelope.boots, envelope.time_s, sealed.salt)
    try:
        whole(scoped, 0, len(scoped), SEQUENCE)
    except BerError:
        return None
    return scoped
