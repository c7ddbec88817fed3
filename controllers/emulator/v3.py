"""The form of SNMPv3 messages: taken apart and put together, encrypted and signed.

Source: RFC 3412 section 6 (message), RFC 3414 section 2.4 (security parameters).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from controllers.emulator.ber import (
    SEQUENCE,
    BerError,
    Message,
    Tag,
    Version,
    decode_pdu,
    element,
    encode_integer,
    encode_pdu,
    integer,
    tlv,
    whole,
)
from controllers.emulator.usm import MAX_NAME_BYTES, Keys

AUTH: Final = 1
PRIV: Final = 2
REPORTABLE: Final = 4
"""Bits of msgFlags."""

MIN_MAX_BYTES: Final = 484
"""Least msgMaxSize (RFC 3412, 6.1)."""

LEVEL: Final = AUTH | PRIV
_USM: Final = 3


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds the payload of a v3 message.

    Attributes
    ----------
    message_id
        Pairs a reply with its request.
    max_bytes
        Longest message the sender takes.
    flags
        `AUTH`, `PRIV` and `REPORTABLE`, combined.
    engine_id, boots, time_s
        The authoritative engine and its moment; the cabinet's, in both directions.
    user
        The user's name.
    """

    message_id: int
    max_bytes: int
    flags: int
    engine_id: bytes
    boots: int
    time_s: int
    user: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """A v3 message taken apart, its payload unread.

    Attributes
    ----------
    envelope
        What surrounds the payload.
    digest, digest_at
        The digest and where in the datagram it stands.
    salt
        Of the encryption.
    payload
        Octets of the scoped protocol data unit, encrypted or not.
    """

    envelope: Envelope
    digest: bytes
    digest_at: int
    salt: bytes
    payload: bytes


def read(datagram: bytes) -> Sealed:
    """Take a v3 message apart, or raise `BerError`; nothing is verified."""
    at, end = whole(datagram, 0, len(datagram), SEQUENCE)
    version, at = integer(datagram, at, end)
    if version != Version.V3:
        raise BerError(f"version {version} is not 3")
    at, head_end = element(datagram, at, end, SEQUENCE)
    message_id, at = integer(datagram, at, head_end)
    max_bytes, at = integer(datagram, at, head_end)
    flags_at, at = element(datagram, at, head_end, Tag.OCTETS)
    model, stop = integer(datagram, at, head_end)
    if stop != head_end or at - flags_at != 1:
        raise BerError("header of another shape")
    flags = datagram[flags_at]
    if message_id < 0 or max_bytes < MIN_MAX_BYTES or model != _USM or flags & LEVEL == PRIV:
        raise BerError(f"id {message_id}, {max_bytes} bytes, flags {flags:#x}, model {model}")
    at, security_end = element(datagram, head_end, end, Tag.OCTETS)
    if flags & PRIV:
        start, stop = whole(datagram, security_end, end, Tag.OCTETS)
    else:
        whole(datagram, security_end, end, SEQUENCE)
        start, stop = security_end, end
    at, security_end = whole(datagram, at, security_end, SEQUENCE)
    engine_at, at = element(datagram, at, security_end, Tag.OCTETS)
    engine_id = datagram[engine_at:at]
    boots, at = integer(datagram, at, security_end)
    time_s, at = integer(datagram, at, security_end)
    user_at, at = element(datagram, at, security_end, Tag.OCTETS)
    digest_at, digest_end = element(datagram, at, security_end, Tag.OCTETS)
    salt_at, _ = whole(datagram, digest_end, security_end, Tag.OCTETS)
    if boots < 0 or time_s < 0 or at - user_at > MAX_NAME_BYTES:
        raise BerError(f"boots {boots}, time {time_s}, a user of {at - user_at} octets")
    return Sealed(
        Envelope(message_id, max_bytes, flags, engine_id, boots, time_s, datagram[user_at:at]),
        datagram[digest_at:digest_end],
        digest_at,
        datagram[salt_at:security_end],
        datagram[start:stop],
    )


def write(envelope: Envelope, scoped: bytes, keys: Keys | None = None, salt: bytes = b"") -> bytes:
    """Return a v3 message, encrypted and signed as its flags say.

    Parameters
    ----------
    envelope
        What surrounds the payload.
    scoped
        The scoped protocol data unit, encoded.
    keys
        The user's, where the flags ask for any.
    salt
        8 octets never used before at this moment, where the flags ask for encryption.

    Raises
    ------
    ValueError
        The flags ask for keys and there are none.
    """
    digest = b""
    if envelope.flags & LEVEL:
        if keys is None:
            raise ValueError(f"flags {envelope.flags:#x} without keys")
        digest = bytes(keys.digest_bytes)
        if envelope.flags & PRIV:
            secret = keys.encrypt(scoped, envelope.boots, envelope.time_s, salt)
            scoped = tlv(Tag.OCTETS, secret)
    header = tlv(
        SEQUENCE,
        encode_integer(envelope.message_id)
        + encode_integer(envelope.max_bytes)
        + tlv(Tag.OCTETS, bytes((envelope.flags,)))
        + encode_integer(_USM),
    )
    tail = tlv(Tag.OCTETS, digest) + tlv(Tag.OCTETS, salt)
    security = (
        tlv(Tag.OCTETS, envelope.engine_id)
        + encode_integer(envelope.boots)
        + encode_integer(envelope.time_s)
        + tlv(Tag.OCTETS, envelope.user)
        + tail
    )
    security = tlv(Tag.OCTETS, tlv(SEQUENCE, security))
    message = tlv(SEQUENCE, encode_integer(Version.V3) + header + security + scoped)
    if keys is None or not digest:
        return message
    # The digest is the last but one of the security parameters; the salt and its head follow.
    end = len(message) - len(scoped) - len(salt) - 2
    return message[: end - len(digest)] + keys.digest(message) + message[end:]


def scope(context_engine_id: bytes, context: bytes, message: Message) -> bytes:
    """Return the scoped protocol data unit of a message."""
    names = tlv(Tag.OCTETS, context_engine_id) + tlv(Tag.OCTETS, context)
    return tlv(SEQUENCE, names + encode_pdu(message))


def unscope(scoped: bytes, user: bytes) -> tuple[bytes, bytes, Message]:
    """Return context engine, context name and message of a scoped PDU, or raise `BerError`."""
    at, end = whole(scoped, 0, len(scoped), SEQUENCE)
    start, at = element(scoped, at, end, Tag.OCTETS)
    engine_id = scoped[start:at]
    start, at = element(scoped, at, end, Tag.OCTETS)
    return engine_id, scoped[start:at], decode_pdu(scoped, at, end, Version.V3, user)
