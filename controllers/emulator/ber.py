"""Basic encoding rules and the messages of SNMPv1 and v2c, as the emulated cabinet speaks them.

Deliberately a codec of its own: the manager's library must not share it, or one mistake could
hide on both ends. It is strict (definite lengths, known tags, nothing left over) and total:
whatever arrives, `decode` either returns a `Message` or raises `BerError`. A datagram's length
bounds the work.

Source: ITU-T X.690 clauses 8.1, 8.3, 8.7, 8.19; RFC 1157 section 4; RFC 3416 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

Oid = tuple[int, ...]
Content = int | bytes | Oid | None

MAX_ARCS: Final = 128
"""Longest object identifier (RFC 2578, 3.5)."""

MAX_ARC: Final = 2**32 - 1
MAX_LENGTH_OCTETS: Final = 2
"""A UDP datagram is below 65,536 bytes; longer length forms are refused unread."""

SEQUENCE: Final = 0x30

_CACHED_BYTES: Final = 64
"""Longest name or binding that is remembered, so that what is remembered stays small."""

_CACHED: Final = 4096


class Tag(IntEnum):
    """Tags of the values in a variable binding."""

    INTEGER = 0x02
    OCTETS = 0x04
    NULL = 0x05
    OID = 0x06
    IP_ADDRESS = 0x40
    COUNTER = 0x41
    GAUGE = 0x42
    TIME_TICKS = 0x43
    OPAQUE = 0x44
    COUNTER64 = 0x46
    NO_SUCH_OBJECT = 0x80
    NO_SUCH_INSTANCE = 0x81
    END_OF_MIB_VIEW = 0x82


class Version(IntEnum):
    """Protocol versions by their number on the wire."""

    V1 = 0
    V2C = 1
    V3 = 3


class PduType(IntEnum):
    """Protocol data units of RFC 3416; v1 knows only the first four."""

    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    SET = 0xA3
    GET_BULK = 0xA5
    INFORM = 0xA6
    TRAP = 0xA7
    REPORT = 0xA8


_TAGS: Final = {int(tag): tag for tag in Tag}
_PDU_TYPES: Final = {int(kind): kind for kind in PduType}
_EMPTY = frozenset({Tag.NULL, Tag.NO_SUCH_OBJECT, Tag.NO_SUCH_INSTANCE, Tag.END_OF_MIB_VIEW})


class BerError(ValueError):
    """The datagram is not a message this codec accepts."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tagged value; `content` is an int, bytes, an object identifier, or None when empty."""

    tag: Tag
    content: Content = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a request or a reply says, whichever version carries it.

    Attributes
    ----------
    version
        The version that carries it.
    community
        Who asks: the community, or in v3 the name of the user.
    pdu_type, request_id, error_status, error_index
        The protocol data unit's head. A GETBULK bears its number of non-repeaters and of
        repetitions in place of error status and index.
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
    """Return the datagram of a v1 or v2c message."""
    envelope = encode_integer(message.version) + tlv(Tag.OCTETS, message.community)
    return tlv(SEQUENCE, envelope + encode_pdu(message))


def decode(datagram: bytes) -> Message:
    """Return the v1 or v2c message of a datagram, or raise `BerError`."""
    body = whole(datagram, 0, len(datagram), SEQUENCE)
    number, at = integer(datagram, *body)
    if number not in (Version.V1, Version.V2C):
        raise BerError(f"version {number} is neither 0 (v1) nor 1 (v2c)")
    start, end = element(datagram, at, body[1], Tag.OCTETS)
    version = Version.V2C if number else Version.V1
    return decode_pdu(datagram, end, body[1], version, datagram[start:end])


def version_of(datagram: bytes) -> int:
    """Return the version number a datagram bears, known or not, or raise `BerError`."""
    return integer(datagram, *whole(datagram, 0, len(datagram), SEQUENCE))[0]


def encode_pdu(message: Message) -> bytes:
    """Return the protocol data unit of a message, without an envelope."""
    head = b"".join(
        map(encode_integer, (message.request_id, message.error_status, message.error_index))
    )
    bindings = b"".join([encode_binding(oid, value) for oid, value in message.bindings])
    return tlv(message.pdu_type, head + tlv(SEQUENCE, bindings))


