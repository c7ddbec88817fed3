"""Basic encoding rules for SNMPv1 and v2c, as the emulated cabinet speaks them.

Deliberately a codec of its own: the manager's library must not share it, or one mistake could
hide on both ends. It is strict (definite minimal-form lengths, known tags, nothing left over)
and total: whatever arrives, `decode` either returns a `Message` or raises `BerError`. A
datagram's length bounds the work.

Source: ITU-T X.690 clauses 8.1, 8.3, 8.7, 8.19; RFC 1157 section 4; RFC 3416 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

Oid = tuple[int, ...]

MAX_ARCS: Final = 128
"""Longest object identifier (RFC 2578, 3.5)."""

MAX_ARC: Final = 2**32 - 1
MAX_LENGTH_OCTETS: Final = 2
"""A UDP datagram is below 65,536 bytes; longer length forms are refused unread."""

_SEQUENCE = 0x30


class Tag(IntEnum):
    """Tags of the values in a variable binding."""

    INTEGER = 0x02
    OCTETS = 0x04
    NULL = 0x05
    OID = 0x06
    COUNTER = 0x41
    GAUGE = 0x42
    TIME_TICKS = 0x43
    NO_SUCH_OBJECT = 0x80
    NO_SUCH_INSTANCE = 0x81
    END_OF_MIB_VIEW = 0x82


class Version(IntEnum):
    """Protocol versions by their number on the wire."""

    V1 = 0
    V2C = 1


class PduType(IntEnum):
    """Protocol data units the cabinet understands."""

    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3


_SIGNED = frozenset({Tag.INTEGER})
_EMPTY = frozenset({Tag.NULL, Tag.NO_SUCH_OBJECT, Tag.NO_SUCH_INSTANCE, Tag.END_OF_MIB_VIEW})


class BerError(ValueError):
    """The datagram is not a message this codec accepts."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tagged value; `content` is an int, bytes, an object identifier, or None when empty."""

    tag: Tag
    content: int | bytes | Oid | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One SNMP message.

    Attributes
    ----------
    version, community
        The envelope.
    pdu_type, request_id, error_status, error_index
        The protocol data unit's head.
    bindings
        Object identifiers with their values.
    """

    version: Version
    community: bytes
    pdu_type: PduType
    request_id: int
    error_status: int
    error_index: int
    bindings: tuple[tuple[Oid, Value], ...]


def encode(message: Message) -> bytes:
    """Return the datagram of a message."""
    bindings = b"".join(
        _tlv(_SEQUENCE, _tlv(Tag.OID, _oid_content(oid)) + _encode_value(value))
        for oid, value in message.bindings
    )
    head = b"".join(
        _tlv(Tag.INTEGER, _integer_content(number))
        for number in (message.request_id, message.error_status, message.error_index)
    )
    envelope = _tlv(Tag.INTEGER, _integer_content(message.version))
    envelope += _tlv(Tag.OCTETS, message.community)
    return _tlv(_SEQUENCE, envelope + _tlv(message.pdu_type, head + _tlv(_SEQUENCE, bindings)))


def decode(datagram: bytes) -> Message:
    """Return the message of a datagram, or raise `BerError`."""
    body = _whole(datagram, 0, len(datagram), _SEQUENCE)
    version, at = _integer(datagram, *body)
    if version not in (Version.V1, Version.V2C):
        raise BerError(f"version {version} is neither 0 (v1) nor 1 (v2c)")
    start, end = _element(datagram, at, body[1], Tag.OCTETS)
    community = datagram[start:end]
    if end >= body[1]:
        raise BerError("no protocol data unit")
    try:
        pdu_type = PduType(datagram[end])
    except ValueError:
        raise BerError(f"protocol data unit {datagram[end]:#04x} is not spoken here") from None
    start, end = _whole(datagram, end, body[1], pdu_type)
    request_id, at = _integer(datagram, start, end)
    error_status, at = _integer(datagram, at, end)
    error_index, at = _integer(datagram, at, end)
    at, end = _whole(datagram, at, end, _SEQUENCE)
    bindings: list[tuple[Oid, Value]] = []
    while at < end:
        inner, at = _element(datagram, at, end, _SEQUENCE)
        name, value_at = _element(datagram, inner, at, Tag.OID)
        oid = _oid(datagram[name:value_at])
        bindings.append((oid, _value(datagram, value_at, at)))
    return Message(
        Version(version),
        community,
        pdu_type,
        request_id,
        error_status,
        error_index,
        tuple(bindings),
    )


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _integer_content(number: int) -> bytes:
    magnitude = number if number >= 0 else -number - 1
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def _oid_content(oid: Oid) -> bytes:
    if len(oid) < 2:
        raise BerError(f"object identifier {oid} has fewer than two arcs")
    content = bytearray()
    for arc in (oid[0] * 40 + oid[1], *oid[2:]):
        groups = [arc & 0x7F]
        arc >>= 7
        while arc:
            groups.append(0x80 | (arc & 0x7F))
            arc >>= 7
        content.extend(reversed(groups))
    return bytes(content)


def _encode_value(value: Value) -> bytes:
    content = value.content
    if content is None:
        return _tlv(value.tag, b"")
    if isinstance(content, int):
        return _tlv(value.tag, _integer_content(content))
    if isinstance(content, bytes):
        return _tlv(value.tag, content)
    return _tlv(value.tag, _oid_content(content))


def _element(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Return where the content of the element at `at` begins and ends."""
    if end - at < 2:
        raise BerError("cut short: no room for tag and length")
    if data[at] != tag:
        raise BerError(f"tag {data[at]:#04x} where {tag:#04x} belongs")
    length = data[at + 1]
    start = at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= MAX_LENGTH_OCTETS:
            raise BerError(f"a length of {count} octets")
        if end - start < count:
            raise BerError("cut short inside a length")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if length > end - start:
        raise BerError(f"content of {length} octets where {end - start} are left")
    return start, start + length


