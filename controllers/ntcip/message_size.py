"""Bounds for the size of SNMP messages, so that a request fits before it is encoded.

Sources: RFC 1157, section 4 (484 bytes); RFC 3412, section 6 and RFC 3414, section 2.4 (the head
of an SNMPv3 message).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from controllers.ntcip.objects import Oid

MAX_MESSAGE_BYTES: Final = 484
"""What every SNMP entity takes (RFC 1157, section 4; RFC 3412, section 6.3)."""

COMMUNITY_ENVELOPE_BYTES: Final = 32
"""Bound for everything around the variable bindings of v1 and v2c but the community: message and
its version (7), head of the community (3), request with its three numbers (18), head of the
bindings (4)."""

USER_ENVELOPE_BYTES: Final = 174
"""The same for v3 but user name and signature: two engine identifiers of 32 octets with their
heads (68), the rest of the security parameters (32), message head (26), the scoped data unit
with its request (32), and one block of a cipher that pads (16)."""

REPLY_BYTES: Final = 5
"""Room left in a GET for each value of the answer: any integer of 32 bits."""

BATCH_LIMIT: Final = 18
"""Most bindings per message; NTCIP downloads of 19 fill 484 bytes."""

_T = TypeVar("_T")


def batches(
    items: Sequence[_T], sizes: Sequence[int], room: Callable[[], int]
) -> Iterator[list[_T]]:
    """Cut a request into messages, keeping the order.

    Parameters
    ----------
    items, sizes
        What is asked for or written, and the encoded size of each in bytes.
    room
        Bytes for all bindings of a message; asked again for every message, because an SNMPv3
        device tells in its first answer what it takes.
    """
    batch: list[_T] = []
    used = 0
    for item, size in zip(items, sizes, strict=True):
        if batch and (used + size > room() or len(batch) == BATCH_LIMIT):
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += size
    if batch:
        yield batch


def binding_bytes(oid: Oid, content_bytes: int) -> int:
    """Return the encoded size of a binding whose value has this many octets of content."""
    return _with_head(_with_head(_arc_bytes(oid)) + _with_head(content_bytes))


def content_bytes(value: int | bytes | Oid) -> int:
    """Return the encoded size of a value without its head."""
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int):
        return (value if value >= 0 else -value - 1).bit_length() // 8 + 1
    return _arc_bytes(value)


def _with_head(size: int) -> int:
    """Add tag and length (X.690, 8.1.3)."""
    return size + (2 if size < 0x80 else 3 if size < 0x100 else 4)


def _arc_bytes(oid: Oid) -> int:
    # The first two arcs share an octet.
    return sum(max(1, -(-arc.bit_length() // 7)) for arc in oid) - 1
