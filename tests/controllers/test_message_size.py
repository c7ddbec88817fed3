from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controllers.emulator.ber import Message, PduType, Tag, Value, Version, encode
from controllers.ntcip.message_size import (
    BATCH_LIMIT,
    COMMUNITY_ENVELOPE_BYTES,
    batches,
    binding_bytes,
    content_bytes,
)
from controllers.ntcip.objects import Oid

OIDS = st.lists(st.integers(0, 2**32 - 1), max_size=20).map(lambda arcs: (1, 3, *arcs))
VALUES = st.integers(-(2**31), 2**31 - 1) | st.binary(max_size=300) | OIDS


def wire(value: int | bytes | Oid) -> Value:
    if isinstance(value, int):
        return Value(Tag.INTEGER, value)
    return Value(Tag.OCTETS if isinstance(value, bytes) else Tag.OID, value)


def message_bytes(community: bytes, bindings: list[tuple[Oid, int | bytes | Oid]]) -> int:
    """Return the size of a SET as the emulator's own codec writes it."""
    named = tuple((oid, wire(value)) for oid, value in bindings)
    return len(encode(Message(Version.V1, community, PduType.SET, 2**31 - 1, 0, 0, named)))


@given(st.lists(st.tuples(OIDS, VALUES), min_size=1, max_size=30), st.binary(max_size=40))
def test_a_message_is_never_longer_than_its_parts_say(
    bindings: list[tuple[Oid, int | bytes | Oid]], community: bytes
) -> None:
    bound = sum(binding_bytes(oid, content_bytes(value)) for oid, value in bindings)
    size = message_bytes(community, bindings)
    assert size <= bound + COMMUNITY_ENVELOPE_BYTES + len(community)
    # And the bound is no wider than its envelope's slack.
    assert size >= bound + 20


@given(st.lists(st.integers(1, 200), max_size=100), st.integers(50, 1500))
def test_batches_keep_the_order_and_the_room(sizes: list[int], room: int) -> None:
    items = list(range(len(sizes)))
    cut = list(batches(items, sizes, lambda: room))
    assert [item for batch in cut for item in batch] == items
    for batch in cut:
        assert 1 <= len(batch) <= BATCH_LIMIT
        assert len(batch) == 1 or sum(sizes[item] for item in batch) <= room


def test_room_is_asked_anew_for_every_message() -> None:
    rooms = iter([10, 10, 10, 1000, 1000, 1000, 1000, 1000])
    assert [len(batch) for batch in batches("abcdef", [5] * 6, lambda: next(rooms))] == [2, 4]