def _whole(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Like `_element`, for an element that must fill its container."""
    start, stop = _element(data, at, end, tag)
    if stop != end:
        raise BerError(f"{end - stop} octets left over")
    return start, stop


def _integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    start, stop = _element(data, at, end, Tag.INTEGER)
    return _number(data[start:stop], signed=True), stop


def _number(content: bytes, *, signed: bool) -> int:
    # Unsigned 32-bit values may carry a leading zero octet, hence five.
    if not 1 <= len(content) <= (4 if signed else 5):
        raise BerError(f"an integer of {len(content)} octets")
    number = int.from_bytes(content, "big", signed=True)
    if not signed and not 0 <= number <= MAX_ARC:
        raise BerError(f"{number} is outside an unsigned 32-bit value")
    return number


def _oid(content: bytes) -> Oid:
    if not content or content[-1] & 0x80:
        raise BerError("object identifier empty or cut short")
    arcs: list[int] = []
    arc = 0
    for octet in content:
        if arc == 0 and octet == 0x80:
            raise BerError("padded arc in an object identifier")
        arc = arc << 7 | octet & 0x7F
        if arc > MAX_ARC or len(arcs) > MAX_ARCS:
            raise BerError("object identifier out of bounds")
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - first * 40, *arcs[1:])


def _value(data: bytes, at: int, end: int) -> Value:
    if at >= end:
        raise BerError("a binding without a value")
    try:
        tag = Tag(data[at])
    except ValueError:
        raise BerError(f"value tag {data[at]:#04x} is not spoken here") from None
    start, stop = _whole(data, at, end, tag)
    content = data[start:stop]
    if tag in _EMPTY:
        if content:
            raise BerError(f"{tag.name} with content")
        return Value(tag)
    if tag is Tag.OCTETS:
        return Value(tag, content)
    if tag is Tag.OID:
        return Value(tag, _oid(content))
    return Value(tag, _number(content, signed=tag in _SIGNED))