def decode_pdu(data: bytes, at: int, end: int, version: Version, community: bytes) -> Message:
    """Return the message of a protocol data unit that fills ``data[at:end]``.

    Parameters
    ----------
    data, at, end
        Where it is.
    version, community
        What the envelope said.

    Raises
    ------
    BerError
        It is damaged or of a kind that the version does not know.
    """
    if at >= end:
        raise BerError("no protocol data unit")
    pdu_type = _PDU_TYPES.get(data[at])
    if pdu_type is None or (version is Version.V1 and pdu_type > PduType.SET):
        raise BerError(f"protocol data unit {data[at]:#04x} is not spoken here")
    at, end = whole(data, at, end, pdu_type)
    request_id, at = integer(data, at, end)
    error_status, at = integer(data, at, end)
    error_index, at = integer(data, at, end)
    at, end = whole(data, at, end, SEQUENCE)
    bindings: list[tuple[Oid, Value]] = []
    while at < end:
        start, stop = element(data, at, end, SEQUENCE)
        content = data[start:stop]
        short = stop - start <= _CACHED_BYTES
        bindings.append(_known_binding(content) if short else _binding(content))
        at = stop
    return Message(
        version, community, pdu_type, request_id, error_status, error_index, tuple(bindings)
    )


def encode_binding(oid: Oid, value: Value) -> bytes:
    """Return the encoded form of one variable binding."""
    content = value.content
    if content is None or isinstance(content, int):
        return _encode_number(oid, value.tag, content)
    if not isinstance(content, bytes):
        content = _oid_content(content)
    return tlv(SEQUENCE, _encoded_name(oid) + tlv(value.tag, content))


def tlv(tag: int, content: bytes) -> bytes:
    """Return an element: tag, length, content."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def encode_integer(number: int) -> bytes:
    """Return an INTEGER element."""
    return tlv(Tag.INTEGER, _integer_content(number))


def element(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Return where the content of the element at `at` begins and ends.

    Raises
    ------
    BerError
        Another tag, or content beyond `end`.
    """
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


def whole(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Like `element`, for an element that must fill its container."""
    start, stop = element(data, at, end, tag)
    if stop != end:
        raise BerError(f"{end - stop} octets left over")
    return start, stop


def integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the 32-bit INTEGER at `at`, and where the next element begins."""
    start, stop = element(data, at, end, Tag.INTEGER)
    return _number(data[start:stop], Tag.INTEGER), stop


@lru_cache(maxsize=_CACHED)
def _encode_number(oid: Oid, tag: Tag, content: int | None) -> bytes:
    inner = b"" if content is None else _integer_content(content)
    return tlv(SEQUENCE, _encoded_name(oid) + tlv(tag, inner))


@lru_cache(maxsize=_CACHED)
def _encoded_name(oid: Oid) -> bytes:
    return tlv(Tag.OID, _oid_content(oid))


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


def _binding(content: bytes) -> tuple[Oid, Value]:
    name, at = element(content, 0, len(content), Tag.OID)
    known = _known_oid if at - name <= _CACHED_BYTES else _oid
    return known(content[name:at]), _value(content, at, len(content))


# Polls name the same instances again and again: what was read once is read.
_known_binding = lru_cache(maxsize=_CACHED)(_binding)


def _number(content: bytes, tag: Tag) -> int:
    signed = tag is Tag.INTEGER
    octets = 8 if tag is Tag.COUNTER64 else 4
    # Unsigned values may carry a leading zero octet; so may the dates of a schedule row, which
    # NTCIP 1201 clause 2.4.3.2.4 calls an INTEGER and lets fill 32 bits without a sign.
    if not 1 <= len(content) <= octets + 1:
        raise BerError(f"an integer of {len(content)} octets")
    number = int.from_bytes(content, "big", signed=True)
    if signed and not -(1 << 31) <= number < 1 << 32:
        raise BerError(f"{number} is outside an integer of {octets} octets")
    if not signed and not 0 <= number < 1 << 8 * octets:
        raise BerError(f"{number} is outside an unsigned value of {octets} octets")
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
        if arc > MAX_ARC:
            raise BerError("object identifier out of bounds")
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    # The first number on the wire stands for two arcs.
    if len(arcs) >= MAX_ARCS:
        raise BerError(f"object identifier of {len(arcs) + 1} arcs")
    first = min(arcs[0] // 40, 2)
    return (first, arcs[0] - first * 40, *arcs[1:])


_known_oid = lru_cache(maxsize=_CACHED)(_oid)


def _value(data: bytes, at: int, end: int) -> Value:
    if at >= end:
        raise BerError("a binding without a value")
    tag = _TAGS.get(data[at])
    if tag is None:
        raise BerError(f"value tag {data[at]:#04x} is not spoken here")
    start, stop = whole(data, at, end, tag)
    content = data[start:stop]
    if tag in _EMPTY:
        if content:
            raise BerError(f"{tag.name} with content")
        return Value(tag)
    if tag is Tag.OCTETS or tag is Tag.OPAQUE:
        return Value(tag, content)
    if tag is Tag.IP_ADDRESS:
        if len(content) != 4:
            raise BerError(f"an IPv4 address of {len(content)} octets")
        return Value(tag, content)
    if tag is Tag.OID:
        return Value(tag, _oid(content))
    return Value(tag, _number(content, tag))
